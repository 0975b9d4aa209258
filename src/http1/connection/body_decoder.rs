//! Decodes a body that is read as it arrives: by the event loop, or by the thread of its handler.

use std::ops::Range;

use super::Connection;
use crate::http1::chunked::{Decoder, Progress};
use crate::http1::fault::ProtocolError;
use crate::http1::framing::{BodyLength, Framing};
use crate::http1::limits::Limits;
use crate::http1::states::Recv;

/// Data of a chunk up to this size is moved to the data before it. More of it costs less as a piece
/// of its own.
const SMALL_CHUNK: usize = 4 * 1024;

/// What is to come of a body, and how to decode it.
pub(crate) struct BodyDecoder {
    framing: Framing,
    chunks: Decoder,
    max_body: u64,
}

/// The next chunk of a body that is read as it arrives.
#[derive(Debug)]
pub(crate) struct BodyChunk {
    /// Where its data is in the input; none of these is empty.
    pub(crate) data: Vec<Range<usize>>,
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
            BodyLength::Absent => (BodyChunk { data: Vec::new(), consumed: 0 }, true),
            BodyLength::Length(length) => {
                let here = usize::try_from(length).map_or(input.len(), |length| length.min(input.len()));
                self.framing = self.framing.without(here as u64);
                let data = (here > 0).then_some(0..here).into_iter().collect();
                (BodyChunk { data, consumed: here }, here as u64 == length)
            }
            BodyLength::Chunked => {
                let data = self.decode_chunks(input, limits)?;
                let chunk = BodyChunk { data, consumed: self.chunks.consumed() };
                self.chunks.rebase();
                (chunk, self.chunks.progress() == Progress::Done)
            }
        };
        if complete {
            self.framing = Framing::default();
        }
        Ok(chunk)
    }

    fn decode_chunks(&mut self, input: &mut [u8], limits: &Limits) -> Result<Vec<Range<usize>>, ProtocolError> {
        let mut data = Vec::<Range<usize>>::new();
        loop {
            let next = self.chunks.next_data(input, limits, self.max_body)?;
            match data.last_mut() {
                _ if next.is_empty() => return Ok(data),
                Some(last) if next.len() <= SMALL_CHUNK => {
                    let end = last.end + next.len();
                    input.copy_within(next, last.end);
                    last.end = end;
                }
                _ => data.push(next),
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_chunks_are_joined_and_large_ones_stay_where_they_are() {
        let [small, large] = [[b'a'; 3].to_vec(), [b'b'; SMALL_CHUNK + 1].to_vec()];
        let chunks: Vec<u8> = [&small, &small, &large, &small, &large]
            .iter()
            .flat_map(|data| [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat())
            .collect();
        let mut input = [&chunks[..], b"0\r\n\r\nnext"].concat();
        let mut decoder = BodyDecoder { framing: Framing::default(), chunks: Decoder::new(), max_body: u64::MAX };
        let runs = decoder.decode_chunks(&mut input, &Limits::default()).unwrap();
        let data: Vec<&[u8]> = runs.iter().map(|run| &input[run.clone()]).collect();
        assert_eq!(data, [[&small[..], &small].concat(), [&large[..], &small].concat(), large.clone()]);
        assert_eq!((&input[decoder.chunks.consumed()..], decoder.chunks.progress()), (&b"next"[..], Progress::Done));
    }
}
