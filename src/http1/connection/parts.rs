//! A body that is read while it comes: one part after the other, none of them kept; keeps the count, moves no byte.

use std::ops::Range;

use super::{Body, Connection, Framing, Progress, Recv, Reject};
use crate::http1::limits::Limits;

/// The next part of a body. `input` begins where the last part ended.
#[derive(Debug)]
pub(crate) struct Part {
    /// Where its data lie in the input.
    pub(crate) data: Range<usize>,
    /// How many bytes of input are done with.
    pub(crate) taken: usize,
}

impl Connection {
    /// The head left the input; the body is to come in parts.
    pub(crate) fn head_moved(&mut self) {
        self.body_start = 0;
    }

    /// Looks at bytes of the body. What they hold is the caller's now; the state says whether that was all.
    pub(crate) fn receive_part(&mut self, input: &mut [u8], limits: &Limits) -> Result<Part, Reject> {
        let (part, whole) = match self.framing.body() {
            Body::Absent => (Part { data: 0..0, taken: 0 }, true),
            Body::Length(length) => {
                let here = usize::try_from(length).map_or(input.len(), |length| length.min(input.len()));
                self.framing = self.framing.without(here as u64);
                (Part { data: 0..here, taken: here }, here as u64 == length)
            }
            Body::Chunked => {
                let progress = self.decoder.decode(input, limits, self.max_body).inspect_err(|_| self.fail(&[]))?;
                let part = Part { data: 0..self.decoder.decoded(), taken: self.decoder.consumed() };
                self.decoder.rebase();
                (part, progress == Progress::Done)
            }
        };
        if whole && self.recv == Recv::Body {
            self.framing = Framing::default();
            self.receiving(Recv::Done);
        }
        Ok(part)
    }
}
