//! Reads any bytes that a server sent as a sequence of responses.

use wirelight::explain::{self, Explanation};

/// A response, as far as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawResponse {
    /// 0 if the bytes are not a response.
    pub(super) status: u16,
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// Bytes of head and body, framing included.
    pub(super) length: usize,
    /// Whether it is complete.
    pub(super) whole: bool,
    /// The value of Content-Length.
    pub(super) announced: Option<usize>,
    /// Whether framing ends it, not only the close of the connection (RFC 9112 §6.3).
    pub(super) bounded: bool,
}

/// Maximum number of responses; the bytes after them are ignored.
const MAX_RESPONSES: usize = 10_000;

/// Bytes that are parsed at first. Parsing all bytes again for each of many small messages would
/// take quadratic time.
const WINDOW: usize = 16 * 1024;

/// Reads `bytes` as the responses to a series of requests. `heads` says which of these are HEAD.
pub(super) fn read(bytes: &[u8], heads: &[bool]) -> Vec<RawResponse> {
    let (mut responses, mut at, mut answered) = (Vec::<RawResponse>::new(), 0, 0);
    while at < bytes.len() && responses.len() < MAX_RESPONSES {
        let (explanation, length) = message(bytes.get(at..).unwrap_or_default());
        let mut response = RawResponse::from(&explanation, length);
        if heads.get(answered).is_some_and(|head_only| *head_only) && response.is_final() {
            (response.body, response.whole) = (Vec::new(), response.head.ends_with(b"\r\n\r\n"));
            (response.length, response.bounded) = (response.head.len(), true);
        }
        answered += usize::from(response.is_final());
        at += response.length;
        let garbage = response.status == 0;
        responses.push(response);
        if garbage {
            break;
        }
    }
    responses
}

/// Explains the first message in `bytes`; returns its length too.
pub(super) fn message(bytes: &[u8]) -> (Explanation, usize) {
    let mut window = WINDOW;
    loop {
        let part = bytes.get(..window).unwrap_or(bytes);
        let explanation = explain::message(part);
        if part.len() == bytes.len() || !explanation.rest().is_empty() {
            let length = part.len() - explanation.rest().len();
            return (explanation, length);
        }
        window *= 8;
    }
}

/// Returns for each of the requests in `sent` whether it is HEAD.
pub(super) fn heads(sent: &[u8]) -> Vec<bool> {
    let (mut heads, mut at) = (Vec::new(), 0);
    while at < sent.len() && heads.len() < MAX_RESPONSES {
        let (explanation, length) = message(sent.get(at..).unwrap_or_default());
        heads.push(explanation.spans().any(|piece| piece.kind == "method" && piece.bytes == b"HEAD"));
        at += length.max(1);
    }
    heads
}

impl RawResponse {
    /// Returns whether it is the final response to its request. Another one follows an interim
    /// response, except 101.
    pub(super) fn is_final(&self) -> bool {
        self.status >= 200 || self.status == 101
    }

    fn from(explanation: &Explanation, length: usize) -> RawResponse {
        let (head, body) = (Vec::new(), Vec::new());
        let mut response = RawResponse { status: 0, head, body, length, whole: true, announced: None, bounded: false };
        let mut field = Vec::new();
        for piece in explanation.spans() {
            match piece.kind {
                "body" | "chunk-data" => response.body.extend_from_slice(piece.bytes),
                "chunk-size" | "chunk-ext" | "trailer" => {}
                _ if !response.body.is_empty() => {}
                _ => response.head.extend_from_slice(piece.bytes),
            }
            if piece.kind == "status" && !explanation.is_request() {
                response.status = number(piece.bytes).unwrap_or(0) as u16;
                response.bounded = matches!(response.status, 100..=199 | 204 | 304);
            }
            match (piece.kind, &*field) {
                ("name", _) => field = piece.bytes.to_ascii_lowercase(),
                ("value", b"content-length") => response.announced = number(piece.bytes),
                ("value", b"transfer-encoding") => response.bounded = true,
                _ => {}
            }
        }
        response.bounded |= response.announced.is_some();
        response.whole =
            !explanation.diagnostics().iter().any(|finding| ["blank-line", "body-short"].contains(&finding.name));
        response
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(bytes: &[u8], heads: &[bool]) -> Vec<(u16, bool)> {
        read(bytes, heads).iter().map(|response| (response.status, response.whole)).collect()
    }

    #[test]
    fn answers_are_told_apart_and_garbage_is_survived() {
        let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        assert_eq!(statuses(&ok.repeat(2), &[]), [(200, true), (200, true)]);
        assert_eq!(statuses(&[b"HTTP/1.1 100 Continue\r\n\r\n", &ok[..]].concat(), &[]), [(100, true), (200, true)]);
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
        assert_eq!(statuses(&[&head[..], ok].concat(), &[true, false]), [(200, true), (200, true)]);
        assert_eq!(statuses(&ok[..20], &[]), [(200, false)]);
        assert_eq!(statuses(b"\x00\xff rubbish", &[]).len(), 1);
        assert_eq!(statuses(b"", &[]), []);
        assert_eq!(heads(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), [true, false]);
    }
}
