//! Fuzzes the chunked decoder: the result does not depend on how the bytes are split.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::chunked(data));
