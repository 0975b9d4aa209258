//! Tests `paste` with texts as they are copied from tools.

use super::*;

/// Returns the first words of the note, and each message with its kind; line ends are shown as `|`.
fn read(text: &[u8]) -> (String, Vec<(String, Kind)>) {
    let paste = detect(text);
    let part = |part: &Part| (String::from_utf8_lossy(&part.bytes).replace("\r\n", "|"), part.kind);
    (paste.note.clone(), paste.parts.iter().map(part).collect())
}

fn assert_read(text: &[u8], note: &str, messages: &[(&str, Kind)]) {
    let (told, found) = read(text);
    assert!(told.starts_with(note) && told.is_empty() == note.is_empty(), "{note:?}: {told:?}");
    let found: Vec<_> = found.iter().map(|(bytes, kind)| (bytes.as_str(), *kind)).collect();
    assert_eq!(found, messages, "{}", text.escape_ascii());
}

const SHOWN: Kind = Kind::Tool(Source::Curl { hidden_bytes: None });

const fn counted(hidden: u64) -> Kind {
    Kind::Tool(Source::Curl { hidden_bytes: Some(hidden) })
}

#[test]
fn the_output_of_curl_v_is_two_messages() {
    let requested = "GET /hello HTTP/1.1|Host: a||";
    let note = "The output of curl -v.";
    let whole = "*   Trying 127.0.0.1:8000...\n* Connected to a (127.0.0.1) port 8000 (#0)\n> GET /hello HTTP/1.1\r\n> Host: a\r\n> \r\n\
                 < HTTP/1.1 200 OK\r\n< Content-Length: 2\r\n< \r\n{ [2 bytes data]\n\
                 \r100     2  100     2    0     0   3887      0 --:--:-- --:--:-- --:--:--  4500\n\
                 * Connection #0 to host a left intact\nhi\n";
    let answered = "HTTP/1.1 200 OK|Content-Length: 2||hi\n";
    assert_read(whole.as_bytes(), note, &[(requested, SHOWN), (answered, counted(2))]);
    // From a terminal, with curl's line after the body; without the lines that begin with *; with
    // times and connection numbers.
    let terminal = "$ curl -v a\n> GET /hello HTTP/1.1\n> Host: a\n>\n< HTTP/1.1 200 OK\n< Content-Length: 2\n<\n\
                    hi* Connection #0 to host a left intact";
    assert_read(terminal.as_bytes(), note, &[(requested, SHOWN), ("HTTP/1.1 200 OK|Content-Length: 2||hi", SHOWN)]);
    let stamped =
        "08:16:53.588316 [0-0] > GET /hello HTTP/1.1\n08:16:53.588316 [0-0] > Host: a\n08:16:53.588316 [0-0] > \n";
    assert_read(stamped.as_bytes(), note, &[(requested, SHOWN)]);
    // Sent bytes are counted only, and an interim response is a separate message.
    let upload = "> PUT / HTTP/1.1\n> Expect: 100-continue\n> \n< HTTP/1.1 100 Continue\n< \n} [5 bytes data]\n\
                  < HTTP/1.1 204 No Content\n< \n* Closing connection\n";
    assert_read(
        upload.as_bytes(),
        note,
        &[
            ("PUT / HTTP/1.1|Expect: 100-continue||", counted(5)),
            ("HTTP/1.1 100 Continue||", SHOWN),
            ("HTTP/1.1 204 No Content||", SHOWN),
        ],
    );
}

