//! The chunked decoder: whatever the bytes and wherever they are split, it ends where a decoder that sees all of them ends.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::chunked(data));
