//! Fuzzes sealed values, sessions, passwords and tokens by a grammar: what was given out is accepted, nothing near it is.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::credentials(data));
