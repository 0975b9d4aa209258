//! Entry points for the fuzz targets of private parts; compiled only with `--cfg fuzzing`. The
//! other targets are in `fuzz/src`.
//!
//! Each function panics if an invariant is broken. The main one: the meaning of bytes does not
//! depend on how the network split them.

use crate::app::App;
use crate::explain::{self, Explanation};
use crate::http1::chunked::{Decoder, Progress, encode_chunk, encode_end};
use crate::http1::connection::{Connection, Event};
use crate::http1::encode::Content;
use crate::http1::fault::ProtocolError;
use crate::http1::head::Head;
use crate::http1::limits::Limits;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::middleware::rate_limit::{Rate, try_parse_rates};
use crate::request::Request;
use crate::request::multipart::streamed::read_pieces;
use crate::routing::pattern::Pattern;
use crate::routing::tree::{Match, Params, Tree};

/// Limits so small that a fuzzer exceeds each of them.
const TIGHT: Limits = Limits {
    head: 512,
    request_line: 128,
    fields: 8,
    body: 256,
    bodies: u64::MAX,
    chunk_extension: 8,
    chunk_extensions: 12,
    trailers: 32,
};

const ROUTES: &[&str] = &[
    "/",
    "/users",
    "/users/{id:int}",
    "/users/{name}/posts/{slug}",
    "/users/me/posts/",
    "/items/{id:uuid}",
    "/prices/{price:float}",
    "/files/{path:path}",
    "/café/{x}",
];

/// Checks that a head is complete at one byte and not before, and that its spans are inside it.
pub fn head(data: &[u8]) {
    for limits in [&Limits::default(), &TIGHT] {
        let mut head = Head::default();
        match head.parse(data, limits) {
            Ok(true) => {
                let length = head.length;
                assert!(length <= data.len() && length <= limits.head && head.fields().len() <= limits.fields);
                assert!(head.fields().iter().all(|field| field.name.range().end <= field.value.range().start));
                assert!(head.fields().iter().all(|field| field.value.range().end < length));
                assert_eq!(head.parse(&data[..length], limits), Ok(true));
                assert_eq!(meaning(&head, data), reparsed(&head, data));
                for shorter in [length - 1, length / 2] {
                    assert_eq!(head.parse(&data[..shorter], limits), Ok(false), "{shorter} of {length} bytes");
                }
            }
            Ok(false) => {}
            Err(reject) => assert!(reject.at <= data.len(), "{reject:?} outside of {} bytes", data.len()),
        }
    }
}

/// The parsed request line and field lines.
type Meaning = (Method, Vec<u8>, Vec<(Vec<u8>, Vec<u8>)>);

fn meaning(head: &Head, data: &[u8]) -> Meaning {
    let fields = head.fields().iter().map(|field| (field.name.of(data).to_vec(), field.value.of(data).to_vec()));
    (head.method, head.target.whole.of(data).to_vec(), fields.collect())
}

/// Writes a head from the parsed parts, and parses it again.
fn reparsed(head: &Head, data: &[u8]) -> Meaning {
    let (method, target, fields) = meaning(head, data);
    let mut bytes =
        [method.as_str().as_bytes(), b" ", &target, format!(" {}\r\n", head.version.as_str()).as_bytes()].concat();
    for (name, value) in fields {
        bytes.extend_from_slice(&[&name[..], b": ", &value, b"\r\n"].concat());
    }
    bytes.extend_from_slice(b"\r\n");
    let (mut again, roomy) = (Head::default(), Limits { head: usize::MAX, ..Limits::default() });
    assert_eq!(again.parse(&bytes, &roomy), Ok(true), "{}", bytes.escape_ascii());
    meaning(&again, &bytes)
}

/// Checks that the result does not depend on the split, nor on whether the body is read while it
/// arrives, and that encoded chunks decode.
pub fn chunked(data: &[u8]) {
    let Some((&step, raw)) = data.split_first() else { return };
    let step = usize::from(step).max(1);
    let whole = decode(raw, raw.len().max(1), &TIGHT);
    assert_eq!(decode(raw, step, &TIGHT), whole);
    assert_eq!(receive_pieces(raw, step, &TIGHT), whole);
    if let Ok(Some((body, used))) = whole {
        assert!(body.len() <= used && used <= raw.len());
    }
    let mut encoded = Vec::new();
    raw.chunks(step).for_each(|chunk| encode_chunk(&mut encoded, chunk));
    encode_end(&mut encoded);
    let limits = Limits { body: raw.len() as u64, ..TIGHT };
    assert_eq!(decode(&encoded, step, &limits), Ok(Some((raw.to_vec(), encoded.len()))));
}

