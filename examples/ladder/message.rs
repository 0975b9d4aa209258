//! Landing A: what flight 1 knows about messages, without a socket. Bytes in, a request out; a
//! response in, bytes out. Steps 11 to 23 stand on it.

use std::time::SystemTime;

use date::date;
use httparse::{EMPTY_HEADER, Status};

#[path = "chunks.rs"]
mod chunks;
#[path = "date.rs"]
mod date;

/// A complete request.
pub struct Request {
    pub method: String,
    pub target: String,
    pub body: Vec<u8>,
    /// Whether the client speaks HTTP/1.1, and so understands chunks.
    #[allow(dead_code, reason = "step 11 alone asks")]
    pub is_1_1: bool,
    /// Whether the connection may stay open after the response.
    pub keep_alive: bool,
}

/// A response with a body whose length is known.
pub struct Response {
    pub status: &'static str,
    /// More fields, each with its CR LF.
    pub fields: String,
    pub body: Vec<u8>,
}

impl Response {
    pub fn text(status: &'static str, body: impl Into<Vec<u8>>) -> Response {
        Response { status, fields: String::new(), body: body.into() }
    }

    /// Returns the bytes of the response to `request`, or to a request that was refused.
    pub fn encode(&self, request: Option<&Request>) -> Vec<u8> {
        let mut fields = self.fields.clone();
        if !self.status.starts_with("204") {
            fields += &format!("Content-Length: {}\r\n", self.body.len());
        }
        let mut bytes = head(self.status, request.is_some_and(|request| request.keep_alive), &fields);
        if request.is_none_or(|request| request.method != "HEAD") {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// Returns a response head. `fields` say where the body ends.
pub fn head(status: &str, keep_alive: bool, fields: &str) -> Vec<u8> {
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let date = date(SystemTime::now());
    format!("HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: {connection}\r\n{fields}\r\n").into_bytes()
}

/// Parses the request at the beginning of `input`. Returns it and how many bytes it takes up;
/// `None` while it is incomplete; the response to send, before closing, if it is invalid.
pub fn parse(input: &[u8]) -> Result<Option<(Request, usize)>, Response> {
    let mut fields = [EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut fields);
    let start = match head.parse(input) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(error) => return Err(bad(&format!("byte {}: {error}", bad_byte(input)))),
    };
    let is_1_1 = head.version == Some(1);
    // RFC 9112 §3.2: exactly one Host, which HTTP/1.0 may leave out.
    match values(&head, "host").len() {
        1 => {}
        0 if !is_1_1 => {}
        _ => return Err(bad("a request has one Host field")),
    }
    let Some((body, length)) = body(&head, &input[start..])? else { return Ok(None) };
    let connection = values(&head, "connection").join(&b","[..]);
    let says = |word: &[u8]| connection.split(|byte| *byte == b',').any(|o| o.trim_ascii().eq_ignore_ascii_case(word));
    let request = Request {
        method: head.method.unwrap_or_default().to_owned(),
        target: head.path.unwrap_or_default().to_owned(),
        body,
        is_1_1,
        keep_alive: !says(b"close") && (is_1_1 || says(b"keep-alive")),
    };
    Ok(Some((request, start + length)))
}

/// Returns the body, decoded, and how many bytes of `rest` it takes up (RFC 9112 §6.3).
fn body(head: &httparse::Request<'_, '_>, rest: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Response> {
    match (&*values(head, "transfer-encoding"), &*values(head, "content-length")) {
        ([], []) => Ok(Some((Vec::new(), 0))),
        ([], [value]) if value.iter().all(u8::is_ascii_digit) => {
            let number = std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok());
            let length = number.ok_or_else(|| bad("Content-Length is empty or too large"))?;
            Ok(rest.get(..length).map(|body| (body.to_vec(), length)))
        }
        ([], _) => Err(bad("Content-Length must be one number")),
        (_, []) if head.version != Some(1) => Err(bad("HTTP/1.0 has no transfer codings")),
        ([coding], []) if coding.eq_ignore_ascii_case(b"chunked") => chunks::decode(rest).map_err(bad),
        (_, []) => Err(Response::text("501 Not Implemented", "the only known transfer coding is chunked\n")),
        _ => Err(bad("Content-Length and Transfer-Encoding exclude each other")),
    }
}

fn bad(reason: &str) -> Response {
    Response::text("400 Bad Request", format!("{reason}\n"))
}

/// Returns the position of the byte that makes httparse fail.
fn bad_byte(input: &[u8]) -> usize {
    let is_error = |end: &usize| httparse::Request::new(&mut [EMPTY_HEADER; 64]).parse(&input[..*end]).is_err();
    (1..input.len()).find(is_error).unwrap_or(input.len()) - 1
}

/// Returns the values of all fields with this name.
fn values<'b>(head: &httparse::Request<'_, 'b>, name: &str) -> Vec<&'b [u8]> {
    let fields = head.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
    fields.map(|field| field.value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the requests in `input` as "METHOD target body", or the refusal that ends them.
    fn requests(mut input: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        loop {
            match parse(input) {
                Ok(Some((request, length))) => {
                    let body = String::from_utf8_lossy(&request.body).into_owned();
                    found.push(format!("{} {} {body}", request.method, request.target).trim_end().to_owned());
                    input = &input[length..];
                }
                Ok(None) => return found,
                Err(refusal) => {
                    let reason = String::from_utf8_lossy(&refusal.body).trim_end().to_owned();
                    found.push(format!("{}: {reason}", &refusal.status[..3]));
                    return found;
                }
            }
        }
    }

    #[test]
    fn requests_in_a_row() {
        for (input, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &["GET /"][..]),
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.0\r\n\r\nGET", &["GET /", "GET /b"]),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhiGET / HTTP/1.0\r\n\r\n",
                &["POST / hi", "GET /"],
            ),
            (
                "PUT / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: Chunked\r\n\r\n2;x=y\r\nhi\r\n0\r\nA: b\r\n\r\n",
                &["PUT / hi"],
            ),
        ] {
            assert_eq!(requests(input.as_bytes()), expected, "{input:?}");
            // A beginning has fewer requests, and is never an error.
            for end in 0..input.len() {
                let found = requests(&input.as_bytes()[..end]);
                assert!(
                    found.iter().zip(expected).all(|(found, expected)| found == expected),
                    "{input:?} cut at {end}"
                );
                assert!(found.len() <= expected.len(), "{input:?} cut at {end}");
            }
        }
    }

    #[test]
    fn what_two_readers_could_understand_differently_is_refused() {
        for (fields, expected) in [
            ("Content-Length: 5\r\nContent-Length: 5\r\n", "400: Content-Length must be one number"),
            ("Content-Length: 5, 5\r\n", "400: Content-Length must be one number"),
            ("Content-Length: +5\r\n", "400: Content-Length must be one number"),
            ("Content-Length: \r\n", "400: Content-Length is empty or too large"),
            ("Content-Length: 99999999999999999999\r\n", "400: Content-Length is empty or too large"),
            (
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "400: Content-Length and Transfer-Encoding exclude each other",
            ),
            ("Transfer-Encoding: chunked, chunked\r\n", "501: the only known transfer coding is chunked"),
            ("Host: b\r\n", "400: a request has one Host field"),
            ("Name : value\r\n", "400: byte 30: invalid header name"),
        ] {
            let input = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
            assert_eq!(requests(input.as_bytes()), [expected], "{fields:?}");
        }
        for chunks in ["5 \r\n", "+5\r\n", "0x5\r\n", "\r\n", "fffffffff\r\n", "2\r\nhello"] {
            let input = format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
            assert_eq!(requests(input.as_bytes()).len(), 1, "{chunks:?}");
        }
    }

    #[test]
    fn the_connection_option_decides_over_the_version() {
        for (version, option, expected) in [
            ("1.1", "", true),
            ("1.1", "Connection: te, Close\r\n", false),
            ("1.0", "", false),
            ("1.0", "Connection: keep-alive\r\n", true),
        ] {
            let input = format!("GET / HTTP/{version}\r\nHost: a\r\n{option}\r\n");
            let parsed = parse(input.as_bytes()).ok().flatten();
            assert_eq!(parsed.map(|(request, _)| request.keep_alive), Some(expected), "{input:?}");
        }
    }

    #[test]
    fn a_response_says_where_it_ends() {
        let (get, _) = parse(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").ok().flatten().unwrap();
        let (head, _) = parse(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n").ok().flatten().unwrap();
        let hello = Response::text("200 OK", "hello\n");
        let text = |response: &Response, request| String::from_utf8(response.encode(request)).unwrap();
        assert!(text(&hello, Some(&get)).ends_with("\r\nConnection: keep-alive\r\nContent-Length: 6\r\n\r\nhello\n"));
        assert!(text(&hello, Some(&head)).ends_with("\r\nContent-Length: 6\r\n\r\n"));
        assert!(text(&hello, None).contains("\r\nConnection: close\r\n"));
        assert!(text(&Response::text("204 No Content", ""), Some(&get)).ends_with("keep-alive\r\n\r\n"));
    }
}
