use crate::explain;

const POST: &str = "POST / HTTP/1.1\r\nHost: a\r\n";
const SMUGGLED: &str = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";

/// Returns, for each reader of a POST with these fields and this body: the bytes it takes as the
/// body, what it finds at their end, and what it does.
fn assert_readings(fields: &str, body: &str, expected: &[&str]) {
    let message = format!("{POST}{fields}\r\n{body}");
    let explanation = explain::message(message.as_bytes());
    let told = explanation.interpretations().iter().map(|reading| {
        let (length, end) = (reading.body.len(), format!("{:?}", reading.end).to_lowercase());
        format!("{length} {end}: {}", reading.reader)
    });
    assert_eq!(told.collect::<Vec<_>>(), expected, "{fields:?} {body:?}");
}

#[test]
fn a_length_and_chunks_end_a_message_twice() {
    let both = "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n";
    let chunks = "5 complete: trusts Transfer-Encoding: chunked";
    assert_readings(both, "0\r\n\r\nG", &[chunks, "6 complete: trusts Content-Length: 6"]);
    assert_readings(&both.replace('6', "9"), "0\r\n\r\nG", &[chunks, "6 waiting(some(3)): trusts Content-Length: 9"]);
    assert_readings(
        &both.replace('6', "4"),
        &format!("20\r\n{SMUGGLED}\r\n0\r\n\r\n"),
        &["43 complete: trusts Transfer-Encoding: chunked", "4 complete: trusts Content-Length: 4"],
    );
    // Two codings, one of them spelled so that only some readers recognize it.
    assert_readings(
        "Content-Length: 4\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: x\r\n",
        "1\r\nZ\r\n0\r\n\r\n",
        &["11 complete: trusts Transfer-Encoding: chunked", "4 complete: trusts Content-Length: 4"],
    );
    assert_readings(
        "Content-Length: 6\r\nTransfer-Encoding : chunked\r\n",
        "0\r\n\r\nG",
        &[
            "5 complete: takes a misspelled line as Transfer-Encoding: \"chunked\"",
            "6 complete: trusts Content-Length: 6",
        ],
    );
    assert_readings(
        "Transfer-Encoding: x, chunked, y\r\n",
        "0\r\n\r\nG",
        &[
            "5 complete: finds chunked in Transfer-Encoding: \"x, chunked, y\"",
            "0 complete: ignores that Transfer-Encoding",
        ],
    );
    assert_readings("Transfer-Encoding: gzip\r\n", "abc", &["0 complete: forgives the fault"]);
}

#[test]
fn lengths_that_are_not_plain_are_read_in_several_ways() {
    let ignored = "0 complete: ignores that Content-Length";
    let cases: &[(&str, &[&str])] = &[
        (
            "Content-Length: 5\r\nContent-Length: 6",
            &["5 complete: trusts Content-Length: 5", "6 complete: trusts Content-Length: 6"],
        ),
        ("Content-Length: 5\r\nContent-Length: 5", &["5 complete: forgives the fault"]),
        (
            "Content-Length: 5, 6",
            &[
                "5 complete: reads Content-Length: \"5, 6\" as 5",
                "6 complete: reads Content-Length: \"5, 6\" as 6",
                ignored,
            ],
        ),
        ("Content-Length: +5", &["5 complete: reads Content-Length: \"+5\" as 5", ignored]),
        (
            "Content-Length: 0x5",
            &["0 complete: reads Content-Length: \"0x5\" as 0", "5 complete: reads Content-Length: \"0x5\" as 5"],
        ),
        (
            "Content-Length: 18446744073709551621",
            &[
                "5 complete: reads Content-Length: \"18446744073709551621\" as 5",
                "6 waiting(some(18446744073709551609)): reads Content-Length: \"18446744073709551621\" as 18446744073709551615",
            ],
        ),
        ("Content-Length:\r\n 5", &["5 complete: trusts Content-Length: 5", ignored]),
        ("Content-Length: five", &["0 complete: forgives the fault"]),
        // A field for one reader is part of a value for another.
        (
            "X: y\nContent-Length: 5",
            &["5 complete: trusts Content-Length: 5", "0 complete: takes only CR LF for the end of a line"],
        ),
        (
            "X: y\rContent-Length: 5",
            &["0 complete: takes LF for the end of a line", "5 complete: trusts Content-Length: 5"],
        ),
    ];
    for (fields, expected) in cases {
        assert_readings(&format!("{fields}\r\n"), "helloG", expected);
    }
}

