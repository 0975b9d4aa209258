//! Fuzzes the explanation of a message: its pieces cover it, and the fault of the parser is among its findings.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::explanation(data));
