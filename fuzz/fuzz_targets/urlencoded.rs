//! Fuzzes forms and queries: any text decodes, within its limits, to pairs that encode to the same form.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::urlencoded(data));
