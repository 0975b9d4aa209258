//! Decodes a body that is read as it arrives: by the event loop, or by the thread of its handler.

use std::ops::Range;

use super::Connection;
use crate::http1::chunked::{Decoder, Progress};
use crate::http1::fault::ProtocolError;
use crate::http1::framing::{BodyLength, Framing};
use crate::http1::limits::Limits;
use crate::http1::states::Recv;

/// What is to come of a body, and how to decode it.
pub(crate) struct BodyDecoder {
    framing: Framing,
    chunks: Decoder,
    max_body: u64,
}

/// The next chunk of a body that is read as it arrives.
#[derive(Debug)]
pub(crate) struct BodyChunk {
    /// Range of its data in the input.
    pub(crate) data: Range<usize>,
    /// Bytes of the input that were processed.
    pub(crate) consumed: usize,
}

impl BodyDecoder {
    /// Decodes the bytes of the body at the start of `input`, in place. The caller then removes
    /// them.
    ///
    /// # Errors
    /// If the chunks are malformed, or are more than the resource accepts.
    pub(crate) fn decode(&mut self, input: &mut [u8], limits: &Limits) -> Result<BodyChunk, ProtocolError> {
        let (chunk, complete) = match self.framing.length() {
            BodyLength::Absent => (BodyChunk { data: 0..0, consumed: 0 }, true),
            BodyLength::Length(length) => {
                let here = usize::try_from(length).map_or(input.len(), |length| length.min(input.len()));
                self.framing = self.framing.without(here as u64);
                (BodyChunk { data: 0..here, consumed: here }, here as u64 == length)
            }
            BodyLength::Chunked => {
                let progress = self.chunks.decode(input, limits, self.max_body)?;
                let chunk = BodyChunk { data: 0..self.chunks.decoded(), consumed: self.chunks.consumed() };
                self.chunks.rebase();
                (chunk, progress == Progress::Done)
            }
        };
        if complete {
            self.framing = Framing::default();
        }
        Ok(chunk)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.framing.length() == BodyLength::Absent
    }

    /// Returns how many bytes of the body are still to come, if that is known.
    pub(crate) fn missing(&self) -> Option<u64> {
        match self.framing.length() {
            BodyLength::Absent => Some(0),
            BodyLength::Length(length) => Some(length),
            BodyLength::Chunked => None,
        }
    }
}

impl Connection {
    /// Returns the decoder of the current body, for a caller that returns it to
    /// [`set_body_decoder`](Self::set_body_decoder).
    pub(crate) fn body_decoder(&self) -> BodyDecoder {
        BodyDecoder { framing: self.framing, chunks: self.decoder.clone(), max_body: self.max_body }
    }

    /// Continues where a decoder stopped. The state tells whether the body is complete.
    pub(crate) fn set_body_decoder(&mut self, body: BodyDecoder) {
        let complete = body.is_complete();
        (self.framing, self.decoder) = (body.framing, body.chunks);
        if complete && self.recv == Recv::Body {
            self.set_recv(Recv::Done);
        }
    }

    /// Decodes the bytes of the body at the start of `input`, which the caller then removes. The
    /// state tells whether the body is complete.
    pub(crate) fn receive_chunk(&mut self, input: &mut [u8], limits: &Limits) -> Result<BodyChunk, ProtocolError> {
        let mut body = self.body_decoder();
        let chunk = body.decode(input, limits);
        self.set_body_decoder(body);
        chunk.inspect_err(|_| self.fail_body())
    }

    /// Records that the body cannot be decoded.
    pub(crate) fn fail_body(&mut self) {
        self.fail(&[]);
    }
}
