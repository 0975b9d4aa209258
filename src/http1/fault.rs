//! Lists what a peer can do wrong and how the server responds: one table.

use std::fmt;

use super::status::StatusCode;

/// Generates the enum and the table from one list, so that each fault has a row and the order is
/// the same.
macro_rules! faults {
    ($($fault:ident $name:literal $status:ident $close:literal $rfc:literal $message:literal;)*) => {
        /// A violation of the protocol by the bytes of a request. Its [`info`](Fault::info) has the
        /// response and the rule.
        ///
        /// ```
        /// use wirelight::{Fault, StatusCode};
        ///
        /// let info = Fault::SpaceBeforeColon.info();
        /// assert_eq!((info.name, info.status, info.rfc), ("space-before-colon", StatusCode::BAD_REQUEST, "RFC 9112 §5.1"));
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[non_exhaustive]
        pub enum Fault {
            $(
                #[doc = concat!($message, " (", $rfc, ").")]
                $fault,
            )*
        }

        /// Every fault, in the order of [`Fault`]'s variants.
        pub static FAULTS: &[FaultInfo] = &ROWS;

        static ROWS: [FaultInfo; [$(Fault::$fault),*].len()] = [
            $(FaultInfo {
                fault: Fault::$fault,
                name: $name,
                status: StatusCode::$status,
                close: $close,
                rfc: $rfc,
                message: $message,
            },)*
        ];
    };
}

