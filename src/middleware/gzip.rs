//! Compresses responses with gzip (RFC 9110 §8.4).

mod encoder;

use std::io::{self, ErrorKind};
use std::sync::Arc;

use super::config_error;
use crate::app::router::Router;
use crate::http1::field_value::media_type;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::body_source::{BodySource, GuardedSource, MAX_BYTES_PER_TICK, Pull};
use crate::response::error::Error;
use crate::response::etag;
use encoder::Encoder;

/// Compression level. 64 KiB of JSON become 8.8 KB in 0.2 ms; level 1 saves a fifteenth of the time
/// for a quarter more bytes, level 6 takes three times as long for a sixth less. nginx chose 1, Go
/// 6.
const LEVEL: u32 = 2;

/// Smallest body to compress. 1 KiB takes 24 µs, more than ten plain responses do, and a body that
/// fits one packet arrives no sooner for being smaller. nginx chose 20 bytes, Caddy 512.
const MIN_SIZE: usize = 1024;

/// Larger bodies are compressed while they are sent, a piece of this size in each turn: one response
/// holds its worker for a fraction of a millisecond at a time.
const MAX_BUFFERED: u64 = 64 * 1024;

/// After a body of this size other connections run before the next request of the same one.
const ENDS_TURN: usize = 16 * 1024;

/// Maximum number of responses compressed while they are sent: each holds a quarter of a megabyte
/// until its client has read it. Further ones are sent plain, which is always correct.
const MAX_STREAMS: usize = 256;

/// Fields that describe the exact bytes: a response that has one of them is not compressed.
const NO_TRANSFORM_FIELDS: [&str; 5] = ["content-encoding", "content-range", "content-digest", "repr-digest", "digest"];

/// Compresses responses with gzip for clients that accept it. Only text formats (`text/*`, JSON,
/// XML, scripts, uncompressed fonts) of at least 1 KiB that are not encoded already; files and
/// iterators are compressed as they are sent, data from other threads (a [`stream`](crate::stream),
/// events) never is. A strong `ETag` `"v1"` becomes `"v1-gzip"`, since the bytes differ, and
/// `Accept-Ranges` is removed. Conditional requests match both tags for the same state
/// ([`Response::etag`]).
///
/// Add it after middleware that sets headers and before middleware that counts bytes, such as
/// [`AccessLog`](super::AccessLog). `Cache-Control: no-transform` disables it: set that on a page
/// that shows a secret beside its visitor's input, since the length of the compressed page reveals
/// how similar the two are (the BREACH attack).
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::Gzip;
///
/// let mut app = App::new();
/// Gzip::new().level(4).add_to(&mut app);
/// app.get("/", |_| "again and ".repeat(1000));
/// let reply = app.test().get("/").header("Accept-Encoding", "gzip, br").send();
/// assert_eq!(reply.header("Content-Encoding"), Some("gzip"));
/// assert!(reply.body().len() < 500); // of 10,000
/// ```
#[derive(Clone, Debug)]
pub struct Gzip {
    level: u32,
    min_size: usize,
    /// Cloned by every response that is compressed while it is sent; the clones are counted.
    streams: Arc<()>,
}

impl Default for Gzip {
    fn default() -> Gzip {
        Gzip { level: LEVEL, min_size: MIN_SIZE, streams: Arc::new(()) }
    }
}

impl Gzip {
    /// Creates it with level 2 and a minimum size of 1 KiB.
    pub fn new() -> Gzip {
        Gzip::default()
    }

    /// Sets the level, from 1 to 6. Levels 7 to 9 cost more time than their saving is worth on the
    /// event loop.
    ///
    /// # Panics
    /// If it is not between 1 and 6.
    #[must_use]
    #[track_caller]
    pub fn level(mut self, level: u32) -> Gzip {
        if !(1..=6).contains(&level) {
            config_error(format_args!("gzip: level {level} is not between 1 and 6"));
        }
        self.level = level;
        self
    }

    /// Sets the smallest body to compress, in bytes.
    #[must_use]
    pub fn min_size(mut self, bytes: usize) -> Gzip {
        self.min_size = bytes;
        self
    }

