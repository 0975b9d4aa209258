use super::*;
use proptest::prelude::*;

fn findings(bytes: &str) -> Vec<(usize, &'static str)> {
    pasted(bytes.as_bytes()).diagnostics().iter().map(|finding| (finding.at, finding.name)).collect()
}

#[test]
fn every_fault_is_found_at_its_byte() {
    let cases: &[(&str, &[(usize, &str)])] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[]),
        ("GET / HTTP/1.1\nHost: a\n\n", &[]),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", &[(23, "bare-lf")]),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", &[(20, "space-before-colon")]),
        ("GET / HTTP/1.1\r\n\r\n", &[(16, "host-missing")]),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nno colon\r\n x\r\nContent-Length: +1\r\n\r\n",
            &[(36, "field-name"), (44, "obs-fold"), (25, "host-repeated"), (64, "length-invalid")],
        ),
        ("GET /?a=%41&b=100%&c=% HTTP/1.1\r\nHost: a\r\n\r\n", &[(17, "lone-percent")]),
        ("GET /100%?b=50% HTTP/1.1\r\nHost: a\r\n\r\n", &[(8, "target-escape"), (14, "lone-percent")]),
        ("GET\r\nHost: a\r\nA b: c\r\n\r\n", &[(3, "request-line"), (15, "field-name")]),
        ("GET / HTTP/1.1\nHost: a\n", &[(25, "blank-line")]),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello", &[(53, "body-short")]),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", &[]),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx", &[(56, "chunk-size")]),
        ("HTTP/1.1 200 OK\r\nDate: tomorrow\r\nExpires: 0\r\nContent-Length: 0\r\n\r\n", &[(23, "date")]),
        ("HTTP/1.1 200 OK\r\nDate: Mon, 27 Mar 2026 12:00:00 GMT\r\nContent-Length: 0\r\n\r\n", &[(23, "date")]),
        (
            "HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n",
            &[(18, "space-before-colon"), (43, "length-and-coding"), (73, "body-short")],
        ),
        ("HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", &[(0, "status-line")]),
        ("HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", &[(15, "bare-lf")]),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", &[(12, "status-line")]),
        ("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", &[]),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", &[(36, "length-repeated")]),
        // A missing field may still arrive; a line that is present is checked.
        ("GET / HTTP/1.1\r\nA: b\r\n", &[(22, "blank-line")]),
        ("hello world", &[(11, "blank-line"), (11, "request-line")]),
        ("\n    GET / HTTP/1.1\n    Host: a\n\n", &[]),
        ("", &[(0, "blank-line")]),
    ];
    for (bytes, expected) in cases {
        assert_eq!(&findings(bytes)[..], *expected, "{bytes:?}");
    }
}

#[test]
fn what_was_not_pasted_is_what_it_is() {
    let explanation = message(b"GET / HTTP/1.1\nHost: a\n\n");
    let places: Vec<_> = explanation.diagnostics().iter().map(|finding| (finding.at, finding.name)).collect();
    assert_eq!(places, [(14, "bare-lf"), (22, "bare-lf"), (23, "bare-lf")]);
}

#[test]
fn the_body_is_measured() {
    let cases: &[(&str, &str, &str)] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", "There is none", "GET"),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nabGET", "3 more bytes follow", "GET"),
        ("PUT / HTTP/1.1\nHost: a\nContent-Length: 2\n\nab\n", "all of them are here", ""),
        ("HTTP/1.1 200 OK\r\n\r\nabc", "ends when the connection does", ""),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc", "with this status", "abc"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "2 bytes of data so far", ""),
        ("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nab\n0\n\n", "the last chunk is here", ""),
        ("  HTTP/1.1 200 OK\n  Content-Length: 5\n  \n  {\n    1\n", "all of them are here", ""),
        // Transfer-Encoding overrides Content-Length (RFC 9112 §6.3). If neither is valid, the
        // length is unknown.
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "the last chunk is here",
            "",
        ),
        // After a fault the spans continue as far as possible. The rest is not part of the message,
        // but it is kept.
        (
            "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1 x\r\na\r\n0\r\n\r\nGET",
            "before the fault",
            "GET",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "Unknown", ""),
        ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\nab", "Unknown", ""),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Unknown", ""),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n\x01\x02", "the protocol that was agreed on", ""),
    ];
    for (bytes, sentence, rest) in cases {
        let explanation = pasted(bytes.as_bytes());
        assert!(explanation.body().contains(sentence), "{bytes:?}: {}", explanation.body());
        assert_eq!(explanation.rest(), rest.as_bytes(), "{bytes:?}");
    }
}

#[test]
fn the_verdict_is_the_parsers() {
    let cases: &[(&str, &str)] = &[
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "stays open"),
        ("GET /?q=100% HTTP/1.1\r\nHost: a\r\n\r\n", "the request is valid"),
        ("GET / HTTP/1.0\r\n\r\n", "closes after"),
        ("GET / HTTP/1.1\r\nHost: a\r\n", "408 Request Timeout"),
        ("GET / HTTP/2.0\r\n\r\n", "505 HTTP Version Not Supported"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "waits for the rest"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "takes it as it is"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nq", "refuses it"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "As the answer to HEAD it is complete"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "refuses it"),
        ("HTTP/1.1 2 OK\r\nContent-Length: 0\r\n\r\n", "refuses it"),
    ];
    for (bytes, words) in cases {
        let explanation = pasted(bytes.as_bytes());
        assert!(explanation.verdict().contains(words), "{bytes:?}: {}", explanation.verdict());
    }
}

#[test]
fn a_size_in_decimal_is_found_out() {
    let short = message(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789\r\n");
    assert_eq!(
        short.diagnostics()[0].message,
        "The chunk promises 10, which is hexadecimal for 16 bytes, and 12 are here: a reader waits for 4 more"
    );
}

/// Checks that each step runs once per byte, not once per field: 10 MB take seconds.
#[test]
fn many_fields_take_no_longer_than_few_each() {
    let text = b"Date: Mon, 27 Mar 2026 12:00:00 GMT\r\n".repeat(100_000);
    assert_eq!(message(&[&b"HTTP/1.1 200 OK\r\n"[..], &text].concat()).spans().count(), 500_006);
}

proptest! {
    /// Mutations of a valid message reach more cases than random bytes.
    #[test]
    fn any_bytes_are_explained_and_tiled(
        mut bytes in prop_oneof![
            Just(b"GET /a?b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec()),
            Just(b"HTTP/1.1 200 OK\nContent-Length: 7\nDate: Mon, 27 Mar 2026 12:00:00 GMT\n\nabc\n".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..200),
        ],
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        for (place, byte) in changes {
            if !bytes.is_empty() {
                let at = place.index(bytes.len());
                bytes[at] = byte;
            }
        }
        let explanation = message(&bytes);
        let _ = pasted(&bytes);
        let shown: Vec<u8> = explanation.spans().flat_map(|piece| piece.bytes.to_vec()).collect();
        prop_assert_eq!(&[&shown[..], explanation.rest()].concat(), &explanation.bytes);
        for finding in explanation.diagnostics() {
            prop_assert!(finding.at <= explanation.bytes.len(), "{}", finding);
        }
        for reading in explanation.interpretations() {
            prop_assert!(reading.body.start <= reading.body.end && reading.body.end <= bytes.len(), "{}", reading);
            prop_assert!(!reading.to_string().contains(char::is_control), "{}", reading);
        }
    }
}
