//! Recognizes requests that are not traced: those whose path begins with a prefix.

/// What is known of the first bytes of a request, which may arrive in any pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Beginning {
    /// No byte but line ends, which may precede a request (RFC 9112 §2.2).
    #[default]
    Empty,
    Method,
    /// So many bytes of the path are those of the prefix.
    Path(usize),
    Other,
}

impl Beginning {
    /// Reads further bytes. Returns whether the path begins with `prefix`.
    pub(super) fn read(&mut self, bytes: &[u8], prefix: &[u8]) -> bool {
        for &byte in bytes {
            *self = match *self {
                Beginning::Empty if byte == b'\r' || byte == b'\n' => Beginning::Empty,
                Beginning::Empty | Beginning::Method if byte.is_ascii_graphic() => Beginning::Method,
                Beginning::Method if byte == b' ' => Beginning::Path(0),
                Beginning::Path(known) if prefix.get(known) == Some(&byte) => Beginning::Path(known + 1),
                _ => Beginning::Other,
            };
            match *self {
                Beginning::Path(known) if known == prefix.len() => return true,
                Beginning::Other => return false,
                _ => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_recognized_however_it_is_split() {
        for (request, expected) in [
            ("GET /_wire/ HTTP/1.1\r\n", true),
            ("POST /_wire/send HTTP/1.1\r\n", true),
            ("\r\nHEAD /_wire/events HTTP/1.1\r\n", true),
            ("GET /_wire HTTP/1.1\r\n", false),
            ("GET /_wir/ HTTP/1.1\r\n", false),
            ("GET /a?b=/_wire/ HTTP/1.1\r\n", false),
            ("GET  /_wire/ HTTP/1.1\r\n", false),
            (" /_wire/", false),
            ("\u{16}\u{3}\u{1}", false),
            ("", false),
        ] {
            for cut in 0..=request.len() {
                let (first, second) = request.as_bytes().split_at(cut);
                let mut beginning = Beginning::default();
                let found = beginning.read(first, b"/_wire/") || beginning.read(second, b"/_wire/");
                assert_eq!(found, expected, "{request:?} cut at {cut}");
            }
        }
    }
}
