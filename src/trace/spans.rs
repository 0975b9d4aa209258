//! Divides any bytes, valid or not, into labeled spans that cover each byte once.
//!
//! The parser stops at the first fault. This scanner continues, because a trace shows refused
//! messages too. Bytes that do not fit the grammar are [`SpanKind::Invalid`]. Spans cover each byte
//! exactly once.

use crate::http1::framing::BodyLength;
use crate::http1::grammar::{is_field_value, is_tchar};

/// Kind of a span. The names are part of the schema; `status` and `reason` occur only in responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SpanKind {
    Method,
    Sp,
    Target,
    Query,
    Version,
    Status,
    Reason,
    Crlf,
    LfBare,
    Name,
    Colon,
    Ows,
    Value,
    /// The CR LF that ends a head or a trailer section.
    EmptyLine,
    Body,
    ChunkSize,
    ChunkExt,
    ChunkData,
    Trailer,
    Invalid,
}

/// The bytes `start..end` and their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LabeledSpan {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: SpanKind,
    /// Index, from 0, of its field line, chunk or trailer line.
    pub(crate) index: Option<u32>,
}

impl SpanKind {
    /// Returns the name in the schema.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            SpanKind::Method => "method",
            SpanKind::Sp => "sp",
            SpanKind::Target => "target",
            SpanKind::Query => "query",
            SpanKind::Version => "version",
            SpanKind::Status => "status",
            SpanKind::Reason => "reason",
            SpanKind::Crlf => "crlf",
            SpanKind::LfBare => "lf-bare",
            SpanKind::Name => "name",
            SpanKind::Colon => "colon",
            SpanKind::Ows => "ows",
            SpanKind::Value => "value",
            SpanKind::EmptyLine => "blank",
            SpanKind::Body => "body",
            SpanKind::ChunkSize => "chunk-size",
            SpanKind::ChunkExt => "chunk-ext",
            SpanKind::ChunkData => "chunk-data",
            SpanKind::Trailer => "trailer",
            SpanKind::Invalid => "junk",
        }
    }
}

/// Divides the head at the start of `bytes`, request or response, up to the end of its empty line
/// or of the bytes.
pub(crate) fn head_spans(bytes: &[u8]) -> Vec<LabeledSpan> {
    let mut tiles = SpanBuilder::new(bytes);
    tiles.empty_lines();
    tiles.start_line();
    let mut field = 0;
    while tiles.at < bytes.len() {
        if tiles.blank_line() {
            break;
        }
        let folded = matches!(bytes.get(tiles.at), Some(b' ' | b'\t'));
        field += u32::from(!folded && field_begun(&tiles.spans));
        tiles.index = Some(field);
        tiles.field_line(folded);
    }
    tiles.spans
}

/// Divides the body that begins at `bytes[start..]`, up to its end or that of the bytes. A body
/// that ends with the connection has the length `u64::MAX`. Bytes after the body belong to the next
/// message and get no span.
pub(crate) fn body_spans(bytes: &[u8], start: usize, body: BodyLength) -> Vec<LabeledSpan> {
    let mut tiles = SpanBuilder::new(bytes);
    tiles.at = start.min(bytes.len());
    match body {
        BodyLength::Absent => {}
        BodyLength::Length(length) => {
            let left = bytes.len() - tiles.at;
            tiles.push(SpanKind::Body, usize::try_from(length).map_or(left, |length| length.min(left)));
        }
        BodyLength::Chunked => {
            let mut chunks = ChunkScanner::default();
            while let Some((kind, length)) = chunks.next(bytes.get(tiles.at..).unwrap_or_default()) {
                tiles.index = chunks.index;
                tiles.push(kind, length);
            }
        }
    }
    tiles.spans
}

/// Divides a chunked body incrementally, independent of how the input is split (RFC 9112 §7.1).
/// After the first invalid byte, the rest is invalid.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChunkScanner {
    state: ChunkState,
    /// Size of the current chunk; within its data, the bytes left.
    size: u64,
    /// Index of the chunk or trailer line of the last run.
    pub(crate) index: Option<u32>,
    digits: u32,
    chunks: u32,
    trailers: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ChunkState {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    Done,
    Broken,
}

