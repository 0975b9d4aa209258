//! A strict reader of responses (RFC 9112) that shares no code with the server.
//!
//! It shares no code with the library on purpose: a reader that reused the encoder's rules would forgive the encoder's mistakes.

/// One final response, with the statuses of the interim ones that came before it.
#[derive(Debug, PartialEq)]
pub struct Response {
    pub status: u16,
    pub version: String,
    /// In the order received, every byte as the code point of the same number.
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub framing: Framing,
    pub interim: Vec<u16>,
}

/// How the reader knew where the body ended (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Framing {
    None,
    Length,
    Chunked,
    Close,
    Upgrade,
}

/// The reason why there is no response.
#[derive(Debug, PartialEq)]
pub enum Unread {
    /// The stream is a proper prefix of a response.
    More,
    /// No continuation can make it one.
    Bad(String),
}

impl Response {
    /// Every value of the field, in order.
    pub fn values(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str()).collect()
    }

    /// The elements of a list field, in lower case (RFC 9110 §5.6.1).
    pub fn tokens(&self, name: &str) -> Vec<String> {
        let values = self.values(name).join(",");
        values.split(',').map(|t| t.trim().to_ascii_lowercase()).filter(|t| !t.is_empty()).collect()
    }
}

/// Reads the response to a request with `method` that starts at `at`; `ended` says that no more bytes will come.
/// Returns the response and the position after it.
pub fn read_one(stream: &[u8], at: usize, method: &str, ended: bool) -> Result<(Response, usize), Unread> {
    let mut interim = Vec::new();
    let mut at = at;
    loop {
        let (mut response, body_at) = head(stream, at)?;
        let length = lengths(&response)?;
        if response.status == 101 {
            (response.framing, response.interim) = (Framing::Upgrade, interim);
            return Ok((response, body_at));
        }
        if response.status >= 200 {
            response.interim = interim;
            return body(stream, body_at, response, length, method, ended);
        }
        if response.framing != Framing::Close {
            return bad(format!("a {} response with a framing field", response.status));
        }
        interim.push(response.status);
        if interim.len() > 4 {
            return bad("more than 4 interim responses");
        }
        at = body_at;
    }
}

/// How many final and how many interim responses the stream holds so far, each final one taken as the answer to a GET.
pub fn count(stream: &[u8]) -> (usize, usize) {
    let (mut finals, mut interims, mut at) = (0, 0, 0);
    while let Ok((response, next)) = read_one(stream, at, "GET", false) {
        finals += 1;
        interims += response.interim.len();
        at = next;
    }
    while let Ok((response, next)) = head(stream, at) {
        if response.status >= 200 {
            break;
        }
        interims += 1;
        at = next;
    }
    (finals, interims)
}

/// The status line and the field lines; the framing is that of the framing fields, `Close` where there are none.
fn head(stream: &[u8], at: usize) -> Result<(Response, usize), Unread> {
    let rest = stream.get(at..).unwrap_or_default();
    let Some(end) = find(rest, b"\r\n\r\n") else {
        let start = &rest[..rest.len().min(9)];
        if !b"HTTP/1.1 ".starts_with(start) && !b"HTTP/1.0 ".starts_with(start) {
            return bad(format!("bytes that are no status line: {:?}", text(&rest[..rest.len().min(60)])));
        }
        return Err(Unread::More);
    };
    let block = text(&rest[..end]);
    let mut lines = block.split("\r\n");
    let line = lines.next().unwrap_or_default();
    let Some((version, status)) = status_line(line) else { return bad(format!("bad status line {line:?}")) };
    let fields = lines.map(field_line).collect::<Result<Vec<_>, _>>()?;
    let response = Response { status, version, fields, body: Vec::new(), framing: Framing::Close, interim: Vec::new() };
    let framing = if !response.values("transfer-encoding").is_empty() {
        Framing::Chunked
    } else if !response.values("content-length").is_empty() {
        Framing::Length
    } else {
        Framing::Close
    };
    Ok((Response { framing, ..response }, at + end + 4))
}

