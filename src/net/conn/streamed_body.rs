//! A response body that is pulled from its source one piece at a time, and framed.

use std::io;
use std::ops::Range;

use super::body_feed::BodyFeed;
use crate::http1::chunked;
use crate::http1::encode::ResponseFraming;
use crate::response::body_source::{GuardedSource, Pull};
use crate::routing::callsite::Callsite;

/// Bytes asked of a source at once, and written at once.
pub(super) const PULL_SIZE: usize = 64 * 1024;

/// A response body and its source.
pub(super) struct StreamedBody {
    pub(super) source: GuardedSource,
    pub(super) length: ResponseFraming,
    /// Bytes that a known length still promises.
    pub(super) remaining: u64,
    /// The kernel sends it from a file, past the source.
    pub(super) sends_file: bool,
    /// The handler that returned it, if it runs on the event loop.
    pub(super) handler: Option<Callsite>,
    /// Where the content of the current piece is in the output, without its framing.
    pub(super) content: Range<usize>,
    /// The body of the request, while the source still reads it.
    pub(super) feed: Option<BodyFeed>,
}

impl StreamedBody {
    /// Appends the next piece, framed.
    pub(super) fn pull(&mut self, output: &mut Vec<u8>) -> io::Result<Pull> {
        let mut piece = Vec::new();
        let pulled = self.source.pull(&mut piece, PULL_SIZE)?;
        let size = piece.len() as u64;
        if size > self.remaining {
            // The announced length is sent (RFC 9112 §8). A file may have grown.
            if self.source.file().is_none() {
                warn!("a body is longer than its Content-Length: the rest is not sent");
            }
            piece.truncate(self.remaining as usize);
        }
        self.remaining -= size.min(self.remaining);
        self.frame(&piece, output);
        match (pulled, self.length) {
            (_, ResponseFraming::Known(_)) if self.remaining == 0 => Ok(Pull::End),
            (Pull::End, ResponseFraming::Known(_)) => Err(too_short()),
            (Pull::End, _) => {
                self.frame_end(output);
                Ok(Pull::End)
            }
            (pulled, _) => Ok(pulled),
        }
    }

    pub(super) fn frame(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        let following = match self.length {
            ResponseFraming::Chunked => {
                chunked::encode_chunk(output, piece);
                "\r\n".len()
            }
            _ => {
                output.extend_from_slice(piece);
                0
            }
        };
        let end = output.len().saturating_sub(following);
        self.content = end.saturating_sub(piece.len())..end;
    }

    pub(super) fn frame_end(&self, output: &mut Vec<u8>) {
        if self.length == ResponseFraming::Chunked {
            chunked::encode_end(output);
        }
    }

    pub(super) fn beats(&self) -> bool {
        self.source.heartbeat().is_some()
    }
}

/// The error of a body that ends early, such as a file that shrank: missing bytes cannot be
/// replaced.
pub(super) fn too_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "shorter than announced")
}
