//! A whole connection: no bytes, and no way to split them, make it panic, hang, or answer out of step.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::connection(data));
