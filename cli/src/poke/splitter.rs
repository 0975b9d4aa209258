//! Where one response ends and the next one begins, while the bytes still arrive.

use crate::responses::{self, RawResponse};

/// Bytes of an unfinished response whose length is unknown that are read anew with each piece; beyond, only when they have doubled.
const SMALL: usize = 4 * 1024;

/// The responses of one connection, as far as they came.
pub(super) struct ResponseSplitter {
    /// Which of the requests are HEAD.
    heads: Vec<bool>,
    /// Responses that are complete, interim ones apart.
    complete: usize,
    /// The bytes of the response at hand.
    pending: Vec<u8>,
    /// How many bytes `pending` must have before its end can be in it.
    enough: usize,
    /// Only the close ends the response at hand, or it is not a response at all.
    endless: bool,
}

/// Bytes of one response.
pub(super) struct ResponsePart {
    pub(super) length: usize,
    /// The first ones of their response.
    pub(super) begins: bool,
    /// The response, if these are its last bytes.
    pub(super) completes: Option<RawResponse>,
}

impl ResponseSplitter {
    /// `heads`: see [`responses::heads`].
    pub(super) fn new(heads: Vec<bool>) -> ResponseSplitter {
        ResponseSplitter { heads, complete: 0, pending: Vec::new(), enough: 0, endless: false }
    }

    /// Divides the next bytes.
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

/// Whether a status line can still come of these bytes.
fn begins_like_a_response(bytes: &[u8]) -> bool {
    !bytes.contains(&b'\n') && bytes.iter().zip(b"HTTP/").all(|(byte, expected)| byte == expected)
}

fn grown(length: usize) -> usize {
    if length < SMALL { length + 1 } else { length * 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of the parts; `|` stands before the first of a response, `.` after the last.
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
        // The response to HEAD has no body; what only the close ends has no next one.
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