#[test]
fn faults_of_chunks_are_forgiven_in_several_ways() {
    let cases: &[(&str, &[&str])] = &[
        (
            "5;\nhello\r\n0\r\n\r\nG",
            &[
                "15 complete: takes LF for the end of a chunk's line",
                "16 waiting(none): takes only CR LF for the end of a chunk's line",
            ],
        ),
        (
            "0x5\r\nhello\r\n0\r\n\r\nG",
            &[
                "17 complete: reads only the hexadecimal digits of a chunk's size",
                "5 complete: reads only those digits, and knows no trailers",
            ],
        ),
        (
            "10000000000000005\r\nhello\r\n0\r\n\r\nG",
            &[
                "32 waiting(some(18446744073709551602)): trusts the chunk's size",
                "31 complete: keeps 64 bits of the chunk's size",
            ],
        ),
        (
            "5\r\nhelloX\r\n0\r\n\r\nG",
            &[
                "10 lost: passes over two bytes after the data of a chunk",
                "16 complete: passes over everything up to the next line",
            ],
        ),
        (
            "0\r\nGET / HTTP/1.1\r\n\r\nG",
            &["21 complete: reads the lines after the last chunk as trailers", "3 complete: knows no trailers"],
        ),
        ("5;=\r\nhello\r\n0\r\n\r\nG", &["17 complete: forgives the fault"]),
        ("x\r\n", &["0 lost: forgives the fault"]),
    ];
    for (body, expected) in cases {
        assert_readings("Transfer-Encoding: chunked\r\n", body, expected);
    }
}

#[test]
fn what_follows_a_refusal_is_told_as_others_read_it() {
    let both = format!("{POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SMUGGLED}");
    let explanation = explain::message(both.replace(": 5", ": 37").as_bytes());
    assert_eq!(explanation.unread(), "37 bytes follow the head. This server closes and never reads them as requests.");
    assert_eq!(
        explanation.interpretations().iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "A reader that trusts Transfer-Encoding: chunked takes 5 bytes as the body, and the next 32 bytes as the start of another \
             request: `GET /admin HTTP/1.1`",
            "A reader that trusts Content-Length: 37 takes 37 bytes as the body, and nothing follows",
        ]
    );
    let cases: &[(String, &str)] = &[
        (format!("GET / HTTP/1.1\r\n\r\n{SMUGGLED}"), "32 bytes follow the head. This server closes and never"),
        (
            format!("{POST}Transfer-Encoding: chunked\r\n\r\nx\r\n{SMUGGLED}"),
            "34 bytes follow byte 56. This server closes and never",
        ),
        (
            format!("{POST}Connection: close\r\n\r\n{SMUGGLED}"),
            "32 bytes follow the request. This server closes after its",
        ),
        (
            "GET / HTTP/1.0\r\n\r\nG".into(),
            "1 byte follows the request. This server closes after its answer and never reads it as a",
        ),
        ("HTTP/1.1 2 OK\r\nContent-Length: 0\r\n\r\nHTTP".into(), "4 bytes follow the head. A strict client closes"),
        (format!("{POST}\r\n{SMUGGLED}"), ""),
        (format!("{POST}Content-Length: 500\r\n\r\n{SMUGGLED}"), ""),
    ];
    for (message, expected) in cases {
        let explanation = explain::message(message.as_bytes());
        assert!(explanation.unread().starts_with(expected), "{message:?}: {}", explanation.unread());
        assert_eq!(explanation.unread().is_empty(), expected.is_empty(), "{message:?}: {}", explanation.unread());
        assert!(explanation.unread().is_empty() || !explanation.continues(), "{message:?}");
    }
}

/// A client of another protocol is not an attack: its own protocol is the only interpretation.
#[test]
fn other_protocols_are_read_as_what_they_are() {
    let cases: &[(&[u8], &str)] = &[
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", "speaks HTTP/2"),
        (b"\x16\x03\x01\0\x05a\n\nbc more", "speaks TLS"),
    ];
    for (bytes, reader) in cases {
        let explanation = explain::message(bytes);
        let readers: Vec<_> = explanation.interpretations().iter().map(|reading| reading.reader.as_str()).collect();
        assert_eq!(readers, [*reader], "{explanation:?}");
    }
}

/// A cookie that only one of the readers would see is hidden too.
#[test]
fn a_secret_of_any_reading_is_hidden() {
    let message = format!("{POST}Content-Length: 5\r\nContent-Length: 20\r\n\r\nhelloCookie: abcdefgh\r\n");
    let explanation = explain::message(message.as_bytes());
    let told: String = explanation.interpretations().iter().map(ToString::to_string).collect();
    assert!(told.contains("`Cookie: •••`") && told.contains("request: `•••`"), "{told}");
    let hidden: Vec<_> = explanation.secrets().iter().map(|range| &message[range.clone()]).collect();
    assert_eq!(hidden, ["abcdefgh"]);
}
