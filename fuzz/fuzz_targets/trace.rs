//! Fuzzes the trace of a connection: valid JSON, no terminal controls, the same however the bytes are split.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::trace(data));
