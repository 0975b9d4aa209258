//! `wirelight replay` and `wirelight export` on a capture, on damaged ones, and on other bytes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use proptest::prelude::*;
use serde_json::{Value, json};

#[path = "captures/har.rs"]
mod har;
mod support;

use support::{bounded, trace};
use wirelight::{App, Response, Trace};

/// Four connections of the demo, with a refusal, a chunked body, HEAD after POST, and a secret that was masked.
const CAPTURE: &[u8] = include_bytes!("data/capture.ndjson");

fn wirelight(arguments: &[&str], input: &[u8]) -> Output {
    fed(Command::new(env!("CARGO_BIN_EXE_wirelight")).args(arguments), input)
}

/// The output of a command with this input.
fn fed(command: &mut Command, input: &[u8]) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, leash) = bounded::leashed(command);
    // A command that stops reading early has its reasons.
    let _ = child.stdin.take().unwrap().write_all(input);
    leash.output(child)
}

fn exported(format: &str) -> Vec<u8> {
    let output = wirelight(&["export", "--format", format, "-"], CAPTURE);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A tool that may be missing: its output, or none with the reason printed.
fn tool(name: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(name).args(arguments).output() {
        Ok(output) => {
            assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) => {
            println!("skipped: {name}: {error}");
            None
        }
    }
}

#[test]
fn the_same_events_come_out_of_the_parser() {
    let output = wirelight(&["replay", "-"], CAPTURE);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.ends_with("4 connections: 9 events equal, 0 different\n"), "{text}");
    assert!(text.contains("#4  req.error \"bare-lf\" at 72: equal"), "{text}");
}

/// Each worker counts its connections from 1.
#[test]
fn connections_of_several_workers_are_told_apart() {
    let one = String::from_utf8(CAPTURE.to_vec()).unwrap();
    let both = format!("{one}{}", one.replace("\"w\":0", "\"w\":1").split_once('\n').unwrap().1);
    let text = String::from_utf8(wirelight(&["replay", "-"], both.as_bytes()).stdout).unwrap();
    assert!(text.ends_with("8 connections: 18 events equal, 0 different\n"), "{text}");
    assert!(text.contains("#1.4  req.error"), "{text}");
}

/// A full ring, a server that was killed while it wrote, and a later version are no reason to refuse the rest.
#[test]
fn what_is_there_of_a_capture_is_used() {
    let text = String::from_utf8(CAPTURE.to_vec()).unwrap();
    let half = text.len() / 2;
    let later =
        text.replace("\"e\":\"conn.recv\"", "\"e\":\"conn.recv\",\"later\":[{}]") + "{\"q\":1,\"e\":\"later.still\"}\n";
    let first = text.find("{\"q\":1,").unwrap();
    let lost = format!("{}{{\"e\":\"probe.drop\",\"events\":7,\"bytes\":99}}\n{}", &text[..first], &text[first..]);
    for (capture, told) in
        [(&text[..half], "its last line is incomplete"), (&later, ""), (&lost, "7 events were dropped")]
    {
        let output = wirelight(&["replay", "-"], capture.as_bytes());
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && said.contains(" 0 different\n") && said.contains(told), "{said}");
        for format in ["txt", "har", "pcap"] {
            let output = wirelight(&["export", "--format", format, "-"], capture.as_bytes());
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success() && said.contains(told), "{format}: {said}");
        }
    }
}

/// A gap in a stream stays a gap in the export.
#[test]
fn bytes_that_were_not_recorded_are_missed() {
    let recv = |off: u64, data: &str| {
        format!("{{\"t\":1,\"c\":1,\"e\":\"conn.recv\",\"n\":{},\"off\":{off},\"data\":\"{data}\"}}\n", data.len())
    };
    let capture = recv(0, "GET / HTTP") + &recv(20, "Host: a");
    let said = |arguments: &[&str]| String::from_utf8(wirelight(arguments, capture.as_bytes()).stdout).unwrap();
    assert!(said(&["replay", "-"]).contains("#1  cannot be replayed: 10 of its bytes were not recorded"));
    assert!(said(&["export", "--format", "har", "-"]).contains("connection 1: 10 of its bytes were not recorded"));
    let text = said(&["export", "--format", "txt", "-"]);
    assert!(text.contains("→      20  Host: a") && text.contains("10 bytes were not recorded"), "{text}");
}

