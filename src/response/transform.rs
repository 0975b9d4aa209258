//! Replaces the body of a response by a compressed one.

use std::io;

use super::{Body, Response};
use crate::response::body_source::{BodySource, BytesSource, GuardedSource, Pull};

impl Response {
    /// Returns whether other threads write the body at their own pace.
    pub(crate) fn is_push(&self) -> bool {
        matches!(&self.body, Body::Source(source, _) if source.is_push())
    }

    /// Reads a streamed body of up to `most` bytes into memory.
    ///
    /// # Errors
    /// The source's error, or the body is shorter than announced.
    pub(crate) fn buffer(&mut self, most: u64) -> io::Result<()> {
        let Body::Source(source, Some(length)) = &mut self.body else { return Ok(()) };
        if *length > most {
            return Ok(());
        }
        let (mut bytes, length) = (Vec::new(), *length as usize);
        while bytes.len() < length {
            let room = length - bytes.len();
            if source.pull(&mut bytes, room)? == Pull::End && bytes.len() < length {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "shorter than announced"));
            }
        }
        bytes.truncate(length);
        self.body = Body::Owned(bytes);
        Ok(())
    }

    /// Removes the length that a HEAD route declared. Returns whether it is the response of one.
    pub(crate) fn undeclare_length(&mut self) -> bool {
        let Body::HeadOnly(length) = &mut self.body else { return false };
        *length = None;
        true
    }

    /// Replaces the body by a compressed form; keeps the media type.
    pub(crate) fn replace_body(&mut self, coded: Vec<u8>) {
        self.body = Body::Owned(coded);
    }

    /// Wraps the body in a source that compresses it while it is sent.
    pub(crate) fn wrap_body<B: BodySource + 'static>(&mut self, coder: impl FnOnce(GuardedSource) -> B) {
        let plain = match std::mem::take(&mut self.body) {
            Body::Empty | Body::HeadOnly(_) => in_memory(b""),
            Body::Static(bytes) => in_memory(bytes),
            Body::Scratch => in_memory(std::mem::take(&mut self.scratch)),
            Body::Owned(bytes) => in_memory(bytes),
            Body::Shared(bytes) => in_memory(bytes),
            Body::Source(source, _) => source,
        };
        self.body = Body::Source(GuardedSource::new(coder(plain)), None);
    }
}

fn in_memory(bytes: impl AsRef<[u8]> + Send + 'static) -> GuardedSource {
    GuardedSource::new(BytesSource { bytes, taken: 0 })
}
