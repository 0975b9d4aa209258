//! Fuzzes the fields of content negotiation by a grammar: the choice is that of the tables of RFC 9110, in any spelling and order.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::negotiation(data));