#[test]
fn a_trace_of_curl_is_the_bytes_of_the_wire() {
    let ascii = "== Info: Connected to a\n=> Send header, 32 bytes (0x20)\n0000: GET /a HTTP/1.1\n0011: Accept: */*\n\
                 001e: \n<= Recv header, 17 bytes (0x11)\n0000: HTTP/1.1 200 OK\n<= Recv header, 2 bytes (0x2)\n0000: \n\
                 => Send SSL data, 5 bytes (0x5)\n0000: .....\n<= Recv data, 13 bytes (0xd)\n0000: 8\n0003: piece 1.\n\
                 <= Recv data, 71 bytes (0x47)\n0000: 3c\n0004: 012345678901234567890123456789012345678901234567890123456789\n\
                 0042: 0\n0045: \n";
    let long = "0123456789".repeat(6);
    let answer = format!("HTTP/1.1 200 OK||8|piece 1.|3c|{long}|0||");
    let note = "The output of curl --trace-ascii";
    let (told, found) = read(ascii.as_bytes());
    assert!(told.starts_with(note), "{told}");
    assert_eq!(found[0], ("GET /a HTTP/1.1|Accept: */*||".into(), Kind::Raw));
    assert_eq!(found[1], (answer, Kind::Raw));
    let hex = "08:16:53.589132 => Send header, 18 bytes (0x12)\n\
               0000: 47 45 54 20 2f 20 48 54 54 50 2f 31 2e 30 0d 0a GET / HTTP/1.0..\n0010: 0d 0a                                           ..\n\
               08:16:53.589132 <= Recv data, 3 bytes (0x3)\n0000: 00 ff 62                                        ..b\n";
    let paste = detect(hex.as_bytes());
    let parts: Vec<_> = paste.parts.iter().map(|part| (part.bytes.as_slice(), part.kind)).collect();
    assert_eq!(parts, [(&b"GET / HTTP/1.0\r\n\r\n"[..], Kind::Raw), (b"\0\xffb", Kind::Raw)]);
    assert_eq!(paste.note, "The output of curl --trace: the bytes of the wire.");
}

#[test]
fn http_2_as_tools_write_it() {
    let frames = Kind::Tool(Source::Http2);
    let note = "This is HTTP/2";
    let asked = "POST /x?y HTTP/1.1|Host: a.example|accept: */*||";
    let cases: &[(&str, &[(&str, Kind)])] = &[
        (":authority: a.example\n:method: POST\n:path: /x?y\n:scheme: https\naccept: */*\n", &[(asked, frames)]),
        ("Request Headers\n:authority\na.example\n:method\nPOST\n:path\n/x?y\naccept\n*/*\n", &[(asked, frames)]),
        (
            ":method: GET\n:path: /\na: b\n\n:status: 200\nc: d\n",
            &[("GET / HTTP/1.1|a: b||", frames), ("HTTP/1.1 200 |c: d||", frames)],
        ),
        ("HTTP/2 200 \nserver: x\n\nbody\n", &[("HTTP/1.1 200 |server: x||body\n", frames)]),
        ("GET / HTTP/2\nHost: a\n", &[("GET / HTTP/1.1|Host: a||", frames)]),
    ];
    for (text, messages) in cases {
        assert_read(text.as_bytes(), note, messages);
    }
    let curl = "> GET / HTTP/2\n> Host: a\n> \n< HTTP/2 204 \n< \n";
    let (told, found) = read(curl.as_bytes());
    assert!(told.contains("curl -v") && told.contains(note), "{told}");
    assert_eq!(found, [("GET / HTTP/1.1|Host: a||".into(), frames), ("HTTP/1.1 204 ||".into(), frames)]);
    // Bytes with CR LF are explained unchanged.
    assert_read(b"GET / HTTP/2.0\r\n\r\n", "", &[("GET / HTTP/2.0||", Kind::Text)]);
}