/// Checks that a connection has the same results for bytes in pieces and at once.
pub fn connection(data: &[u8]) {
    let Some((&step, input)) = data.split_first() else { return };
    for limits in [&Limits::default(), &TIGHT] {
        let whole = run(input, input.len().max(1), limits);
        assert_eq!(run(input, usize::from(step).max(1), limits), whole);
    }
}

/// Checks that the route that is found is one that matches, and that parameters are inside the
/// path.
pub fn router(data: &[u8]) {
    let Some((&choice, path)) = data.split_first() else { return };
    if !path.starts_with(b"/") || !path.iter().all(u8::is_ascii_graphic) {
        return; // not a request target
    }
    let mut tree = Tree::default();
    for (number, pattern) in (0..).zip(ROUTES) {
        let Ok(pattern) = Pattern::parse(pattern) else { continue };
        let _ = tree.insert(&pattern, if number % 3 == 0 { Method::POST } else { Method::GET }, number);
    }
    let method = [Method::GET, Method::POST, Method::HEAD, Method::PUT][usize::from(choice) % 4];
    let mut params = Params::default();
    let found = tree.find(method, path, path.contains(&b'%'), &mut params);
    assert!((0..params.len()).all(|at| params.span(at).is_some_and(|span| span.range().end <= path.len())));
    let matched: Vec<u32> =
        tree.explain(path).into_iter().filter(|observed| observed.matched).map(|observed| observed.route).collect();
    match found {
        Match::Route(route) => assert!(matched.contains(&route), "{route} of {matched:?}"),
        Match::Methods(_) => assert!(!matched.is_empty()),
        Match::Slash { .. } | Match::None => assert_eq!(matched, [0; 0]),
    }
}

/// Checks that the pairs of a form are the same after writing and reading them, and that the first
/// pair with a name is used.
pub fn urlencoded(data: &[u8]) {
    let bytes = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n";
    let mut head = Head::default();
    assert_eq!(head.parse(bytes, &Limits::default()), Ok(true));
    let app = App::new();
    let request = Request::new(&head, bytes, data, &None, app.app_state());
    let pairs: Vec<_> = request.form_pairs().collect();
    for (name, _) in &pairs {
        let first = pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        assert_eq!(request.form(name), first);
    }
    let written = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
    let again = Request::new(&head, bytes, written.as_bytes(), &None, app.app_state());
    assert_eq!(again.form_pairs().collect::<Vec<_>>(), pairs);
}

/// Checks that the parts of a multipart form are in its bytes, in order, that the lenient readers
/// agree with the strict one, and that the parts are the same when they are read while they arrive.
pub fn multipart(data: &[u8]) {
    let bytes = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n";
    let mut head = Head::default();
    assert_eq!(head.parse(bytes, &Limits::default()), Ok(true));
    let app = App::new();
    let request = Request::new(&head, bytes, data, &None, app.app_state());
    let parts = request.parts().unwrap_or_default();
    let mut end = 0;
    for part in &parts {
        if !part.bytes().is_empty() {
            let at = part.bytes().as_ptr().addr() - data.as_ptr().addr();
            assert!(at >= end && at + part.bytes().len() <= data.len());
            end = at + part.bytes().len();
        }
        assert!(part.safe_filename().is_none_or(|name| !name.contains(['/', '\\', '\0']) && !name.starts_with('.')));
    }
    assert_eq!(request.files().count() + request.form_pairs().count(), parts.len());
    let collected = request.parts().map_err(|error| error.to_string());
    let collected = collected.map(|parts| parts.iter().map(|part| part.bytes().to_vec()).collect::<Vec<_>>());
    let streamed = read_pieces("x", &mut data.chunks(1 + data.len() % 61)).map_err(|error| error.to_string());
    assert_eq!(streamed.map(|parts| parts.into_iter().map(|(_, data)| data).collect()), collected);
}

/// Parses rate limits.
///
/// # Errors
/// A sentence with the column.
pub fn rates(text: &str) -> Result<Vec<Rate>, String> {
    try_parse_rates(text)
}

/// Parses a plan of the wire view's composer.
///
/// # Errors
/// What is wrong with it, in a sentence.
#[cfg(feature = "wire")]
pub fn plan(value: &serde_json::Value) -> Result<(), String> {
    crate::wire::Plan::parse(value).map(drop)
}

/// Returns the body and its raw length; `None` if it is incomplete.
fn decode(raw: &[u8], step: usize, limits: &Limits) -> Result<Option<(Vec<u8>, usize)>, ProtocolError> {
    let (mut decoder, mut buffer) = (Decoder::new(), Vec::new());
    for piece in raw.chunks(step) {
        buffer.extend_from_slice(piece);
        if decoder.decode(&mut buffer, limits, limits.body)? == Progress::Done {
            let used = decoder.consumed();
            buffer.truncate(decoder.decoded());
            return Ok(Some((buffer, used)));
        }
    }
    Ok(None)
}

