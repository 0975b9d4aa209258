//! A whole application: whatever the bytes, however they come and go, a strict client can read every answer, and no text splits one.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::application(data));
