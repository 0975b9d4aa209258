//! Finds the place in the source that decides what an event reports. The call that records it is
//! often elsewhere: `http1` decides, and `net` reports afterwards.

use std::panic::Location;

use super::probe::Event;
use crate::http1::chunked::Decoder;
use crate::http1::connection::Connection;
use crate::http1::fault::Fault;
use crate::http1::framing::Framing;
use crate::http1::head::{Head, diagnose};
use crate::http1::states::{Recv, Send, State};
use crate::http1::target;

/// Returns the place of the rule, or `None` if it is where the event was recorded.
pub(super) fn of(event: &Event<'_>) -> Option<&'static Location<'static>> {
    Some(match event {
        Event::ReqError { reject, .. } => of_fault(reject.fault)?,
        Event::ParseHead { .. } => Head::RULES,
        Event::BodyFraming { .. } => Framing::RULES,
        Event::BodyChunk { .. } => Decoder::RULES,
        Event::KeepAlive { .. } => Connection::RESPONDS,
        Event::ConnState(step) => match step.to {
            // A complete response begins the next cycle; a request begins the response.
            State::Recv(Recv::Idle) => Connection::RESPONDS,
            State::Recv(_) | State::Send(Send::Respond) => Connection::RECEIVES,
            State::Send(_) => Connection::RESPONDS,
        },
        _ => return None,
    })
}

fn of_fault(fault: Fault) -> Option<&'static Location<'static>> {
    Some(match fault {
        Fault::BareCr
        | Fault::LeadingSpace
        | Fault::RequestLine
        | Fault::MethodToken
        | Fault::MethodTooLong
        | Fault::TargetTooLong
        | Fault::VersionMalformed
        | Fault::VersionUnsupported
        | Fault::FieldName
        | Fault::SpaceBeforeColon
        | Fault::ColonMissing
        | Fault::FieldValue
        | Fault::ObsFold
        | Fault::FieldsTooMany
        | Fault::HeadTooLarge
        | Fault::TlsOnPlainPort => diagnose::RULES,
        Fault::BareLf
        | Fault::EmptyLines
        | Fault::Connect
        | Fault::HostMissing
        | Fault::HostRepeated
        | Fault::HostInvalid
        | Fault::LengthRepeated => Head::RULES,
        Fault::TargetForm | Fault::TargetByte | Fault::TargetEscape => target::RULES,
        Fault::LengthAndCoding
        | Fault::LengthInvalid
        | Fault::LengthOverflow
        | Fault::CodingUnknown
        | Fault::CodingNotFinal
        | Fault::CodingInOldVersion => Framing::RULES,
        Fault::ChunkSize
        | Fault::ChunkSizeOverflow
        | Fault::ChunkExtension
        | Fault::ChunkExtensionTooLong
        | Fault::ChunkLineEnd
        | Fault::ChunkDelimiter
        | Fault::TrailerInvalid
        | Fault::TrailersTooLarge => Decoder::RULES,
        Fault::BodyTooLarge | Fault::EndedEarly => Connection::RECEIVES,
        // The event loop decides: a deadline, a limit on all connections, a field of a head.
        Fault::ExpectationUnknown
        | Fault::HeadTimeout
        | Fault::BodyTimeout
        | Fault::BodyTooSlow
        | Fault::Overloaded => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::http1::fault::FAULTS;

    /// Each file that is named for a fault creates it, after the named line.
    #[test]
    fn the_place_of_a_fault_is_where_it_is_made() {
        for row in FAULTS {
            let Some(place) = of_fault(row.fault) else { continue };
            let source = fs::read_to_string(place.file()).unwrap();
            let line = source.lines().nth(place.line() as usize - 1).unwrap();
            assert!(line.contains("Location::caller()"), "{}: {line}", row.name);
            let fault = format!("Fault::{:?}", row.fault);
            let below: String = source.lines().skip(place.line() as usize).collect();
            assert!(below.contains(&fault), "{fault} is not below {place}");
        }
    }
}
