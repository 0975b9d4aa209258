//! Determines the length of a body (RFC 9112 §6). Contains all rules against request smuggling.
//!
//! Only [`Framing::of`] creates a [`Framing`], so holding one proves that all rules were applied.

use std::panic::Location;

use super::fault::{Fault, ProtocolError};
use super::field_value::list;
use super::head::Head;
use super::version::Version;

/// The length of a message body, proven by [`Framing::of`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Framing(BodyLength);

/// How a body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// There is no body (RFC 9112 §6.3, rule 7).
    #[default]
    Absent,
    /// After this many bytes (rule 6).
    Length(u64),
    /// At the last chunk (rule 4).
    Chunked,
}

impl Framing {
    /// Applies the rules of RFC 9112 §6.3 for requests, strictly: input that two readers could
    /// interpret differently is refused.
    #[inline(always)]
    pub(crate) fn of(head: &Head, input: &[u8]) -> Result<Framing, ProtocolError> {
        match (head.info.transfer_encodings, head.info.content_length) {
            (0, None) => Ok(Framing(BodyLength::Absent)),
            _ => Framing::of_announced_body(head, input),
        }
    }

    /// The place of these rules, for the trace.
    pub(crate) const RULES: &Location<'static> = Location::caller();

    #[inline(never)]
    fn of_announced_body(head: &Head, input: &[u8]) -> Result<Framing, ProtocolError> {
        let at = |fault: Fault, name: &str| Err(fault.at(position(head, input, name)));
        match (head.info.transfer_encodings, head.info.content_length) {
            (0, None) => Ok(Framing(BodyLength::Absent)),
            (0, Some(value)) => {
                content_length(value.of(input), value.start as usize).map(|n| Framing(BodyLength::Length(n)))
            }
            // §6.1: a server MAY refuse both together. One that accepts them must choose, and a
            // proxy in front of it may choose the other.
            (_, Some(_)) => at(Fault::LengthAndCoding, "transfer-encoding"),
            // §6.1: HTTP/1.0 has no transfer codings; an intermediary without them would frame the
            // message differently.
            (_, None) if head.version == Version::Http10 => at(Fault::CodingInOldVersion, "transfer-encoding"),
            (_, None) => coding(head, input),
        }
    }

    /// Returns what is left of a body of known length after the next `bytes`.
    pub(crate) fn without(self, bytes: u64) -> Framing {
        match self.0 {
            BodyLength::Length(length) => Framing(BodyLength::Length(length.saturating_sub(bytes))),
            BodyLength::Absent | BodyLength::Chunked => self,
        }
    }

    /// Returns how the body ends.
    pub(crate) fn length(self) -> BodyLength {
        self.0
    }
}

/// Parses Content-Length = 1*DIGIT: one line with one value. hyper once accepted `+5`
/// (RUSTSEC-2021-0078), others `0x5`, `5,5`, `5_0`.
fn content_length(value: &[u8], at: usize) -> Result<u64, ProtocolError> {
    if value.is_empty() {
        return Err(Fault::LengthInvalid.at(at));
    }
    let mut total: u64 = 0;
    for (index, byte) in value.iter().enumerate() {
        let digit = match byte {
            b'0'..=b'9' => u64::from(byte - b'0'),
            _ => return Err(Fault::LengthInvalid.at(at + index)),
        };
        total = total
            .checked_mul(10)
            .and_then(|total| total.checked_add(digit))
            .ok_or(Fault::LengthOverflow.at(at + index))?;
    }
    Ok(total)
}

/// Checks that Transfer-Encoding, all lines as one list, is exactly `chunked` (RFC 9112 §6.1, §6.3
/// rule 4).
fn coding(head: &Head, input: &[u8]) -> Result<Framing, ProtocolError> {
    let mut chunked = false;
    for field in head.fields() {
        if !field.name.of(input).eq_ignore_ascii_case(b"transfer-encoding") {
            continue;
        }
        let at = field.value.start as usize;
        for coding in list(field.value.of(input)) {
            if chunked {
                return Err(Fault::CodingNotFinal.at(at)); // a coding after chunked, even chunked itself
            }
            if !coding.eq_ignore_ascii_case(b"chunked") {
                return Err(Fault::CodingUnknown.at(at)); // §6.1: 501 for a coding that this server does not decode
            }
            chunked = true;
        }
    }
    if chunked {
        Ok(Framing(BodyLength::Chunked))
    } else {
        Err(Fault::CodingNotFinal.at(position(head, input, "transfer-encoding")))
    }
}

/// Returns the start of the last field of this name, for the error that refuses it.
fn position(head: &Head, input: &[u8], name: &str) -> usize {
    let same = |field: &&super::head::Field| field.name.of(input).eq_ignore_ascii_case(name.as_bytes());
    head.fields().iter().rfind(same).map_or(0, |field| field.name.start as usize)
}
