//! Fuzzes the plans of the wire view's composer: what keeps the bounds is taken, anything else is refused in one sentence.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::plan(data));
