//! Fuzzes a whole application: a strict client can read every response, however the bytes are split.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::application(data));