    /// Adds it to a router or an app.
    #[track_caller]
    pub fn add_to(self, router: &mut Router) {
        router.after(move |request, response| self.compress(request, response));
    }

    /// Compresses one response, for a handler that calls it directly.
    pub fn compress(&self, request: &Request<'_>, response: &mut Response) {
        if repeats_vary(response) {
            return response.add_vary("Accept-Encoding");
        }
        if !self.should_compress(response) {
            return;
        }
        response.add_vary("Accept-Encoding");
        if request.accepts_encoding(&["gzip", "identity"]) != Some("gzip") {
            return;
        }
        match self.compress_body(response) {
            Ok(true) => {
                response.set_header("Content-Encoding", "gzip");
                response.remove_header("Accept-Ranges"); // ranges of recompressed bytes do not match
                retag(response);
            }
            Ok(false) => {}
            Err(error) => response.fail(Error::internal(error)),
        }
    }

    fn should_compress(&self, response: &Response) -> bool {
        let has = |field: &&str| response.headers().any(|(name, _)| name.eq_ignore_ascii_case(field));
        let status = response.status();
        !status.forbids_body()
            && ![StatusCode::RESET_CONTENT, StatusCode::PARTIAL_CONTENT].contains(&status)
            && response.length().is_none_or(|length| length >= self.min_size as u64)
            && !response.is_push()
            && response.header_value("content-type").is_some_and(is_compressible)
            && !NO_TRANSFORM_FIELDS.iter().any(has)
            && !response.has_list_member("cache-control", "no-transform")
    }

    /// Compresses the body. Returns `false` if it is better sent uncompressed.
    fn compress_body(&self, response: &mut Response) -> io::Result<bool> {
        if response.undeclare_length() {
            return Ok(true); // what the GET sends is compressed, and only then has a length
        }
        response.buffer(MAX_BUFFERED)?;
        let length = response.length();
        if length.is_none_or(|length| length > MAX_BUFFERED) {
            let room = Arc::strong_count(&self.streams) <= MAX_STREAMS;
            if room {
                let (encoder, place) = (Encoder::new(self.level), Arc::clone(&self.streams));
                response.wrap_body(|plain| GzipBody { plain, left: length, encoder, _place: place });
            }
            return Ok(room);
        }
        let plain = response.body();
        let mut coded = Vec::with_capacity(plain.len() / 4);
        Encoder::new(self.level).finish(plain, &mut coded)?;
        let smaller = coded.len() < plain.len();
        if plain.len() >= ENDS_TURN {
            response.end_turn();
        }
        if smaller {
            response.replace_body(coded);
        }
        Ok(smaller)
    }
}

/// A body that is compressed while it is sent.
struct GzipBody {
    plain: GuardedSource,
    /// Bytes left of a known length.
    left: Option<u64>,
    encoder: Encoder,
    _place: Arc<()>,
}

impl BodySource for GzipBody {
    fn blocks(&self) -> bool {
        self.plain.blocks()
    }

    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull> {
        let mut piece = Vec::new();
        let mut pulled = self.plain.pull(&mut piece, room)?;
        if let Some(left) = &mut self.left {
            piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= piece.len() as u64;
            match (pulled, *left) {
                (_, 0) => pulled = Pull::End,
                (Pull::End, _) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "shorter than announced")),
                _ => {}
            }
        }
        match pulled {
            Pull::End => self.encoder.finish(&piece, out)?,
            Pull::More | Pull::Wait => self.encoder.write(&piece, out)?,
        }
        Ok(pulled)
    }

    /// One piece in each iteration of the event loop: compressing 64 KiB takes up to a millisecond.
    fn cost(&self) -> usize {
        MAX_BYTES_PER_TICK
    }
}

/// Returns whether the response has no whole body to compress, and repeats the Vary that the 200 to
/// the same request would have: a 304 (RFC 9110 §15.4.5), whose media type and length are not known
/// here, and a part of a text (§15.3.7).
fn repeats_vary(response: &Response) -> bool {
    match response.status() {
        StatusCode::NOT_MODIFIED => true,
        StatusCode::PARTIAL_CONTENT => {
            response.header_value("content-encoding").is_none()
                && response.header_value("content-type").is_some_and(is_compressible)
        }
        _ => false,
    }
}

