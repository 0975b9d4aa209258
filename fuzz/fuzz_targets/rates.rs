//! Fuzzes rate limits by a grammar: every spelling of a list means the list, and an error names its column.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::rates(data));
