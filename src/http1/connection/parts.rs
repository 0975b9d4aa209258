//! A body that is read while it comes: one part after the other, none of them kept; keeps the count, moves no byte.

use std::ops::Range;

use super::{BodyLength, Connection, Framing, Progress, ProtocolError, Recv};
use crate::http1::limits::Limits;

/// The next part of a body. `input` begins where the last part ended.
#[derive(Debug)]
pub(crate) struct BodyChunk {
    /// Where its data lie in the input.
    pub(crate) data: Range<usize>,
    /// How many bytes of input are done with.
    pub(crate) consumed: usize,
}

impl Connection {
    /// The head left the input; the body is to come in parts.
    pub(crate) fn release_head(&mut self) {
        self.body_start = 0;
    }

    /// Looks at bytes of the body. What they hold is the caller's now; the state says whether that was all.
    pub(crate) fn receive_chunk(&mut self, input: &mut [u8], limits: &Limits) -> Result<BodyChunk, ProtocolError> {
        let (part, whole) = match self.framing.length() {
            BodyLength::Absent => (BodyChunk { data: 0..0, consumed: 0 }, true),
            BodyLength::Length(length) => {
                let here = usize::try_from(length).map_or(input.len(), |length| length.min(input.len()));
                self.framing = self.framing.without(here as u64);
                (BodyChunk { data: 0..here, consumed: here }, here as u64 == length)
            }
            BodyLength::Chunked => {
                let progress = self.decoder.decode(input, limits, self.max_body).inspect_err(|_| self.fail(&[]))?;
                let part = BodyChunk { data: 0..self.decoder.decoded(), consumed: self.decoder.consumed() };
                self.decoder.rebase();
                (part, progress == Progress::Done)
            }
        };
        if whole && self.recv == Recv::Body {
            self.framing = Framing::default();
            self.set_recv(Recv::Done);
        }
        Ok(part)
    }
}
