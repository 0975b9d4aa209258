//! Multipart forms: whatever the bytes, parts lie inside them, and no name of a file leads anywhere.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::multipart(data));