/// Applies RFC 9112 §6.2 and §6.3 to the framing fields: at most one of them, once, and well formed.
fn lengths(response: &Response) -> Result<usize, Unread> {
    let (length, coding) = (response.values("content-length"), response.values("transfer-encoding"));
    if !length.is_empty() && !coding.is_empty() {
        return bad("both Content-Length and Transfer-Encoding");
    }
    if !coding.is_empty() && !coding.join(",").trim().eq_ignore_ascii_case("chunked") {
        return bad(format!("Transfer-Encoding {coding:?}"));
    }
    match length[..] {
        [] => Ok(0),
        [one] if !one.is_empty() && one.bytes().all(|b| b.is_ascii_digit()) => {
            one.parse().or_else(|_| bad(format!("Content-Length {one:?} is beyond any body")))
        }
        _ => bad(format!("Content-Length {length:?}")),
    }
}

/// The body of a final response by RFC 9112 §6.3.
fn body(
    stream: &[u8],
    at: usize,
    mut response: Response,
    length: usize,
    method: &str,
    ended: bool,
) -> Result<(Response, usize), Unread> {
    if method == "HEAD" || matches!(response.status, 204 | 304) {
        response.framing = Framing::None;
        return Ok((response, at));
    }
    let end;
    match response.framing {
        Framing::Chunked => (response.body, end) = chunked(stream, at)?,
        Framing::Length if stream.len() - at < length => return Err(Unread::More),
        Framing::Length => (response.body, end) = (stream[at..at + length].to_vec(), at + length),
        _ if !ended => return Err(Unread::More),
        _ => (response.body, end) = (stream[at..].to_vec(), stream.len()),
    }
    Ok((response, end))
}

/// The chunked coding (RFC 9112 §7.1) without chunk extensions: this server writes none, so one is a fault of it.
fn chunked(stream: &[u8], mut at: usize) -> Result<(Vec<u8>, usize), Unread> {
    let mut out = Vec::new();
    loop {
        let (line, data_at) = line(stream, at)?;
        let digits = (1..=15).contains(&line.len()) && line.bytes().all(|b| b.is_ascii_hexdigit());
        let Ok(size) = usize::from_str_radix(&line, 16) else { return bad(chunk_size(&line)) };
        if !digits {
            return bad(chunk_size(&line));
        }
        at = data_at;
        if size == 0 {
            break;
        }
        if stream.len() - at < size.saturating_add(2) {
            return Err(Unread::More);
        }
        out.extend_from_slice(&stream[at..at + size]);
        at += size;
        if &stream[at..at + 2] != b"\r\n" {
            return bad("chunk data is not followed by CR LF");
        }
        at += 2;
    }
    loop {
        let (line, next) = line(stream, at)?;
        at = next;
        if line.is_empty() {
            return Ok((out, at));
        }
        field_line(&line)?;
    }
}

fn chunk_size(line: &str) -> String {
    format!("bad chunk-size line {line:?}")
}

/// Returns the text up to the next CRLF, and the position after it.
fn line(stream: &[u8], at: usize) -> Result<(String, usize), Unread> {
    match find(&stream[at..], b"\r\n") {
        Some(end) => Ok((text(&stream[at..at + end]), at + end + 2)),
        None if stream.len() - at > 4096 => bad("a line of a chunked body without an end"),
        None => Err(Unread::More),
    }
}

/// `HTTP/1.x SP 3DIGIT SP reason` (RFC 9112 §4); the second SP is required even where the reason is empty.
fn status_line(line: &str) -> Option<(String, u16)> {
    let (version, rest) = line.split_once(' ')?;
    let (status, reason) = rest.split_once(' ')?;
    let well_formed = matches!(version, "HTTP/1.0" | "HTTP/1.1")
        && status.len() == 3
        && status.bytes().all(|b| b.is_ascii_digit())
        && matches!(status.as_bytes()[0], b'1'..=b'5')
        && reason.chars().all(is_field_text);
    let status = status.parse().ok()?;
    well_formed.then(|| (version.to_owned(), status))
}

/// `field-name ":" OWS field-value OWS` (RFC 9112 §5): no whitespace before the colon, no control characters.
fn field_line(line: &str) -> Result<(String, String), Unread> {
    let refusal = || Unread::Bad(format!("bad field line {line:?}"));
    let (name, value) = line.split_once(':').ok_or_else(refusal)?;
    let value = value.trim_matches([' ', '\t']);
    if name.is_empty() || !name.chars().all(is_token) || !value.chars().all(is_field_text) {
        return Err(refusal());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// RFC 9110 §5.6.2.
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// HTAB, SP, VCHAR and obs-text (RFC 9110 §5.5).
fn is_field_text(c: char) -> bool {
    matches!(c, '\t' | ' '..='~' | '\u{80}'..='\u{ff}')
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(haystack, needle)
}

/// Latin-1: every byte as the code point of the same number, so that nothing is lost.
pub fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&b| b as char).collect()
}

