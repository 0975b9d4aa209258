//! Fuzzes multipart forms: parts are inside the bytes, and file names have no path.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::multipart(data));