impl ChunkScanner {
    /// Returns the kind and length of the next run, or `None` at the end of the bytes or of the
    /// body.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Option<(SpanKind, usize)> {
        let byte = *bytes.first()?;
        if self.state == ChunkState::Done {
            return None;
        }
        self.index = Some(self.chunks);
        if self.state == ChunkState::Data {
            let length = usize::try_from(self.size).map_or(bytes.len(), |left| left.min(bytes.len()));
            self.size -= length as u64;
            self.state = if self.size == 0 { ChunkState::DataCr } else { ChunkState::Data };
            return Some((SpanKind::ChunkData, length));
        }
        let (kind, state) = self.step(byte);
        if matches!(self.state, ChunkState::TrailerStart | ChunkState::Trailer | ChunkState::TrailerLf) {
            self.index = Some(self.trailers);
        }
        if matches!(kind, SpanKind::EmptyLine | SpanKind::Invalid) {
            self.index = None;
        }
        self.trailers += u32::from(self.state == ChunkState::TrailerLf);
        self.chunks += u32::from(self.state == ChunkState::DataLf);
        self.state = state;
        Some(if state == ChunkState::Broken { (SpanKind::Invalid, bytes.len()) } else { (kind, 1) })
    }

    /// Returns whether a chunk has just ended, so that the next one or a trailer line may begin.
    pub(crate) fn is_between(&self) -> bool {
        (self.state == ChunkState::Size && self.digits == 0) || self.state == ChunkState::TrailerStart
    }

    fn step(&mut self, byte: u8) -> (SpanKind, ChunkState) {
        match (self.state, byte) {
            (ChunkState::Size, b'\r') if self.digits > 0 => (SpanKind::Crlf, ChunkState::SizeLf),
            (ChunkState::Size, b';' | b' ' | b'\t') if self.digits > 0 => (SpanKind::ChunkExt, ChunkState::Extension),
            (ChunkState::Size, _) => self.digit(byte),
            (ChunkState::Extension, b'\r') => (SpanKind::Crlf, ChunkState::SizeLf),
            (ChunkState::Extension, _) if is_field_value(byte) => (SpanKind::ChunkExt, ChunkState::Extension),
            (ChunkState::SizeLf, b'\n') => {
                self.digits = 0;
                (SpanKind::Crlf, if self.size == 0 { ChunkState::TrailerStart } else { ChunkState::Data })
            }
            (ChunkState::DataCr, b'\r') => (SpanKind::Crlf, ChunkState::DataLf),
            (ChunkState::DataLf, b'\n') => (SpanKind::Crlf, ChunkState::Size),
            (ChunkState::TrailerStart, b'\r') => (SpanKind::EmptyLine, ChunkState::EndLf),
            (ChunkState::Trailer, b'\r') => (SpanKind::Crlf, ChunkState::TrailerLf),
            (ChunkState::TrailerStart | ChunkState::Trailer, _) if is_field_value(byte) => {
                (SpanKind::Trailer, ChunkState::Trailer)
            }
            (ChunkState::TrailerLf, b'\n') => (SpanKind::Crlf, ChunkState::TrailerStart),
            (ChunkState::EndLf, b'\n') => (SpanKind::EmptyLine, ChunkState::Done),
            _ => (SpanKind::Invalid, ChunkState::Broken),
        }
    }

    fn digit(&mut self, byte: u8) -> (SpanKind, ChunkState) {
        match (byte as char).to_digit(16) {
            Some(value) if self.size <= u64::MAX >> 4 => {
                self.size = self.size << 4 | u64::from(value);
                self.digits = self.digits.saturating_add(1);
                (SpanKind::ChunkSize, ChunkState::Size)
            }
            _ => (SpanKind::Invalid, ChunkState::Broken),
        }
    }
}

/// Maximum runs of valid and invalid bytes in one part of a line, which bounds the memory for
/// random bytes.
const MAX_RUNS: usize = 64;

/// Returns whether a field line precedes this one.
fn field_begun(spans: &[LabeledSpan]) -> bool {
    spans.last().is_some_and(|span| span.index.is_some())
}

/// Builds adjacent spans: each begins where the last one ended.
struct SpanBuilder<'b> {
    bytes: &'b [u8],
    at: usize,
    index: Option<u32>,
    spans: Vec<LabeledSpan>,
}