faults! {
    // Every fault closes the connection: if a message is invalid, its end is uncertain, and the
    // bytes after it may be anything, including a smuggled request (RFC 9112 §11.2).
    // variant, name, status, close, source, message
    BareCr "bare-cr" BAD_REQUEST true "RFC 9112 §2.2"
        "A carriage return is not followed by a line feed";
    BareLf "bare-lf" BAD_REQUEST true "RFC 9112 §2.2"
        "A line ends with a line feed alone; HTTP ends its lines with CR LF";
    EmptyLines "empty-lines" BAD_REQUEST true "RFC 9112 §2.2"
        "More than one empty line occurs before the request line";
    LeadingSpace "leading-space" BAD_REQUEST true "RFC 9112 §2.2"
        "Whitespace occurs before the request line or before the first field";
    RequestLine "request-line" BAD_REQUEST true "RFC 9112 §3"
        "The first line is not a method, a target and a version with one space between them";
    MethodToken "method-token" BAD_REQUEST true "RFC 9110 §9.1"
        "The method holds a byte that no method name may hold";
    MethodTooLong "method-too-long" NOT_IMPLEMENTED true "RFC 9112 §3"
        "The method is longer than any that this server knows";
    TargetTooLong "target-too-long" URI_TOO_LONG true "RFC 9112 §3"
        "The request target is longer than this server reads";
    TargetForm "target-form" BAD_REQUEST true "RFC 9112 §3.2"
        "The target is none of the forms that this method may ask for: /path, http://host/path or *";
    TargetByte "target-byte" BAD_REQUEST true "RFC 9112 §3.2"
        "The target holds a byte that must be percent-encoded there";
    TargetEscape "target-escape" BAD_REQUEST true "RFC 3986 §2.1"
        "A percent sign in the target is not followed by two hexadecimal digits";
    Connect "connect" NOT_IMPLEMENTED true "RFC 9110 §9.3.6"
        "CONNECT asks for a tunnel, and an origin server opens none";
    VersionMalformed "version-malformed" BAD_REQUEST true "RFC 9112 §2.3"
        "The version is not written as HTTP/ with one digit, a dot and one digit";
    VersionUnsupported "version-unsupported" HTTP_VERSION_NOT_SUPPORTED true "RFC 9110 §15.6.6"
        "This server speaks HTTP/1.0 and HTTP/1.1 only";
    HostMissing "host-missing" BAD_REQUEST true "RFC 9112 §3.2"
        "An HTTP/1.1 request must name its host in a Host field";
    HostRepeated "host-repeated" BAD_REQUEST true "RFC 9112 §3.2"
        "A request may have one Host field only";
    HostInvalid "host-invalid" BAD_REQUEST true "RFC 9112 §3.2"
        "The Host field is not a host name or an address with an optional port";
    FieldName "field-name" BAD_REQUEST true "RFC 9112 §5"
        "A field name is empty or holds a byte that no field name may hold";
    SpaceBeforeColon "space-before-colon" BAD_REQUEST true "RFC 9112 §5.1"
        "Whitespace occurs between a field name and its colon";
    ColonMissing "colon-missing" BAD_REQUEST true "RFC 9112 §5"
        "A field line has no colon";
    FieldValue "field-value" BAD_REQUEST true "RFC 9110 §5.5"
        "A field value holds a control character";
    ObsFold "obs-fold" BAD_REQUEST true "RFC 9112 §5.2"
        "A field value goes on in a second line, which HTTP/1.1 has given up";
    FieldsTooMany "fields-too-many" REQUEST_HEADER_FIELDS_TOO_LARGE true "RFC 6585 §5"
        "The request has more fields than this server reads";
    HeadTooLarge "head-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE true "RFC 6585 §5"
        "The head of the request is larger than this server reads";
    LengthAndCoding "length-and-coding" BAD_REQUEST true "RFC 9112 §6.1"
        "Content-Length and Transfer-Encoding occur together, so the body could end in two places";
    LengthInvalid "length-invalid" BAD_REQUEST true "RFC 9112 §6.3"
        "Content-Length is not a plain decimal number";
    LengthRepeated "length-repeated" BAD_REQUEST true "RFC 9112 §6.3"
        "Content-Length is given more than once";
    LengthOverflow "length-overflow" BAD_REQUEST true "RFC 9112 §6.3"
        "Content-Length is larger than a 64-bit number can hold";
    CodingUnknown "coding-unknown" NOT_IMPLEMENTED true "RFC 9112 §6.1"
        "Transfer-Encoding names a coding that this server does not know";
    CodingNotFinal "coding-not-final" BAD_REQUEST true "RFC 9112 §6.3"
        "Transfer-Encoding must end with chunked, once; otherwise nothing says where the body ends";
    CodingInOldVersion "coding-in-old-version" BAD_REQUEST true "RFC 9112 §6.1"
        "HTTP/1.0 has no Transfer-Encoding";
    ChunkSize "chunk-size" BAD_REQUEST true "RFC 9112 §7.1"
        "A chunk does not start with its size in hexadecimal digits";
    ChunkSizeOverflow "chunk-size-overflow" BAD_REQUEST true "RFC 9112 §7.1"
        "A chunk claims to be larger than any body can be";
    ChunkExtension "chunk-extension" BAD_REQUEST true "RFC 9112 §7.1.1"
        "A chunk extension is not written as ;name or ;name=value";
    ChunkExtensionTooLong "chunk-extension-too-long" BAD_REQUEST true "RFC 9112 §7.1.1"
        "The chunk extensions are longer than this server reads";
    ChunkLineEnd "chunk-line-end" BAD_REQUEST true "RFC 9112 §7.1"
        "The line with a chunk's size does not end with CR LF";
    ChunkDelimiter "chunk-delimiter" BAD_REQUEST true "RFC 9112 §7.1"
        "The data of a chunk is not followed by CR LF, so its size cannot be right";
    TrailerInvalid "trailer-invalid" BAD_REQUEST true "RFC 9112 §7.1.2"
        "A line after the last chunk is not a valid field line";
    TrailersTooLarge "trailers-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE true "RFC 9112 §7.1.2"
        "The trailer section is larger than this server reads";
    BodyTooLarge "body-too-large" PAYLOAD_TOO_LARGE true "RFC 9110 §15.5.14"
        "The body is larger than this resource accepts";
    ExpectationUnknown "expectation-unknown" EXPECTATION_FAILED true "RFC 9110 §10.1.1"
        "The only expectation that this server can meet is 100-continue";
    HeadTimeout "head-timeout" REQUEST_TIMEOUT true "RFC 9110 §15.5.9"
        "The head of the request did not arrive in time";
    BodyTimeout "body-timeout" REQUEST_TIMEOUT true "RFC 9110 §15.5.9"
        "The body of the request did not arrive in time";
    BodyTooSlow "body-too-slow" REQUEST_TIMEOUT true "RFC 9110 §15.5.9"
        "The body of the request arrives too slowly";
    EndedEarly "ended-early" BAD_REQUEST true "RFC 9112 §8"
        "The connection was closed before the request was complete";
    TlsOnPlainPort "tls-on-plain-port" BAD_REQUEST true "RFC 9112 §3"
        "This looks like a TLS ClientHello on a plain port; use http://, not https://";
    Overloaded "overloaded" SERVICE_UNAVAILABLE true "RFC 9110 §15.6.4"
        "The server has more work than it can take; try again later";
}

