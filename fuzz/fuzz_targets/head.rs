//! The request head: no bytes make it panic, and a prefix never says what the whole does not.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::head(data));
