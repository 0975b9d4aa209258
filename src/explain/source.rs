//! Describes what a source of messages, such as curl, omits from their bodies.

use super::count::bytes;
use crate::http1::framing::BodyLength;

/// What a text shows of the bodies in it, for [`from_source`](super::from_source).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The bytes as sent.
    #[default]
    Wire,
    /// The content without its chunks, as `curl -v` shows it.
    Curl {
        /// Number of body bytes that the source counts but does not show.
        hidden_bytes: Option<u64>,
    },
    /// An HTTP/2 message in the notation of HTTP/1.1.
    Http2,
}

impl Source {
    /// Describes how the body ends if the source does not show its bytes as sent. `here` is the
    /// number of body bytes shown.
    pub(super) fn body_sentence(self, body: Option<BodyLength>, here: usize) -> String {
        let end = match (self, body) {
            (Source::Http2, _) => "It ends with the last DATA frame of its stream (RFC 9113 §8.1)".to_owned(),
            (_, Some(BodyLength::Chunked)) => {
                "Chunks, says Transfer-Encoding (RFC 9112 §7.1); curl shows the content without them".to_owned()
            }
            (_, Some(BodyLength::Length(length))) => format!("{}, says Content-Length (RFC 9112 §6.3)", bytes(length)),
            (_, Some(BodyLength::Absent)) => "No field announces one".to_owned(),
            (_, None) => "It ends when the connection does: nothing else says where (RFC 9112 §6.3)".to_owned(),
        };
        let shown = match self {
            Source::Curl { hidden_bytes: Some(hidden) } if here == 0 => {
                format!("curl counts {} and does not show them here", bytes(hidden))
            }
            _ if here == 0 => "the paste holds none of it".to_owned(),
            _ => format!("the paste holds {}", bytes(here as u64)),
        };
        format!("{end}; {shown}.")
    }
}
