//! Fuzzes both encodings of a form by a grammar: what a client wrote comes back, in any spelling.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::forms(data));
