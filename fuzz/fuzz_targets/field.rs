//! One field's value, or one text that goes into an answer: cookies, ranges, dates, tags, negotiation, proxies, and the ways out.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::field(data));