#[test]
fn what_was_tampered_with_is_noticed() {
    let text = String::from_utf8(CAPTURE.to_vec()).unwrap();
    for (from, to, told) in [
        ("\"kind\":\"space-before-colon\"", "\"kind\":\"bare-cr\"", "now req.error \"space-before-colon\" at 20"),
        ("[0,3,\"method\"]", "[0,3,\"target\"]", "differ"),
        ("Host : a", "Host: a ", "now parse.head at 0"),
    ] {
        assert!(text.contains(from), "{from}");
        let output = wirelight(&["replay", "-"], text.replacen(from, to, 1).as_bytes());
        assert_eq!(output.status.code(), Some(1), "{from}");
        assert!(String::from_utf8_lossy(&output.stdout).contains(told), "{from}");
    }
}

#[test]
fn the_transcript_shows_both_directions() {
    let text = String::from_utf8(exported("txt")).unwrap();
    for words in ["#1 from 127.0.0.1:", "→       0  GET ", "Cookie: ", "←       0  HTTP/1.1 200 OK␍␊", "close, staged"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn the_archive_has_the_shape_of_har_1_2() {
    let har: Value = serde_json::from_slice(&exported("har")).unwrap();
    let log = &har["log"];
    assert_eq!((log["version"].as_str(), log["creator"]["name"].as_str()), (Some("1.2"), Some("wirelight")));
    let entries = log["entries"].as_array().unwrap();
    let exchanges: Vec<_> = entries
        .iter()
        .map(|entry| format!("{} {}", entry["request"]["method"].as_str().unwrap(), entry["response"]["status"]))
        .collect();
    assert_eq!(exchanges, ["GET 200", "POST 201", "HEAD 200", "DELETE 204", "PUT 404"]);
    assert_eq!(har::complaints(&har), [""; 0]);
    assert_eq!(entries[0]["request"]["queryString"][0]["value"], "Ada");
    assert_eq!(entries[2]["response"]["content"]["size"], 0, "HEAD has no body");
    assert!(log["comment"].as_str().unwrap().contains("Left out: connection 2"));
}

/// The check is one: it finds what is missing, of another kind, or not in the format.
#[test]
fn what_is_no_har_1_2_is_noticed() {
    let har: Value = serde_json::from_slice(&exported("har")).unwrap();
    let cases = [
        ("/log/entries/0/startedDateTime", json!("22 Nov 2026"), ".log.entries[0].startedDateTime: \"22 Nov 2026\""),
        ("/log/entries/1/time", json!(-0.5), ".log.entries[1].time: -0.5"),
        ("/log/entries/0/request/url", json!("/hello"), ".log.entries[0].request.url: \"/hello\""),
        ("/log/entries/0/response/status", json!("200"), ".log.entries[0].response.status: \"200\""),
        (
            "/log/entries/2/response/headers",
            json!([{ "name": "Date" }]),
            ".log.entries[2].response.headers[0].value: missing",
        ),
        ("/log/entries/3/cache", json!({ "hit": true }), ".log.entries[3].cache.hit: not in HAR"),
        ("/log/entries/4/timings", json!(null), ".log.entries[4].timings: no object"),
        ("/log/creator", json!({ "_mood": "good", "name": "", "version": "" }), ""),
    ];
    for (place, value, complaint) in cases {
        let mut har = har.clone();
        *har.pointer_mut(place).unwrap() = value;
        assert_eq!(har::complaints(&har).join("\n"), complaint, "{place}");
    }
}

/// Targets that are not a path: HAR requires a URL for them too (RFC 9112 §3.3).
#[test]
fn every_target_becomes_a_url() {
    for (request, url) in [
        ("OPTIONS * HTTP/1.1\\r\\nHost: a:81", "http://a:81"),
        ("GET http://b/x?y HTTP/1.1\\r\\nHost: a", "http://b/x?y"),
        ("GET /x HTTP/1.0\\r\\nA: b", "http://localhost/x"),
    ] {
        let capture = format!(
            r#"{{"e":"conn.recv","c":1,"t":1,"n":1,"data":"{request}\r\n\r\n"}}
               {{"e":"conn.send","c":1,"t":2,"n":1,"data":"HTTP/1.1 204 No Content\r\n\r\n"}}"#
        );
        let output = wirelight(&["export", "--format", "har", "-"], capture.as_bytes());
        let har: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(har["log"]["entries"][0]["request"]["url"], url, "{har}");
        assert_eq!(har::complaints(&har), [""; 0]);
    }
}

/// The text of a body is what no encoding hides; other bytes are base64, of which none is lost. The command and the page agree.
#[test]
fn a_body_that_is_no_text_is_base64() {
    let bodies: [(&[u8], Option<&str>, Value); 6] = [
        (b"", None, json!({ "text": "" })),
        ("\u{feff}zo\u{eb}".as_bytes(), None, json!({ "text": "\u{feff}zo\u{eb}" })),
        (b"\xff", None, json!({ "text": "/w==", "encoding": "base64" })),
        (b"\xff\0", None, json!({ "text": "/wA=", "encoding": "base64" })),
        (b"\x89PNG\r\n", None, json!({ "text": "iVBORw0K", "encoding": "base64" })),
        (b"\x1f\x8b\x08", Some("gzip"), json!({ "comment": "The body is encoded: gzip." })),
    ];
    for (body, coding, rest) in bodies {
        let mut app = App::new();
        app.get("/", move |_| {
            let response = Response::default().bytes(body);
            coding.iter().fold(response, |response, coding| response.header("Content-Encoding", *coding))
        });
        let capture = trace::Output::default();
        app.test().trace(Trace::json().to(capture.clone())).get("/").send();
        let capture = capture.text();
        let mut expected = json!({ "size": body.len(), "mimeType": "application/octet-stream" });
        expected.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        let ours = wirelight(&["export", "--format", "har", "-"], capture.as_bytes()).stdout;
        for archive in [Some(ours), exported_by_the_page("har", capture.as_bytes())].into_iter().flatten() {
            let archive: Value = serde_json::from_slice(&archive).unwrap();
            assert_eq!(archive["log"]["entries"][0]["response"]["content"], expected);
            assert_eq!(har::complaints(&archive), [""; 0]);
        }
    }
}

/// A line for each packet: are both checksums right, is anything malformed or out of order; methods and targets of the requests in
/// it. The port is named, since a head in pieces is not taken for HTTP by its looks.
const TSHARK: &[&str] = &[
    "-d",
    "tcp.port==8795,http",
    "-o",
    "ip.check_checksum:TRUE",
    "-o",
    "tcp.check_checksum:TRUE",
    "-T",
    "fields",
    "-E",
    "separator=|",
    "-E",
    "aggregator=/s",
    "-e",
    "ip.checksum.status",
    "-e",
    "tcp.checksum.status",
    "-e",
    "_ws.malformed",
    "-e",
    "tcp.analysis.flags",
    "-e",
    "http.request.method",
    "-e",
    "http.request.uri",
];

/// Method and target of each request of the capture, in order: what the parser said of the heads that it took, and the two that it
/// refused for a field and a line end, which other readers take.
fn requests(events: &[Value]) -> Vec<(String, String)> {
    let mut requests = Vec::new();
    let mut streams = BTreeMap::<u64, String>::new();
    for event in events {
        let stream = streams.entry(event["c"].as_u64().unwrap()).or_default();
        let offset = event["off"].as_u64().unwrap_or_default() as usize;
        let piece = |stream: &str, kind: &str| {
            let spans = event["spans"].as_array().unwrap().iter().filter(|span| span[2] == *kind);
            let at = |edge: &Value| offset + edge.as_u64().unwrap() as usize;
            spans.map(|span| &stream[at(&span[0])..at(&span[1])]).collect::<String>()
        };
        match event["e"].as_str().unwrap() {
            "conn.recv" => stream.push_str(event["data"].as_str().unwrap_or_default()),
            "parse.head" => requests.push((piece(stream, "method"), piece(stream, "target") + &piece(stream, "query"))),
            "req.error" => requests.push(("GET".to_owned(), "/".to_owned())),
            _ => {}
        }
    }
    requests
}

#[test]
fn the_packets_are_read_by_other_tools() {
    let path = std::env::temp_dir().join(format!("wirelight-{}.synthetic.pcap", std::process::id()));
    std::fs::write(&path, exported("pcap")).unwrap();
    let file = path.to_str().unwrap();
    // A handshake, three packets at the end, and one for each read and write that moved bytes.
    let events: Vec<Value> =
        String::from_utf8(CAPTURE.to_vec()).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let count =
        |name: &str, moved: bool| events.iter().filter(|e| e["e"] == *name && (!moved || e["n"].is_u64())).count();
    let expected = 6 * count("conn.open", false) + count("conn.recv", true) + count("conn.send", true);
    assert_eq!(count("conn.open", false), count("conn.close", false));
    if let Some(text) = tool("tcpdump", &["-nvr", file]) {
        assert_eq!(text.matches("proto TCP").count(), expected, "{text}");
        assert_eq!(text.matches("(correct)").count(), expected, "{text}");
    }
    if let Some(text) = tool("tshark", &[&["-r", file][..], TSHARK].concat()) {
        let frames: Vec<Vec<&str>> = text.lines().map(|line| line.split('|').collect()).collect();
        assert_eq!(frames.len(), expected, "{text}");
        for frame in &frames {
            assert!(frame[..2].iter().all(|sum| ["1", "Good"].contains(sum)), "checksums of IP and TCP: {frame:?}");
            assert_eq!(frame[2..4], ["", ""], "malformed, out of order: {frame:?}");
        }
        let pairs = frames.iter().flat_map(|frame| frame[4].split(' ').zip(frame[5].split(' ')));
        let listed: Vec<_> = pairs.filter(|pair| *pair != ("", "")).collect();
        let asked = requests(&events);
        assert_eq!(listed, asked.iter().map(|(method, target)| (&method[..], &target[..])).collect::<Vec<_>>());
    }
    std::fs::remove_file(&path).unwrap();
}

/// What the page of the wire view exports of the capture; none without node.
fn exported_by_the_page(format: &str, capture: &[u8]) -> Option<Vec<u8>> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/wire/export.mjs");
    if Command::new("node").arg("--version").output().is_err() {
        println!("skipped: node is not installed");
        return None;
    }
    let mut command = Command::new("node");
    command.args([script, "/dev/stdin", format]);
    let output = fed(&mut command, capture);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

/// The page and the command are two programs; what they write is the same, to a microsecond: in JavaScript the wall clock has no nanoseconds.
#[test]
fn the_page_exports_what_the_command_exports() {
    let Some(theirs) = exported_by_the_page("pcap", CAPTURE) else { return };
    let (ours, mut at) = (exported("pcap"), 24);
    assert_eq!((ours.len(), &ours[..at]), (theirs.len(), &theirs[..at]));
    while at < ours.len() {
        let word = |file: &[u8], at: usize| u64::from(u32::from_le_bytes(file[at..at + 4].try_into().unwrap()));
        let micros = |file: &[u8]| word(file, at) * 1_000_000 + word(file, at + 4);
        assert!(micros(&ours).abs_diff(micros(&theirs)) <= 1, "at byte {at}");
        let end = at + 16 + word(&ours, at + 8) as usize;
        assert_eq!(ours[at + 8..end], theirs[at + 8..end], "at byte {at}");
        at = end;
    }
    let archives = [exported("har"), exported_by_the_page("har", CAPTURE).unwrap()].map(|file| {
        let archive: Value = serde_json::from_slice(&file).unwrap();
        assert_eq!(har::complaints(&archive), [""; 0]);
        let mut entries = archive["log"]["entries"].as_array().unwrap().clone();
        for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
            // When a request was whole: the page knows when its parser said so, the command when its last byte came.
            entry.retain(|name, _| !["time", "timings"].contains(&name.as_str()));
        }
        entries
    });
    assert_eq!(archives[0], archives[1]);
    assert_eq!(archives[0].len(), 5);
    let lines = String::from_utf8(exported_by_the_page("poke", CAPTURE).unwrap()).unwrap();
    let first = r"wirelight poke :8000 'GET /hello?name=Ada HTTP/1.1\r\nHost: a\r\nCookie: ************\r\n\r\n' --at 4,9 --gap 7ms";
    assert_eq!(lines.lines().next(), Some(first));
}

#[test]
fn files_are_named_after_the_capture() {
    let folder = std::env::temp_dir().join(format!("wirelight-export-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let capture = folder.join("wire.ndjson");
    std::fs::write(&capture, CAPTURE).unwrap();
    for (format, name) in [("txt", "wire.txt"), ("har", "wire.har"), ("pcap", "wire.synthetic.pcap")] {
        let output = wirelight(&["export", "--format", format, capture.to_str().unwrap()], b"");
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).contains(name));
        assert!(folder.join(name).metadata().unwrap().len() > 100);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn no_secret_leaves_in_any_form() {
    assert!(CAPTURE.windows(7).any(|window| window == b"Cookie:"), "there is one");
    for format in ["txt", "har", "pcap"] {
        assert!(!exported(format).windows(4).any(|window| window == b"hush"), "{format}");
    }
}

#[test]
fn mistakes_get_a_sentence() {
    let cases: &[(&[&str], &[u8], i32, &str)] = &[
        (&["replay"], b"", 2, "needs a file"),
        (&["export", "-"], b"", 2, "--format must be txt, har or pcap"),
        (&["export", "--format", "zip", "-"], b"", 2, "--format must be"),
        (&["replay", "there is no such file"], b"", 2, "cannot read"),
        (&["replay", "-"], b"{}\n{", 1, "line 1 of the capture is not an event"),
        (
            &["replay", "-"],
            b"\n\x00\xff",
            1,
            "line 2 of the capture is not JSON: expected value at line 1 column 1; `wirelight --record FILE` writes one",
        ),
        (&["replay", "/dev/zero"], b"", 1, "line 1 of the capture is longer than"),
        (&["replay", "-"], br#"{"e":"conn.recv","c":1,"t":1,"n":1,"data":"\u4e2d"}"#, 1, "has an incomplete"),
    ];
    for (arguments, input, code, words) in cases {
        let output = wirelight(arguments, input);
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {sentence}");
        assert!(sentence.contains(words) && sentence.lines().count() == 1, "{arguments:?}: {sentence}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    /// Whatever a file holds, the command ends with an explanation: code 0 or 1, and nothing that drives a terminal.
    #[test]
    fn any_file_is_survived(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut in any::<prop::sample::Index>()) {
        let mut bytes = CAPTURE.to_vec();
        for (place, byte) in changes {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        for arguments in [&["replay", "-"][..], &["export", "--format", "har", "-"], &["export", "--format", "txt", "-"], &["export", "--format", "pcap", "-"]] {
            let output = wirelight(arguments, &bytes);
            prop_assert!(matches!(output.status.code(), Some(0 | 1)), "{:?}: {}", arguments, String::from_utf8_lossy(&output.stderr));
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            prop_assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{told:?}");
        }
    }
}
