//! Fuzzes the parser of request heads: no bytes make it panic, and a prefix of a head is incomplete.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::head(data));
