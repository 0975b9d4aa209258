//! A message taken apart: its pieces tile it, and the parser's refusal is among what is wrong with it.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::explanation(data));
