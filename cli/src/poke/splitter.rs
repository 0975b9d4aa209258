//! Splits received bytes into responses while they arrive.

use crate::responses::{self, RawResponse};

/// Up to this size, an incomplete response of unknown length is parsed again with each piece;
/// beyond it, only when it has doubled.
const SMALL: usize = 4 * 1024;

/// The responses of one connection, as far as they were received.
pub(super) struct ResponseSplitter {
    /// Whether each request is HEAD.
    heads: Vec<bool>,
    /// Number of complete responses, without interim ones.
    complete: usize,
    /// The bytes of the current response.
    pending: Vec<u8>,
    /// Length of `pending` at which the next parse is worthwhile.
    enough: usize,
    /// The current response ends with the connection, or is not a response.
    endless: bool,
}

/// Bytes of one response.
pub(super) struct ResponsePart {
    pub(super) length: usize,
    /// Whether these are the first bytes of the response.
    pub(super) begins: bool,
    /// The response, if these are its last bytes.
    pub(super) completes: Option<RawResponse>,
}

impl ResponseSplitter {
    /// Creates a splitter. For `heads`, see [`responses::heads`].
    pub(super) fn new(heads: Vec<bool>) -> ResponseSplitter {
        ResponseSplitter { heads, complete: 0, pending: Vec::new(), enough: 0, endless: false }
    }

    /// Splits the next bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Vec<ResponsePart> {
        if self.endless {
            return vec![ResponsePart { length: bytes.len(), begins: false, completes: None }];
        }
        let (mut parts, mut before, mut at) = (Vec::new(), self.pending.len(), 0);
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= self.enough || self.pending.ends_with(b"0\r\n\r\n") {
            for response in responses::read(&self.pending, self.heads.get(self.complete..).unwrap_or_default()) {
                let has_head = response.head.ends_with(b"\r\n\r\n");
                let rest = self.pending.get(at..).unwrap_or_default();
                self.endless =
                    if response.status == 0 { !begins_like_a_response(rest) } else { has_head && !response.bounded };
                if self.endless || !response.whole {
                    let announced =
                        response.announced.filter(|_| has_head).map(|body| response.head.len().saturating_add(body));
                    self.enough = announced.unwrap_or_else(|| grown(self.pending.len() - at));
                    break;
                }
                (self.enough, at) = (0, at + response.length);
                self.complete += usize::from(response.is_final());
                let length = response.length - before;
                parts.push(ResponsePart { length, begins: before == 0, completes: Some(response) });
                before = 0;
            }
            self.pending.drain(..at.min(self.pending.len()));
        }
        if self.pending.len() > before {
            parts.push(ResponsePart { length: self.pending.len() - before, begins: before == 0, completes: None });
        }
        if self.endless {
            self.pending = Vec::new();
        }
        parts
    }
}

/// Returns whether these bytes can be the beginning of a status line.
fn begins_like_a_response(bytes: &[u8]) -> bool {
    !bytes.contains(&b'\n') && bytes.iter().zip(b"HTTP/").all(|(byte, expected)| byte == expected)
}

fn grown(length: usize) -> usize {
    if length < SMALL { length + 1 } else { length * 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lengths of the parts; `|` marks the first of a response, `.` the last.
    fn parts(pieces: &[&[u8]], heads: &[bool]) -> String {
        let mut splitter = ResponseSplitter::new(heads.to_vec());
        let part = |part: ResponsePart| {
            let (begins, ends) = (if part.begins { "|" } else { "" }, if part.completes.is_some() { "." } else { "" });
            format!("{begins}{}{ends} ", part.length)
        };
        pieces.iter().flat_map(|piece| splitter.push(piece)).map(part).collect()
    }

    #[test]
    fn responses_are_divided_wherever_the_network_cuts_them() {
        let ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
        let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n";
        let endless = b"HTTP/1.1 200 OK\r\n\r\nhi";
        assert_eq!(parts(&[ok], &[]), "|40. ");
        assert_eq!(parts(&[&ok.repeat(2)], &[]), "|40. |40. ");
        assert_eq!(parts(&[&ok[..10], &ok[10..39], &[b"i", &ok[..]].concat()], &[]), "|10 29 1. |40. ");
        assert_eq!(parts(&[&chunked[..50], &chunked[50..], ok], &[]), "|50 9. |40. ");
        assert_eq!(parts(&[b"HTTP/1.1 100 Continue\r\n\r\n", ok], &[]), "|25. |40. ");
        // A response to HEAD has no body; a response that ends with the connection is the last one.
        assert_eq!(parts(&[&[&ok[..38], ok].concat()], &[true, false]), "|38. |40. ");
        assert_eq!(parts(&[endless, ok, ok], &[]), "|21 40 40 ");
        assert_eq!(parts(&[b"\x00\xff rubbish\r\n\r\n", ok], &[]), "|14 40 ");
    }

    #[test]
    fn a_long_body_is_not_read_again_for_each_piece() {
        let mut splitter = ResponseSplitter::new(Vec::new());
        splitter.push(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        assert_eq!(splitter.enough, 44 + 1_000_000);
        for _ in 0..999_999 {
            assert!(splitter.push(b"x").iter().all(|part| part.completes.is_none()));
        }
        assert!(splitter.push(b"x").pop().is_some_and(|part| part.completes.is_some()));
    }
}
