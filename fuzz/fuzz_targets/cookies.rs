//! Fuzzes cookies by a grammar: those of a request are read as they were meant, one of a response is sent whole or not at all.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::cookies(data));