/// Returns whether a media type is worth compressing. Pictures, sound, archives and woff fonts are
/// compressed already; events must not be delayed.
fn is_compressible(content_type: &str) -> bool {
    let media_type = media_type(content_type).to_ascii_lowercase();
    match media_type.split_once('/') {
        Some(("text", "event-stream")) => false,
        Some(("text", _) | ("font", "ttf" | "otf")) => true,
        Some(("application", "json" | "javascript" | "xml" | "wasm" | "x-ndjson" | "x-javascript")) => true,
        Some((_, subtype)) => subtype.ends_with("+json") || subtype.ends_with("+xml"),
        None => false,
    }
}

/// Sets the tag of the compressed representation; removes an invalid one.
fn retag(response: &mut Response) {
    let Some((_, tag)) = response.headers().find(|(name, _)| name.eq_ignore_ascii_case("etag")) else { return };
    match etag::with_coding(tag, "gzip") {
        Some(tag) => response.replace_etag(&tag),
        None => response.remove_header("ETag"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;
    use proptest::prelude::*;

    use super::*;
    use crate::app::App;
    use crate::http1::chunked::Decoder;
    use crate::http1::limits::Limits;

    const LINE: &str = "The quick brown fox jumps over the lazy dog.\n";

    /// An application whose route responds with these fields and a body that each test can
    /// recreate.
    fn app(fields: &'static [(&str, &str)], size: usize) -> App {
        let mut app = App::new();
        Gzip::new().add_to(&mut app);
        let body = move || LINE.bytes().cycle().take(size).collect::<Vec<_>>();
        let with = move |mut response: Response| {
            response.set_header("Content-Type", "text/plain; charset=utf-8");
            fields.iter().for_each(|(name, value)| response.append_header(name, value));
            response
        };
        let made = move |make: fn(Response, Vec<u8>) -> Response| {
            move |_: &Request<'_>| with(make(Response::default(), body()))
        };
        app.get("/here", made(|response, body| response.bytes(body)));
        app.get(
            "/read",
            made(|response, body| response.reader(io::Cursor::new(body.clone()), Some(body.len() as u64))),
        );
        app.get(
            "/pieces",
            made(|response, body| response.chunks(body.chunks(7).map(<[u8]>::to_vec).collect::<Vec<_>>())),
        );
        app.get(
            "/short",
            made(|response, body| response.reader(io::Cursor::new(body.clone()), Some(body.len() as u64 + 1))),
        );
        app.get("/fed", move |_| {
            let (sender, response) = crate::stream(1 << 20);
            sender.send(body()).unwrap();
            with(response)
        });
        app
    }

    /// Returns head and body of the response, without the date and with the chunks joined.
    fn ask(app: &App, method: &str, path: &str, fields: &str) -> (String, Vec<u8>) {
        let raw = app.test().raw(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes());
        let end = memchr::memmem::find(&raw, b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8(raw[..end].to_vec()).unwrap();
        let mut body = raw[end..].to_vec();
        if head.contains("chunked") && method != "HEAD" {
            let mut decoder = Decoder::new();
            decoder.decode(&mut body, &Limits::default(), u64::MAX).unwrap();
            body.truncate(decoder.decoded());
        }
        (head.lines().filter(|line| !line.starts_with("Date")).map(|line| format!("{line}\r\n")).collect(), body)
    }

    fn plain(coded: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        GzDecoder::new(coded).read_to_end(&mut plain).unwrap();
        plain
    }

    const ASKS: &str = "Accept-Encoding: gzip\r\n";

    #[test]
    fn every_kind_of_body_comes_back_as_it_was() {
        for size in [1_024, 4_500, 65_536, 65_537, 200_000] {
            let app = app(&[], size);
            for path in ["/here", "/read", "/pieces"] {
                let (head, body) = ask(&app, "GET", path, ASKS);
                assert!(
                    head.contains("Content-Encoding: gzip\r\n") && head.contains("Vary: Accept-Encoding\r\n"),
                    "{head}"
                );
                assert!(body.len() < size && plain(&body) == ask(&app, "GET", path, "").1, "{path} {size}");
                assert_eq!(plain(&body).len(), size, "{path}");
                assert_eq!(ask(&app, "HEAD", path, ASKS), (head, Vec::new()), "{path} {size}");
            }
        }
    }

    #[test]
    fn what_is_coded_and_what_varies() {
        for (path, fields, size, coded, varies) in [
            ("/here", &[][..], 1_024, true, true),
            ("/here", &[], 1_023, false, false),
            ("/read", &[], 1_023, false, false),
            ("/pieces", &[], 10, true, true),
            ("/fed", &[], 4_500, false, false),
            ("/here", &[("Content-Encoding", "br")], 4_500, false, false),
            ("/here", &[("Content-Digest", "sha-256=:AA==:")], 4_500, false, false),
            ("/here", &[("Cache-Control", "private, No-Transform")], 4_500, false, false),
            (
                "/here",
                &[("Cache-Control", "private"), ("Cache-Control", "max-age=9, no-transform")],
                4_500,
                false,
                false,
            ),
            ("/here", &[("Cache-Control", "no-transform"), ("Cache-Control", "public")], 4_500, false, false),
            ("/here", &[("Cache-Control", "private")], 4_500, true, true),
        ] {
            let app = app(fields, size);
            for (asks, coded) in [(ASKS, coded), ("", false)] {
                let head = ask(&app, "GET", path, asks).0;
                assert_eq!(head.contains("Content-Encoding: gzip"), coded, "{path} {fields:?} {head}");
                assert_eq!(head.contains("Vary: Accept-Encoding"), varies, "{path} {fields:?} {head}");
            }
        }
    }

    #[test]
    fn who_takes_it() {
        let app = app(&[], 4_500);
        for (asks, coded) in [
            ("", false),
            ("Accept-Encoding:\r\n", false),
            ("Accept-Encoding: GZIP\r\n", true),
            ("Accept-Encoding: x-gzip\r\n", true),
            ("Accept-Encoding: deflate\r\nAccept-Encoding: br, gzip;q=0.5\r\n", true),
            ("Accept-Encoding: gzip;q=0.4, identity\r\n", false),
            ("Accept-Encoding: gzip;q=0, *\r\n", false),
            ("Accept-Encoding: *\r\n", true),
            ("Accept-Encoding: identity;q=0, gzip;q=0.001\r\n", true),
            ("Accept-Encoding: *;q=0\r\n", false), // no coding is acceptable: plain beats 406
        ] {
            assert_eq!(ask(&app, "GET", "/here", asks).0.contains("Content-Encoding"), coded, "{asks}");
        }
    }

    #[test]
    fn coded_and_plain_are_told_apart() {
        let app = app(&[("ETag", "\"v,1\""), ("Accept-Ranges", "bytes")], 4_500);
        for path in ["/here", "/read"] {
            for (asks, status, tag) in [
                ("", "200", "\"v,1\""),
                (ASKS, "200", "\"v,1-gzip\""),
                ("Accept-Encoding: gzip\r\nIf-None-Match: \"v,1-gzip\"\r\n", "304", "\"v,1-gzip\""),
                // The client has the plain one, which is as good: the response names the tag that
                // it has.
                ("Accept-Encoding: gzip\r\nIf-None-Match: \"v,1\"\r\n", "304", "\"v,1\""),
                ("If-None-Match: \"v,1-gzip\"\r\n", "200", "\"v,1\""),
                ("If-None-Match: \"v,1\"\r\n", "304", "\"v,1\""),
                ("Accept-Encoding: gzip\r\nRange: bytes=0-9\r\nIf-Range: \"v,1-gzip\"\r\n", "200", "\"v,1-gzip\""),
                // A proxy may have weakened it.
                ("Accept-Encoding: gzip\r\nIf-None-Match: W/\"v,1-gzip\"\r\n", "304", "\"v,1-gzip\""),
                // A cache lists the tags of all its clients: each gets the one that it accepts.
                ("If-None-Match: \"v,1-gzip\", \"v,1\"\r\n", "304", "\"v,1\""),
                ("Accept-Encoding: gzip\r\nIf-None-Match: \"v,1-br\"\r\n", "200", "\"v,1-gzip\""),
                // If-Match applies to the state: the tags of all its codings match.
                ("Accept-Encoding: gzip\r\nIf-Match: \"v,1-gzip\"\r\n", "200", "\"v,1-gzip\""),
                ("Accept-Encoding: gzip\r\nIf-Match: \"v,1\"\r\n", "200", "\"v,1-gzip\""),
                ("If-Match: \"v,1-gzip\"\r\n", "200", "\"v,1\""),
                // A part of the plain bytes is useless to a client that has the compressed ones.
                ("Range: bytes=0-9\r\nIf-Match: \"v,1-gzip\"\r\n", "200", "\"v,1\""),
            ] {
                let (head, body) = ask(&app, "GET", path, asks);
                assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{asks} {head}");
                assert!(head.contains(&format!("ETag: {tag}\r\n")), "{asks} {head}");
                assert!(head.contains("Vary: Accept-Encoding\r\n"), "{asks} {head}");
                assert_eq!(body.is_empty(), status == "304");
            }
        }
        let (head, body) = ask(&app, "GET", "/here", "Accept-Encoding: gzip\r\nRange: bytes=0-1999\r\n");
        assert!(head.starts_with("HTTP/1.1 206") && head.contains("ETag: \"v,1\"\r\n"), "{head}");
        assert!(head.contains("Vary: Accept-Encoding\r\n"), "as the 200 (RFC 9110 §15.3.7): {head}");
        assert!(!head.contains("Content-Encoding") && body.len() == 2_000);
    }

    /// RFC 9110 §8.6: a Content-Length in response to HEAD is that of the GET.
    #[test]
    fn a_head_route_has_no_length_of_what_is_compressed() {
        let mut app = App::new();
        Gzip::new().add_to(&mut app);
        for (path, length) in [("/short", "10000"), ("/long", "100000")] {
            app.head(path, move |_| {
                Response::default().header("Content-Type", "text/plain").header("Content-Length", length).etag("v")
            });
            let coded =
                "Content-Type: text/plain\r\nVary: Accept-Encoding\r\nContent-Encoding: gzip\r\nETag: \"v-gzip\"\r\n";
            assert_eq!(ask(&app, "HEAD", path, ASKS).0, format!("HTTP/1.1 200 OK\r\n{coded}\r\n"));
            assert!(ask(&app, "HEAD", path, "").0.contains(&format!("Content-Length: {length}\r\n")), "{path}");
        }
    }

    #[test]
    fn a_change_knows_the_tag_that_a_read_gave() {
        let mut app = App::new();
        Gzip::new().add_to(&mut app);
        app.get("/doc", |_| Response::default().etag("d7").text(LINE.repeat(100)));
        app.put("/doc", |req: &Request<'_>| req.precondition(Some("d7"), None));
        let tag = ask(&app, "GET", "/doc", ASKS).0;
        assert!(tag.contains("ETag: \"d7-gzip\"\r\n"), "{tag}");
        for (condition, status) in [
            ("If-Match: \"d7-gzip\"", 204),
            ("If-Match: \"d7\"", 204),
            ("If-Match: \"d6\", \"d7-br\"", 204),
            ("If-Match: W/\"d7-gzip\"", 412), // §13.1.1 compares strongly
            ("If-Match: \"d6-gzip\"", 412),
            ("If-None-Match: \"d7-gzip\"", 412),
            ("If-None-Match: W/\"d7-gzip\"", 412),
            ("If-None-Match: \"d6-gzip\"", 204),
        ] {
            let head = ask(&app, "PUT", "/doc", &format!("Content-Length: 0\r\n{condition}\r\n")).0;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{condition}: {head}");
        }
        for (condition, status) in [("If-Match: \"d7-gzip\"", 200), ("If-Match: \"d6-gzip\"", 412)] {
            let head = ask(&app, "GET", "/doc", &format!("{ASKS}{condition}\r\n")).0;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{condition}: {head}");
        }
    }

    #[test]
    fn a_handler_that_codes_by_itself_is_asked_as_well() {
        let mut app = App::new();
        app.get("/", |req: &Request<'_>| {
            let mut response = Response::default();
            response = response.etag("v");
            response.set_text(LINE.repeat(100));
            Gzip::new().compress(req, &mut response);
            response
        });
        for (condition, status) in
            [("If-None-Match: \"v-gzip\"", 304), ("If-None-Match: \"w\"", 200), ("If-Match: \"w\"", 412)]
        {
            let head = ask(&app, "GET", "/", &format!("{ASKS}{condition}\r\n")).0;
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{condition}: {head}");
        }
    }

    #[test]
    fn what_is_no_tag_goes() {
        for (tag, expected) in [("\"v\"", Some("\"v-gzip\"")), ("W/\"v\"", Some("W/\"v\"")), ("v", None), ("\"", None)]
        {
            let mut response = Response::default();
            response.set_header("ETag", tag);
            retag(&mut response);
            assert_eq!(response.header_value("etag"), expected, "{tag}");
        }
    }

    #[test]
    fn a_body_that_breaks_off_is_not_taken_for_whole() {
        let (head, _) = ask(&app(&[], 4_500), "GET", "/short", ASKS);
        assert!(head.starts_with("HTTP/1.1 500"), "{head}");
        let app = app(&[], 100_000);
        let client = app.test();
        let mut connection = client.connect();
        connection.send(b"GET /short HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n");
        assert!(connection.is_reset() && !connection.received().ends_with(b"0\r\n\r\n"));
    }

    #[test]
    fn answers_coded_while_they_are_sent_are_counted() {
        let gzip = Gzip::new();
        let taken: Vec<_> = (0..MAX_STREAMS).map(|_| Arc::clone(&gzip.streams)).collect();
        let mut app = App::new();
        gzip.clone().add_to(&mut app);
        drop(gzip);
        app.get("/", |_| LINE.repeat(10_000));
        assert!(!ask(&app, "GET", "/", ASKS).0.contains("Content-Encoding"));
        drop(taken);
        assert!(ask(&app, "GET", "/", ASKS).0.contains("Content-Encoding"));
    }

    #[test]
    fn noise_stays_as_it_is() {
        let mut app = App::new();
        Gzip::new().add_to(&mut app);
        let noise: Vec<u8> = (0..2_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut coded = Vec::new();
        Encoder::new(6).finish(&noise, &mut coded).unwrap();
        let noise = coded;
        let length = noise.len();
        app.get("/", move |_| (StatusCode::OK, [("Content-Type", "text/plain"), ("ETag", "\"v\"")], noise.clone()));
        let (head, body) = ask(&app, "GET", "/", ASKS);
        assert!(
            head.contains("ETag: \"v\"\r\n") && head.contains("Vary") && !head.contains("Content-Encoding"),
            "{head}"
        );
        assert_eq!(body.len(), length);
    }

    #[test]
    fn media_types() {
        for (media_type, expected) in [
            ("text/html; charset=utf-8", true),
            ("TEXT/CSS", true),
            ("application/problem+json", true),
            ("image/svg+xml", true),
            ("text/event-stream", false),
            ("image/png", false),
            ("application/octet-stream", false),
            ("text", false),
            ("", false),
        ] {
            assert_eq!(is_compressible(media_type), expected, "{media_type}");
        }
    }

    proptest! {
        #[test]
        fn any_text_at_any_level_comes_back(pieces in prop::collection::vec("[a-c]{0,300}", 0..9), level in 1_u32..7) {
            let expected = pieces.concat();
            let mut app = App::new();
            Gzip::new().level(level).min_size(0).add_to(&mut app);
            app.get("/", move |_| {
                Response::default().chunks(pieces.clone()).header("Content-Type", "text/plain")
            });
            prop_assert_eq!(plain(&ask(&app, "GET", "/", ASKS).1), expected.into_bytes());
        }
    }
}
