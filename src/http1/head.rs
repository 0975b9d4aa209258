//! A parsed request head, as offsets into the buffer that it was read from.
//!
//! Three files fill it: `parse.rs` with httparse and a strict pass, `fast.rs` for the request line
//! that nearly every client sends, `diagnose.rs` for the fault of a head that httparse rejects.

pub(crate) mod diagnose;
mod fast;
mod parse;

use super::fault::{Fault, ProtocolError};
use super::method::Method;
use super::span::Span;
use super::target::Target;
use super::version::Version;

/// One field line, as offsets into the buffer that holds the head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The name.
    pub name: Span,
    /// The value, without the whitespace around it.
    pub value: Span,
}

/// What the field lines say about the message and the connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HeadInfo {
    pub(crate) host: Option<Span>,
    pub(crate) content_length: Option<Span>,
    /// Number of Transfer-Encoding lines; `framing.rs` parses them.
    pub(crate) transfer_encodings: u8,
    /// Connection: close.
    pub(crate) close: bool,
    /// Connection: keep-alive.
    pub(crate) keep_alive: bool,
    /// Expect has a value.
    pub(crate) expect_continue: bool,
    /// Offset of an expectation other than 100-continue.
    unknown_expectation: Option<u32>,
}

/// A parsed request head. Its offsets refer to the caller's buffer. Reused from request to request, so that
/// parsing does not allocate.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// The version.
    pub version: Version,
    /// The request target.
    pub target: Target,
    /// The first `count` are the field lines of this head. The vector never shrinks: overwriting is cheaper than
    /// pushing.
    slots: Vec<Field>,
    count: usize,
    pub(crate) info: HeadInfo,
    /// Bytes from the start of the buffer to the end of the empty line.
    pub length: usize,
    /// The last Host that was valid. Clients repeat it, and comparing costs a quarter of checking.
    last_valid_host: Vec<u8>,
}

/// Minimum capacities. glibc does not coalesce freed blocks of up to 120 bytes, so smaller buffers would fragment
/// the heap.
const MIN_SLOTS: usize = 8;
const MIN_HOST_CAPACITY: usize = 128;

impl Head {
    /// Returns a copy for a request that is still being received. The slots stay with `self`, for the next head.
    pub(crate) fn to_owned_head(&self) -> Head {
        let mut slots = Vec::with_capacity(self.count.max(MIN_SLOTS));
        slots.extend_from_slice(self.fields());
        Head { slots, last_valid_host: Vec::new(), ..*self }
    }

    /// Returns the field lines in the order of the message.
    #[inline]
    pub fn fields(&self) -> &[Field] {
        self.slots.get(..self.count).unwrap_or_default()
    }

    /// Rejects an expectation other than 100-continue with 417 (RFC 9110 §10.1.1). Called when the head is complete,
    /// so that the response belongs to a known request.
    #[cold]
    pub(crate) fn check_expectation(&self) -> Result<(), ProtocolError> {
        self.info.unknown_expectation.map_or(Ok(()), |at| Err(Fault::ExpectationUnknown.at(at as usize)))
    }
}
