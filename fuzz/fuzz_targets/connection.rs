//! Fuzzes a connection: no bytes and no split of them make it panic, hang, or respond out of order.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| wirelight::fuzzing::connection(data));
