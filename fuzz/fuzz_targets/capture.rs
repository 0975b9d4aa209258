//! Fuzzes the reader of capture files: any bytes are read or refused, and the exports of what was read are valid.
#![no_main]

use failure::Failure;
use serde_json::Value;

// The reader and the writers of the command, which is not a library.
#[path = "../../cli/src/capture.rs"]
#[allow(dead_code, reason = "the command opens files with it")]
mod capture;
#[path = "../../cli/src/escape.rs"]
#[allow(dead_code, reason = "the command escapes more with it")]
mod escape;
#[path = "../../cli/src/failure.rs"]
#[allow(dead_code, reason = "the command exits with its code")]
mod failure;
#[path = "../../cli/src/export/har.rs"]
mod har;
#[path = "../../cli/src/iso_date.rs"]
#[allow(dead_code, reason = "the log uses the other format")]
mod iso_date;
#[path = "../../cli/src/export/pcap.rs"]
mod pcap;
#[path = "../../cli/src/responses.rs"]
mod responses;
#[path = "../../cli/src/export/transcript.rs"]
mod transcript;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let capture = match capture::read(data, Failure::usage) {
        Ok(capture) => capture,
        Err(Failure { message, .. }) => return assert!(!message.contains(char::is_control), "{message:?}"),
    };
    let har: Value = serde_json::from_slice(&har::write(&capture)).expect("an archive is JSON");
    assert!(har["log"]["entries"].is_array());
    let text = String::from_utf8(transcript::write(&capture)).expect("a transcript is text");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    packets(&pcap::write(&capture));
});

/// Checks that the lengths in a pcap file lead from packet to packet and to its end.
fn packets(file: &[u8]) {
    let mut rest = file.get(24..).expect("a header");
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let packet = &rest[16..16 + length];
        assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), length, "IPv4's own length");
        rest = &rest[16 + length..];
    }
}
