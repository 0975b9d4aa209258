//! Fuzzes one field value of a request, or one text in a response: cookies, ranges, dates, tags, negotiation, proxies.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight_fuzz::field(data));
