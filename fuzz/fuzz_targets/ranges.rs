//! Fuzzes Range and If-Range by a grammar: the bytes of a response are those that a set of positions says.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::ranges(data));
