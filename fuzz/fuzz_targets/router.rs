//! The router: any path against a fixed table gives a route, 404 or 405, and a captured parameter is a part of the path.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::router(data));