/// As [`decode`], for a body that is read while it arrives.
fn receive_pieces(raw: &[u8], step: usize, limits: &Limits) -> Result<Option<(Vec<u8>, usize)>, ProtocolError> {
    let mut bytes = *b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (mut connection, mut head) = (Connection::new(), Head::default());
    assert_eq!(connection.receive(&mut bytes, &mut head, limits), Ok(Event::Head));
    connection.set_body_limit(limits.body, &head)?;
    connection.release_head();
    let (mut body, mut used) = (Vec::new(), 0);
    for piece in raw.chunks(step) {
        let mut piece = piece.to_vec();
        let chunk = connection.receive_chunk(&mut piece, limits)?;
        assert!(chunk.data.iter().all(|data| !data.is_empty() && data.end <= chunk.consumed));
        chunk.data.into_iter().for_each(|data| body.extend_from_slice(&piece[data]));
        used += chunk.consumed;
        if !connection.expects_body() {
            return Ok(Some((body, used)));
        }
        assert_eq!(chunk.consumed, piece.len(), "it waits only when it has read all");
    }
    Ok(None)
}

/// A result of a connection.
#[derive(Debug, PartialEq)]
enum Observed {
    Request(Method, Vec<u8>),
    Refused(ProtocolError),
    Last,
}

/// Sends the bytes in pieces of `step`, responds to each request with an empty 200, and closes
/// after the last byte.
fn run(input: &[u8], step: usize, limits: &Limits) -> Vec<Observed> {
    let (mut connection, mut head) = (Connection::new(), Head::default());
    let (mut buffer, mut observed) = (Vec::new(), Vec::new());
    let mut pieces = input.chunks(step);
    loop {
        let event = match connection.receive(&mut buffer, &mut head, limits) {
            Ok(Event::Head) => connection.set_body_limit(limits.body, &head).map(|()| !connection.expects_body()),
            Ok(Event::End) => Ok(true),
            Ok(Event::NeedData) => match pieces.next() {
                Some(piece) => {
                    buffer.extend_from_slice(piece);
                    continue;
                }
                None => connection.receive_eof(&buffer, &mut head, limits).map(|()| false),
            },
            Ok(Event::Paused | Event::Eof) => return observed,
            Err(reject) => Err(reject),
        };
        match event {
            Ok(false) => {}
            Ok(true) => {
                observed.push(Observed::Request(head.method, buffer[connection.body()].to_vec()));
                connection.respond(StatusCode::OK, Content::Length(0), false);
                let Some(taken) = connection.finish_response() else {
                    observed.push(Observed::Last);
                    return observed;
                };
                assert!(taken > 0 && taken <= buffer.len());
                buffer.drain(..taken);
            }
            Err(reject) => {
                observed.push(Observed::Refused(reject));
                connection.respond(reject.fault.info().status, Content::Length(0), false);
                assert_eq!(connection.finish_response(), None, "a refusal is the last response");
                return observed;
            }
        }
    }
}

/// Checks that the pieces of a message cover it, that findings are inside it, and that the parser's
/// fault is among them.
pub fn explanation(data: &[u8]) {
    let explanation = explain::message(data);
    let (mut shown, rest) = (Vec::new(), explanation.rest());
    for piece in explanation.spans() {
        assert!(piece.at == shown.len() && !piece.bytes.is_empty(), "{:?} at {}", piece, shown.len());
        shown.extend_from_slice(piece.bytes);
    }
    assert!(data.starts_with(&shown) && data.ends_with(rest));
    assert_eq!(shown.len() + rest.len(), data.len(), "{explanation:?}");
    check_findings(&explanation, data.len());
    if explanation.is_request()
        && let Err(reject) = Head::default().parse(data, &Limits::default())
    {
        let found = explanation.diagnostics().iter().find(|finding| finding.name == reject.fault.info().name);
        assert_eq!(found.map(|finding| finding.at), Some(reject.at), "{reject:?}: {explanation:?}");
    }
    for reading in explanation.interpretations() {
        assert!(reading.body.start <= reading.body.end && reading.body.end <= data.len(), "{explanation:?}");
        assert!(!explanation.continues(), "no message follows a refused one: {explanation:?}");
    }
    let pasted = explain::pasted(data);
    // At most a CR is added before each LF.
    check_findings(&pasted, 2 * data.len());
}

fn check_findings(explanation: &Explanation, length: usize) {
    assert!(explanation.diagnostics().iter().all(|finding| finding.at <= length), "{explanation:?}");
    let findings = explanation.diagnostics().iter().map(ToString::to_string).collect::<String>();
    let readings = explanation.interpretations().iter().map(ToString::to_string).collect::<String>();
    for text in [&findings, &readings, explanation.verdict(), explanation.body(), explanation.unread()] {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}
