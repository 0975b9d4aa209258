//! A capture file: any bytes are read, or refused with a sentence; what was read comes out in forms that other programs can read.
#![no_main]

use std::fmt::Display;

use serde_json::Value;

// The reader and the writers of the command, which is no library.
#[path = "../../cli/src/responses.rs"]
mod responses;
#[path = "../../cli/src/capture.rs"]
#[allow(dead_code, reason = "the command opens files with it")]
mod capture;
#[path = "../../cli/src/escape.rs"]
#[allow(dead_code, reason = "other commands draw more with it")]
mod escape;
#[path = "../../cli/src/export/har.rs"]
mod har;
#[path = "../../cli/src/export/pcap.rs"]
mod pcap;
#[path = "../../cli/src/export/transcript.rs"]
mod transcript;

/// Why a capture is refused.
struct Failure(String);

impl Failure {
    fn runtime(sentence: impl Display) -> Failure {
        Failure(sentence.to_string())
    }

    fn usage(sentence: impl Display) -> Failure {
        Failure(sentence.to_string())
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let capture = match capture::read(data, Failure::usage) {
        Ok(capture) => capture,
        Err(Failure(sentence)) => return assert!(!sentence.contains(char::is_control), "{sentence:?}"),
    };
    let har: Value = serde_json::from_slice(&har::write(&capture)).expect("an archive is JSON");
    assert!(har["log"]["entries"].is_array());
    let text = String::from_utf8(transcript::write(&capture)).expect("a transcript is text");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    packets(&pcap::write(&capture));
});

/// The lengths that a file of packets names lead from one to the next and to its end.
fn packets(file: &[u8]) {
    let mut rest = file.get(24..).expect("a header");
    while !rest.is_empty() {
        let length = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let packet = &rest[16..16 + length];
        assert_eq!(usize::from(u16::from_be_bytes([packet[2], packet[3]])), length, "IPv4's own length");
        rest = &rest[16 + length..];
    }
}