/// The meaning of one [`Fault`] and the response to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultInfo {
    /// The fault of this row.
    pub fault: Fault,
    /// Its name for programs, in kebab-case; stable between releases.
    pub name: &'static str,
    /// The status of the response.
    pub status: StatusCode,
    /// Whether the connection closes after the response. At present every fault closes it: after an
    /// invalid message, the start of the next one is uncertain.
    pub close: bool,
    /// The rule, as in `RFC 9112 §5.1`.
    pub rfc: &'static str,
    /// The explanation for the sender: one sentence without its full stop.
    pub message: &'static str,
}

impl Fault {
    /// Returns the row of this fault in [`FAULTS`], in constant time.
    pub fn info(self) -> &'static FaultInfo {
        // The table is generated from the same list as the enum, so the index is in range.
        &ROWS[self as usize]
    }

    /// Creates the error for this fault at an offset.
    pub(crate) const fn at(self, at: usize) -> ProtocolError {
        ProtocolError { fault: self, at }
    }
}

/// A violation of the protocol: the fault and its offset.
///
/// Displays as `400 Bad Request: A field line has no colon (byte 20, RFC 9112 §5)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProtocolError {
    /// The fault.
    pub fault: Fault,
    /// Offset of the invalid byte from the first byte of the message.
    pub at: usize,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FaultInfo { status, rfc, message, .. } = self.fault.info();
        write!(f, "{status}: {message} (byte {}, {rfc})", self.at)
    }
}

impl std::error::Error for ProtocolError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_of_a_row_is_its_fault() {
        for (index, row) in FAULTS.iter().enumerate() {
            assert_eq!(row.fault as usize, index);
            assert_eq!(row.fault.info(), row);
        }
    }

    #[test]
    fn names_are_the_variants_in_kebab_case() {
        for row in FAULTS {
            let mut kebab = String::new();
            for letter in format!("{:?}", row.fault).chars() {
                if letter.is_ascii_uppercase() && !kebab.is_empty() {
                    kebab.push('-');
                }
                kebab.push(letter.to_ascii_lowercase());
            }
            assert_eq!(row.name, kebab);
        }
    }

    #[test]
    fn every_row_answers_with_an_error_and_names_its_source() {
        for row in FAULTS {
            assert!(row.status.is_client_error() || row.status.is_server_error(), "{}", row.name);
            assert!(row.close, "{}", row.name);
            let (number, section) = row.rfc.strip_prefix("RFC ").and_then(|rest| rest.split_once(" §")).unwrap();
            assert!(["3986", "6585", "9110", "9112"].contains(&number), "{}", row.name);
            assert!(section.split('.').all(|part| part.parse::<u8>().is_ok()), "{}", row.name);
        }
    }

    #[test]
    fn messages_stand_alone() {
        for row in FAULTS {
            assert!(row.message.starts_with(|first: char| first.is_ascii_uppercase()), "{}", row.name);
            assert!(!row.message.ends_with('.'), "{}", row.name);
            assert_eq!(FAULTS.iter().filter(|other| other.message == row.message).count(), 1, "{}", row.name);
        }
    }

    #[test]
    fn a_reject_says_what_where_and_why() {
        assert_eq!(
            Fault::SpaceBeforeColon.at(20).to_string(),
            "400 Bad Request: Whitespace occurs between a field name and its colon (byte 20, RFC 9112 §5.1)"
        );
    }
}
