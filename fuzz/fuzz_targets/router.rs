//! Fuzzes the router: any path has a route, 404 or 405, and parameters are parts of the path.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::router(data));
