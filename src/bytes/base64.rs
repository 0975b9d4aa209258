//! base64 (RFC 4648). The strict decoders accept one spelling of each value.

/// Decodes the standard alphabet with its padding (§4). `None` if another character occurs, or if
/// unused bits are not zero (§3.5).
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    if text.len().is_multiple_of(4) { canonical(decode_digits(digits, b'+', b'/')?) } else { None }
}

/// Decodes the standard alphabet with or without padding, whatever the unused bits are.
#[cfg(feature = "wire")]
pub(crate) fn decode_lenient(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    decode_digits(super::head(text, end), b'+', b'/').map(|(bytes, _)| bytes)
}

/// Decodes the URL-safe alphabet without padding (§5), as strictly as [`decode`].
#[cfg(feature = "sessions")]
pub(crate) fn decode_url(text: &[u8]) -> Option<Vec<u8>> {
    canonical(decode_digits(text, b'-', b'_')?)
}

/// Encodes in the URL-safe alphabet without padding (§5).
#[cfg(feature = "sessions")]
pub(crate) fn encode_url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        let digits = (0..=chunk.len()).map(|number| (bits >> (18 - 6 * number)) as usize % 64);
        text.extend(digits.filter_map(|digit| DIGITS.get(digit)).map(|&digit| char::from(digit)));
    }
    text
}

/// Returns the bytes of digits whose unused bits are zero (§3.5).
fn canonical((bytes, unused): (Vec<u8>, u32)) -> Option<Vec<u8>> {
    (unused == 0).then_some(bytes)
}

/// Decodes digits to bytes and unused bits; `c62` and `c63` are the last two of the alphabet.
fn decode_digits(digits: &[u8], c62: u8, c63: u8) -> Option<(Vec<u8>, u32)> {
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut bits, mut held) = (0_u32, 0);
    for &digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            _ if digit == c62 => 62,
            _ if digit == c63 => 63,
            _ => return None,
        };
        (bits, held) = (bits << 6 | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    // Six bits that are left over belong to no byte: a length of 4n + 1 digits.
    (held < 6).then_some((bytes, bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4648 §10.
    const VECTORS: &[(&str, &str)] = &[
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];

    #[test]
    fn decodes_the_vectors_of_the_rfc() {
        for (bytes, text) in VECTORS {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(decode(b"+/+/"), Some(vec![0xfb, 0xff, 0xbf]));
    }

    #[test]
    fn refuses_every_other_spelling() {
        for text in
            ["Zg", "Zg=", "Zg===", "=", "====", "Z", "Zh==", "Zm9=", "Zm9v====", "Zm 9v", "Zm9v\n", "-_-_", "Zg==Zg=="]
        {
            assert_eq!(decode(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(decode(b"Zm9\xff"), None);
    }

    #[cfg(feature = "wire")]
    #[test]
    fn padding_and_unused_bits_may_be_anything_to_the_lenient_decoder() {
        let all: Vec<u8> = (0..=255).collect();
        for (text, bytes) in [
            ("", Some(&b""[..])),
            ("R0VUIC8=", Some(b"GET /")),
            ("R0VUIC8", Some(b"GET /")),
            ("R0VUIC9", Some(b"GET /")),
            ("DQoNCg==", Some(b"\r\n\r\n")),
            ("//79", Some(b"\xff\xfe\xfd")),
            ("R", None),
            ("R0-_", None),
            ("R0 V", None),
            ("é", None),
        ] {
            assert_eq!(decode_lenient(text.as_bytes()).as_deref(), bytes, "{text}");
        }
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let encoded: String = all
            .chunks(3)
            .flat_map(|three| {
                let bits =
                    three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
                (0..=three.len()).map(move |at| char::from(digits[(bits >> (18 - 6 * at)) as usize & 63]))
            })
            .collect();
        assert_eq!(decode_lenient(encoded.as_bytes()), Some(all));
    }

    #[cfg(feature = "sessions")]
    #[test]
    fn the_url_safe_alphabet_has_no_padding() {
        for (bytes, text) in VECTORS {
            let text = text.trim_end_matches('=');
            assert_eq!(
                (encode_url(bytes.as_bytes()), decode_url(text.as_bytes())),
                (text.to_owned(), Some((*bytes).into()))
            );
        }
        assert_eq!(encode_url(&[0xfb, 0xff, 0xbf]), "-_-_");
        for text in ["Zg==", "Zh", "Z", "+/+/"] {
            assert_eq!(decode_url(text.as_bytes()), None, "{text}");
        }
    }
}