impl<'b> SpanBuilder<'b> {
    fn new(bytes: &'b [u8]) -> SpanBuilder<'b> {
        SpanBuilder { bytes, at: 0, index: None, spans: Vec::new() }
    }

    /// Adds `length` bytes of this kind. Merges runs of one kind, except the ends of two lines.
    fn push(&mut self, kind: SpanKind, length: usize) {
        let (start, end) = (self.at, self.at + length);
        if length == 0 {
            return;
        }
        self.at = end;
        let line_end = matches!(kind, SpanKind::Crlf | SpanKind::LfBare | SpanKind::EmptyLine);
        let goes_on = !line_end || self.bytes.get(start.wrapping_sub(1)) != Some(&b'\n');
        match self.spans.last_mut() {
            Some(last) if goes_on && (last.kind, last.index) == (kind, self.index) => last.end = end,
            _ => self.spans.push(LabeledSpan { start, end, kind, index: self.index }),
        }
    }

    /// Adds each byte of `part` as this kind if it `fits`, otherwise as invalid. After `MAX_RUNS`
    /// alternations, the rest is invalid.
    fn push_each(&mut self, kind: SpanKind, part: &[u8], fits: fn(u8) -> bool) {
        let mut rest = part;
        for _ in 0..MAX_RUNS {
            let Some(&first) = rest.first() else { return };
            let length = rest.iter().take_while(|byte| fits(**byte) == fits(first)).count();
            self.push(if fits(first) { kind } else { SpanKind::Invalid }, length);
            rest = rest.get(length..).unwrap_or_default();
        }
        self.push(SpanKind::Invalid, rest.len());
    }

    /// Returns the current line and its line end: CR LF, LF, or a CR or nothing at the end of the
    /// bytes.
    fn line(&self) -> (&'b [u8], &'b [u8]) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
        let line = rest.get(..end).unwrap_or_default();
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        line.split_at(text.strip_suffix(b"\r").unwrap_or(text).len())
    }

    fn line_end(&mut self, end: &[u8]) {
        self.push(if end == b"\n" { SpanKind::LfBare } else { SpanKind::Crlf }, end.len());
    }

    fn empty_lines(&mut self) {
        while let (b"", end @ [_, ..]) = self.line() {
            self.line_end(end);
        }
    }

    /// Consumes the line that ends a head, if this is it.
    fn blank_line(&mut self) -> bool {
        let (b"", end) = self.line() else { return false };
        self.index = None;
        self.push(if end == b"\n" { SpanKind::LfBare } else { SpanKind::EmptyLine }, end.len());
        true
    }

    /// `method SP target SP version`, or `version SP status SP reason`.
    fn start_line(&mut self) {
        let (line, end) = self.line();
        match line.starts_with(b"HTTP/") {
            true => self.status_line(line),
            false => self.request_line(line),
        }
        self.line_end(end);
    }

    fn request_line(&mut self, line: &[u8]) {
        let Some(first) = memchr::memchr(b' ', line) else { return self.push_each(SpanKind::Method, line, is_tchar) };
        let (method, rest) = line.split_at(first);
        self.push_each(SpanKind::Method, method, is_tchar);
        self.push(SpanKind::Sp, 1);
        let rest = rest.get(1..).unwrap_or_default();
        let Some(last) = memchr::memrchr(b' ', rest) else { return self.target(rest) };
        let (target, version) = rest.split_at(last);
        self.target(target);
        self.push(SpanKind::Sp, 1);
        self.version(version.get(1..).unwrap_or_default());
    }

    fn target(&mut self, target: &[u8]) {
        let visible = |byte: u8| byte > b' ' && byte != 0x7f;
        let (path, query) = target.split_at(memchr::memchr(b'?', target).unwrap_or(target.len()));
        self.push_each(SpanKind::Target, path, visible);
        self.push_each(SpanKind::Query, query, visible);
    }

