//! The trace of a connection: always JSON, never a control to a terminal, and the same whatever the cuts.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::trace(data));
