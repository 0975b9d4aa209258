//! Reads any bytes that a server sent as a sequence of responses.

use wirelight::wire::{self, Explanation};

/// One answer, as far as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// 0 when the bytes are no answer at all.
    pub(super) status: u16,
    pub(super) head: Vec<u8>,
    pub(super) body: Vec<u8>,
    /// All its bytes, framing included.
    pub(super) length: usize,
    /// Whether its end is there.
    pub(super) whole: bool,
    /// Its Content-Length.
    pub(super) announced: Option<usize>,
    /// Whether something other than the close ends it (RFC 9112 §6.3).
    pub(super) bounded: bool,
}

/// Answers beyond this are not told apart.
const MOST: usize = 10_000;

/// Bytes of a message that are looked at first: the rest of the bytes is not searched again for each of many small ones.
const WINDOW: usize = 16 * 1024;

/// Reads `bytes` as the answers to requests of which those at the places in `heads` asked for no body.
pub(super) fn read(bytes: &[u8], heads: &[bool]) -> Vec<Answer> {
    let (mut answers, mut at, mut asked) = (Vec::<Answer>::new(), 0, 0);
    while at < bytes.len() && answers.len() < MOST {
        let (explanation, length) = message(bytes.get(at..).unwrap_or_default());
        let mut answer = Answer::from(&explanation, length);
        if heads.get(asked).is_some_and(|head_only| *head_only) && answer.is_final() {
            (answer.body, answer.whole) = (Vec::new(), answer.head.ends_with(b"\r\n\r\n"));
            (answer.length, answer.bounded) = (answer.head.len(), true);
        }
        asked += usize::from(answer.is_final());
        at += answer.length;
        let garbage = answer.status == 0;
        answers.push(answer);
        if garbage {
            break;
        }
    }
    answers
}

/// The first message in `bytes`, and how many of them it takes.
pub(super) fn message(bytes: &[u8]) -> (Explanation, usize) {
    let mut window = WINDOW;
    loop {
        let part = bytes.get(..window).unwrap_or(bytes);
        let explanation = wire::explain(part);
        if part.len() == bytes.len() || !explanation.rest().is_empty() {
            let length = part.len() - explanation.rest().len();
            return (explanation, length);
        }
        window *= 8;
    }
}

/// Which of the requests in `sent` are HEAD.
pub(super) fn heads(sent: &[u8]) -> Vec<bool> {
    let (mut heads, mut at) = (Vec::new(), 0);
    while at < sent.len() && heads.len() < MOST {
        let (explanation, length) = message(sent.get(at..).unwrap_or_default());
        heads.push(explanation.pieces().any(|piece| piece.kind == "method" && piece.bytes == b"HEAD"));
        at += length.max(1);
    }
    heads
}

impl Answer {
    /// Whether it answers its request: another one may follow an interim answer, but not 101.
    pub(super) fn is_final(&self) -> bool {
        self.status >= 200 || self.status == 101
    }

    fn from(explanation: &Explanation, length: usize) -> Answer {
        let (head, body) = (Vec::new(), Vec::new());
        let mut answer = Answer { status: 0, head, body, length, whole: true, announced: None, bounded: false };
        let mut field = Vec::new();
        for piece in explanation.pieces() {
            match piece.kind {
                "body" | "chunk-data" => answer.body.extend_from_slice(piece.bytes),
                "chunk-size" | "chunk-ext" | "trailer" => {}
                _ if !answer.body.is_empty() => {}
                _ => answer.head.extend_from_slice(piece.bytes),
            }
            if piece.kind == "status" && !explanation.is_request() {
                answer.status = number(piece.bytes).unwrap_or(0) as u16;
                answer.bounded = matches!(answer.status, 100..=199 | 204 | 304);
            }
            match (piece.kind, &*field) {
                ("name", _) => field = piece.bytes.to_ascii_lowercase(),
                ("value", b"content-length") => answer.announced = number(piece.bytes),
                ("value", b"transfer-encoding") => answer.bounded = true,
                _ => {}
            }
        }
        answer.bounded |= answer.announced.is_some();
        answer.whole =
            !explanation.findings().iter().any(|finding| ["blank-line", "body-short"].contains(&finding.name));
        answer
    }
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses(bytes: &[u8], heads: &[bool]) -> Vec<(u16, bool)> {
        read(bytes, heads).iter().map(|answer| (answer.status, answer.whole)).collect()
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