    fn version(&mut self, version: &[u8]) {
        let kind = match version {
            [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => SpanKind::Version,
            _ => SpanKind::Invalid,
        };
        self.push(kind, version.len());
    }

    fn status_line(&mut self, line: &[u8]) {
        let mut parts = line.splitn(3, |byte| *byte == b' ');
        self.version(parts.next().unwrap_or_default());
        if let Some(status) = parts.next() {
            self.push(SpanKind::Sp, 1);
            let fits = status.len() == 3 && status.iter().all(u8::is_ascii_digit);
            self.push(if fits { SpanKind::Status } else { SpanKind::Invalid }, status.len());
        }
        if let Some(reason) = parts.next() {
            self.push(SpanKind::Sp, 1);
            self.push_each(SpanKind::Reason, reason, is_field_value);
        }
    }

    /// Parses `name ":" OWS value OWS`. A folded line (RFC 9112 §5.2) continues the value of the
    /// previous line.
    fn field_line(&mut self, folded: bool) {
        let (line, end) = self.line();
        let colon = if folded { None } else { memchr::memchr(b':', line) };
        let value = match colon {
            _ if folded => line,
            Some(colon) => {
                let (name, value) = line.split_at(colon);
                self.push_each(SpanKind::Name, name, is_tchar);
                self.push(SpanKind::Colon, 1);
                value.get(1..).unwrap_or_default()
            }
            None => {
                self.push(SpanKind::Invalid, line.len());
                b""
            }
        };
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let before = value.iter().take_while(|byte| is_blank(byte)).count();
        let behind = value.iter().skip(before).rev().take_while(|byte| is_blank(byte)).count();
        self.push(SpanKind::Ows, before);
        self.push_each(SpanKind::Value, value.get(before..value.len() - behind).unwrap_or_default(), is_field_value);
        self.push(SpanKind::Ows, behind);
        self.line_end(end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(bytes: &[u8], spans: &[LabeledSpan]) -> String {
        let one = |span: &LabeledSpan| {
            let index = span.index.map_or(String::new(), |index| format!("{index}"));
            format!("{}{index}:{}", span.kind.name(), bytes[span.start..span.end].escape_ascii())
        };
        spans.iter().map(one).collect::<Vec<_>>().join("|")
    }

    fn assert_tiles(spans: &[LabeledSpan], start: usize, end: usize) {
        let mut at = start;
        for span in spans {
            assert_eq!(span.start, at, "no gap and no overlap: {spans:?}");
            assert!(span.end > span.start, "no empty span: {spans:?}");
            at = span.end;
        }
        assert_eq!(at, end, "to the end: {spans:?}");
    }

    #[test]
    fn heads_right_and_wrong() {
        let cases: &[(&str, &str)] = &[
            (
                "GET /a?b HTTP/1.1\r\nHost: x\r\nA:\t \r\n\r\nrest",
                "method:GET|sp: |target:/a|query:?b|sp: |version:HTTP/1.1|crlf:\\r\\n|name0:Host|colon0::|ows0: |value0:x|\
                 crlf0:\\r\\n|name1:A|colon1::|ows1:\\t |crlf1:\\r\\n|blank:\\r\\n",
            ),
            (
                "\r\nGET / HTTP/1.1\n\n",
                "crlf:\\r\\n|method:GET|sp: |target:/|sp: |version:HTTP/1.1|lf-bare:\\n|lf-bare:\\n",
            ),
            ("HTTP/1.1 200 OK\r\n\r\nx", "version:HTTP/1.1|sp: |status:200|sp: |reason:OK|crlf:\\r\\n|blank:\\r\\n"),
            ("HTTP/1.1 20 \r\n", "version:HTTP/1.1|sp: |junk:20|sp: |crlf:\\r\\n"),
            ("GET", "method:GET"),
            ("GET  / HTTP/9", "method:GET|sp: |junk: |target:/|sp: |junk:HTTP/9"),
            (
                "GET / HTTP/1.1\r\nHost : a\r\nno colon\r\nB: a\0b \r\n c\r\n\r",
                "method:GET|sp: |target:/|sp: |version:HTTP/1.1|crlf:\\r\\n|name0:Host|junk0: |colon0::|ows0: |value0:a|\
                 crlf0:\\r\\n|junk1:no colon|crlf1:\\r\\n|name2:B|colon2::|ows2: |value2:a|junk2:\\x00|value2:b|ows2: |\
                 crlf2:\\r\\n|ows2: |value2:c|crlf2:\\r\\n|blank:\\r",
            ),
            ("", ""),
        ];
        for (head, expected) in cases {
            assert_eq!(shown(head.as_bytes(), &head_spans(head.as_bytes())), *expected, "{head:?}");
        }
    }

    #[test]
    fn bodies() {
        let cases: &[(&str, BodyLength, &str)] = &[
            ("hello, next", BodyLength::Length(5), "body:hello"),
            ("hel", BodyLength::Length(5), "body:hel"),
            ("all of it", BodyLength::Length(u64::MAX), "body:all of it"),
            ("next", BodyLength::Absent, ""),
            (
                "5;a=b\r\nhello\r\n0\r\nX: y\r\nZ: 1\r\n\r\nnext",
                BodyLength::Chunked,
                "chunk-size0:5|chunk-ext0:;a=b|crlf0:\\r\\n|chunk-data0:hello|crlf0:\\r\\n|chunk-size1:0|crlf1:\\r\\n|\
                 trailer0:X: y|crlf0:\\r\\n|trailer1:Z: 1|crlf1:\\r\\n|blank:\\r\\n",
            ),
            (
                "2\r\nab\r\nx\r\n",
                BodyLength::Chunked,
                "chunk-size0:2|crlf0:\\r\\n|chunk-data0:ab|crlf0:\\r\\n|junk:x\\r\\n",
            ),
            ("2\r\nabc\r\n", BodyLength::Chunked, "chunk-size0:2|crlf0:\\r\\n|chunk-data0:ab|junk:c\\r\\n"),
        ];
        for (bytes, body, expected) in cases {
            assert_eq!(shown(bytes.as_bytes(), &body_spans(bytes.as_bytes(), 0, *body)), *expected, "{bytes:?}");
        }
    }

    /// Generates bytes similar enough to HTTP to reach every arm.
    fn http_like() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b"GET / HTTP/1.1\r\n".to_vec()),
            Just(b"HTTP/1.1 200 OK\r\n".to_vec()),
            Just(b"Host: a\r\n".to_vec()),
            Just(b"\r\n".to_vec()),
            Just(b"5\r\nhello\r\n".to_vec()),
            Just(b"0\r\n".to_vec()),
            Just(b" \t".to_vec()),
            proptest::collection::vec(any::<u8>(), 0..6),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn spans_tile_any_bytes(bytes in http_like(), random in proptest::collection::vec(any::<u8>(), 0..64)) {
            for bytes in [&bytes, &random] {
                let head = head_spans(bytes);
                let end = head.last().map_or(0, |span| span.end);
                assert_tiles(&head, 0, end);
                prop_assert!(end == bytes.len() || bytes[..end].ends_with(b"\n"));
                for body in [BodyLength::Absent, BodyLength::Length(3), BodyLength::Length(u64::MAX), BodyLength::Chunked] {
                    let spans = body_spans(bytes, end, body);
                    let last = spans.last().map_or(end, |span| span.end);
                    assert_tiles(&spans, end, last);
                    match body {
                        BodyLength::Absent => prop_assert_eq!(last, end),
                        BodyLength::Length(length) => prop_assert_eq!((last - end) as u64, length.min((bytes.len() - end) as u64)),
                        BodyLength::Chunked => prop_assert!(last == bytes.len() || bytes[..last].ends_with(b"\r\n")),
                    }
                }
            }
        }

        /// The chunk scanner assigns each byte the same kind, however the input is split.
        #[test]
        fn chunks_do_not_depend_on_the_cuts(bytes in http_like(), cuts in proptest::collection::vec(1..9_usize, 0..40)) {
            let bytes = [b"3\r\nabc\r\n".to_vec(), bytes].concat();
            let kinds = |pieces: &mut dyn Iterator<Item = &[u8]>| {
                let (mut chunks, mut kinds) = (ChunkScanner::default(), Vec::new());
                for mut piece in pieces {
                    while let Some((kind, length)) = chunks.next(piece) {
                        kinds.extend(std::iter::repeat_n((kind.name(), chunks.index), length));
                        piece = &piece[length..];
                    }
                }
                (kinds, chunks.is_between())
            };
            let mut rest = &bytes[..];
            let mut pieces = Vec::new();
            for cut in cuts {
                let (piece, left) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = left;
            }
            pieces.push(rest);
            prop_assert_eq!(kinds(&mut pieces.into_iter()), kinds(&mut std::iter::once(&bytes[..])));
        }
    }
}