fn bad<T>(why: impl Into<String>) -> Result<T, Unread> {
    Err(Unread::Bad(why.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    const CHUNKED: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n";

    fn read(stream: &[u8], method: &str, ended: bool) -> (u16, Framing, String, usize) {
        let (response, end) = read_one(stream, 0, method, ended).expect("a response");
        (response.status, response.framing, text(&response.body), end)
    }

    #[test]
    fn each_framing_gives_its_body() {
        assert_eq!(read(OK, "GET", false), (200, Framing::Length, "hi".into(), OK.len()));
        assert_eq!(read(OK, "HEAD", false), (200, Framing::None, "".into(), OK.len() - 2));
        assert_eq!(read(CHUNKED, "GET", false), (200, Framing::Chunked, "hi0123456789".into(), CHUNKED.len()));
        assert_eq!(read(b"HTTP/1.0 200 \r\n\r\nrest", "GET", true), (200, Framing::Close, "rest".into(), 21));
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\n\r\n", "GET", false), (204, Framing::None, "".into(), 27));
        assert_eq!(read(b"HTTP/1.1 101 S\r\n\r\nxyz", "GET", false), (101, Framing::Upgrade, "".into(), 18));
    }

    #[test]
    fn every_proper_prefix_wants_more() {
        for stream in [OK, CHUNKED] {
            for end in 0..stream.len() {
                assert_eq!(read_one(&stream[..end], 0, "GET", false), Err(Unread::More), "{:?}", text(&stream[..end]));
            }
        }
        assert_eq!(read_one(b"HTTP/1.1 200 OK\r\n\r\nrest", 0, "GET", false), Err(Unread::More));
    }

    #[test]
    fn interim_responses_belong_to_the_final_one() {
        let stream = [b"HTTP/1.1 100 Continue\r\n\r\n", OK].concat();
        let (response, end) = read_one(&stream, 0, "POST", false).expect("a response");
        assert_eq!((response.interim, response.status, end), (vec![100], 200, stream.len()));
        assert_eq!(count(&stream[..25]), (0, 1));
        assert_eq!(count(&stream), (1, 1));
        assert_eq!(count(&[&stream[..], &stream[..25]].concat()), (1, 2));
    }

    #[test]
    fn field_values_are_trimmed_and_lists_are_split() {
        let stream = b"HTTP/1.1 204 No Content\r\nAllow: \tGET, HEAD \r\nX:\r\nallow: PUT\r\n\r\n";
        let (response, _) = read_one(stream, 0, "GET", false).expect("a response");
        assert_eq!(response.values("ALLOW"), ["GET, HEAD", "PUT"]);
        assert_eq!(response.tokens("Allow"), ["get", "head", "put"]);
        assert_eq!(response.values("x"), [""]);
    }

    #[test]
    fn malformed_streams_are_refused() {
        let te = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let cases = [
            "X".to_owned(),
            "\r\nHTTP/1.1 200 OK\r\n\r\n".to_owned(),
            "HTTP/2.0 200 OK\r\n\r\n".to_owned(),
            "HTTP/1.1 200\r\n\r\n".to_owned(),
            "HTTP/1.1 600 No\r\n\r\n".to_owned(),
            "HTTP/1.1 20 OK\r\n\r\n".to_owned(),
            "HTTP/1.1 200 O\x07K\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\n: b\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi".to_owned(),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nhi".to_owned(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n".to_owned(),
            "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "HTTP/1.1 100 Continue\r\n\r\n".repeat(5),
            format!("{te}\r\n"),
            format!("{te}+2\r\nhi\r\n"),
            format!("{te}2;a=b\r\nhi\r\n"),
            format!("{te}2\r\nhiX\r\n"),
            format!("{te}10000000000000000\r\n"),
            format!("{te}0\r\nbad trailer\r\n\r\n"),
            format!("{te}{}", "1".repeat(5000)),
        ];
        for case in cases {
            let answer = read_one(case.as_bytes(), 0, "GET", true);
            assert!(matches!(answer, Err(Unread::Bad(_))), "{case:?} gave {answer:?}");
        }
    }
}