#[test]
fn dumps_and_encodings_are_undone() {
    let message = "GET / HTTP/1.1|Host: a||";
    let cases: &[(&str, &[u8], Kind)] = &[
        (
            "A hex dump",
            b"00000000: 4745 5420 2f20 4854 5450 2f31 2e31 0d0a  GET / HTTP/1.1..\n00000010: 486f 7374 3a20 610d 0a0d 0a              Host: a....\n",
            Kind::Text,
        ),
        (
            "A hex dump",
            b"00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / HTTP/1.1..|\n\
              00000010  48 6f 73 74 3a 20 61 0d  0a 0d 0a                 |Host: a....|\n0000001b\n",
            Kind::Text,
        ),
        (
            "A hex dump",
            b"0000   47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a   GET / HTTP/1.1..\n\
              0010   48 6f 73 74 3a 20 61 0d 0a 0d 0a                  Host: a....\n",
            Kind::Text,
        ),
        ("A text in base64", b"R0VUIC8gSFRUUC8xLjENCkhvc3Q6\nIGENCg0K\n", Kind::Text),
        ("A string with escapes", br#""GET / HTTP/1.1\r\nHost: a\r\n\x0d\x0a""#, Kind::Text),
        ("A text with a byte order mark", b"\xef\xbb\xbfGET / HTTP/1.1\r\nHost: a\r\n\r\n", Kind::Text),
        ("", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", Kind::Text),
        ("", b"```http\nGET / HTTP/1.1\r\nHost: a\r\n\r\n```\n", Kind::Text),
    ];
    for (note, text, kind) in cases {
        assert_read(text, note, &[(message, *kind)]);
    }
    let utf16: Vec<u8> = "\u{feff}GET / HTTP/1.1\r\n\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_read(&utf16, "A text in UTF-16", &[("GET / HTTP/1.1||", Kind::Text)]);
}

#[test]
fn what_is_not_http_is_named() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x16\x03\x01\x02\0\x01", "A TLS handshake"),
        (b"\x15\x03\x03\0\x02", "A TLS record"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "The preface of HTTP/2"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "The greeting of SSH"),
        (b"curl 'https://a.example/' -H 'accept: */*'\n", "A command, not a message"),
        (b"Dear Sir,\nhello: world\n", "This does not look like HTTP"),
        (b"a\0\x01\xff", "This does not look like HTTP"),
        (b"{\"log\": {}}", "This does not look like HTTP"),
    ];
    for (text, note) in cases {
        let paste = detect(text);
        assert!(paste.note.starts_with(note) && paste.foreign, "{paste:?}");
        assert_eq!(paste.parts.len(), 1, "{paste:?}");
    }
    for empty in [&b""[..], b"\n\n", b" \r\n"] {
        let paste = detect(empty);
        assert!(paste.note.starts_with("Nothing") && paste.parts.is_empty(), "{paste:?}");
    }
    // Invalid HTTP is not another protocol.
    for text in ["GET/ HTTP/1.1\r\n", "get / http/1.1\r\n", "HTTP/1.1 2 OK\r\n", "WORLD\r\nHost: a\r\n", "GET /\r\n"] {
        assert!(!detect(text.as_bytes()).foreign, "{text:?}");
    }
    assert!(detect(b"GET /\r\n").note.starts_with("A request of HTTP/0.9"));
    assert_read(
        b"Server: a\nDate: b\n",
        "Fields without a first line.",
        &[("HTTP/1.1 200 OK\nServer: a\nDate: b\n", Kind::Text)],
    );
}

/// A response after a request is a separate message, even if the request is invalid; lines in a
/// body belong to the body.
#[test]
fn a_conversation_is_cut_where_the_response_begins() {
    let text = Kind::Text;
    assert_read(
        b"GET / HTTP/1.1\r\n\r\nHTTP/1.1 400 Bad Request\r\n\r\n",
        "",
        &[("GET / HTTP/1.1||", text), ("HTTP/1.1 400 Bad Request||", text)],
    );
    let body = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 19\r\n\r\n\r\nHTTP/1.1 200 OK\r\n";
    assert_read(body.as_bytes(), "", &[(body.replace("\r\n", "|").as_str(), text)]);
}

/// Any bytes, including parts of every format, are detected as something that can be explained.
#[test]
fn any_text_is_explained() {
    use proptest::prelude::*;
    let piece = prop_oneof![
        prop::sample::select(vec![
            "> ",
            "< ",
            "* ",
            "GET / HTTP/1.1",
            "HTTP/1.1 200 OK",
            "HTTP/2 200",
            "\r\n",
            "\n",
            "\n\n",
            "{ [5 bytes data]",
            "=> Send header, 9 bytes (0x9)",
            "<= Recv data, 99999999999 bytes (0x)",
            "0000: ",
            "ffffffff: 47 45",
            ":method",
            ": GET",
            "Host: a",
            "\\r\\n",
            "R0VUIC8g",
            "47 45 54 ",
            "```",
            "\u{feff}",
            "12:00:00.000001 ",
            "[0-0] ",
            "Content-Length: 5, 6",
            "Transfer-Encoding: chunked",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
    ];
    proptest!(|(pieces in prop::collection::vec(piece, 0..24))| {
        let text = pieces.concat();
        let paste = detect(&text);
        prop_assert!(!paste.note.contains(char::is_control), "{:?}", paste.note);
        let bytes: usize = paste.parts.iter().map(|part| part.bytes.len()).sum();
        prop_assert!(bytes <= 70 * text.len() + 400, "{bytes} of {}", text.len());
        for part in &paste.parts {
            let explanation = part.explain();
            prop_assert!(!explanation.verdict().is_empty());
            prop_assert!(part.rest(&explanation).is_none_or(|rest| rest.bytes.len() < 2 * part.bytes.len().max(1)));
        }
    });
}
