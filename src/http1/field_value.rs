//! Parses what field values are made of: lists, tokens, quoted strings, parameters, media types (RFC 9110 §5.6).

use std::borrow::Cow;
use std::iter;

use super::grammar::is_tchar;

/// Returns whether `text` is a token (§5.6.2).
///
/// ```text
/// token = 1*tchar
/// ```
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_tchar(byte))
}

/// Returns the elements of a list whose elements hold no quoted strings, without empty ones (§5.6.1.2).
///
/// ```text
/// #element = [ element ] *( OWS "," OWS [ element ] )
/// ```
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Splits at each `separator` outside of quoted strings. A quote that is never closed is an ordinary byte, so
/// it hides nothing that follows.
pub(crate) fn split_unquoted(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut quotes) = (Some(text), true);
    iter::from_fn(move || {
        let text = rest?;
        let mut at = 0;
        loop {
            match text.get(at) {
                Some(&byte) if byte == separator => break,
                Some(b'"') if quotes => match quoted_len(text.get(at..)?) {
                    Some(length) => at += length,
                    None => quotes = false,
                },
                Some(_) => at += 1,
                None => break,
            }
        }
        rest = text.get(at + 1..);
        text.get(..at)
    })
}

/// Returns the length, quotes included, of the quoted string that `text` begins with (§5.6.4). `None` if it is
/// never closed.
///
/// ```text
/// quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE
/// quoted-pair   = "\" ( HTAB / SP / VCHAR / obs-text )
/// ```
pub(crate) fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let end = text.iter().skip(1).position(|&byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    })?;
    Some(end + 2)
}

/// Returns the text that a token or a quoted string stands for.
pub(crate) fn unquoted(value: &str) -> Cow<'_, str> {
    let Some(inside) = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')) else { return value.into() };
    if !inside.contains('\\') {
        return inside.into();
    }
    let mut escaped = false;
    let kept = |c: &char| {
        escaped = *c == '\\' && !escaped;
        !escaped
    };
    inside.chars().filter(kept).collect::<String>().into()
}

/// Returns a value without the quotes around it. Escapes in it stay.
pub(crate) fn without_quotes(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

/// Returns the names and values of parameters, without quotes (§5.6.6). Parameters without a name are skipped.
///
/// ```text
/// parameters = *( OWS ";" OWS [ token "=" ( token / quoted-string ) ] )
/// ```
pub(crate) fn parameters(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    split_unquoted(text, b';')
        .map(|parameter| {
            let (name, value) = split_at_byte(parameter, b'=');
            (name.trim_ascii(), without_quotes(value.trim_ascii()))
        })
        .filter(|(name, _)| !name.is_empty())
}

/// Returns a media type without its parameters (§8.3.1).
///
/// ```text
/// media-type = type "/" subtype parameters
/// ```
pub(crate) fn media_type(value: &str) -> &str {
    value.split(';').next().unwrap_or_default().trim()
}

/// Returns what is before the first `separator` and what is after it; the whole text and nothing if there is none.
pub(crate) fn split_at_byte(text: &[u8], separator: u8) -> (&[u8], &[u8]) {
    let (before, after) = text.split_at(memchr::memchr(separator, text).unwrap_or(text.len()));
    (before, after.get(1..).unwrap_or_default())
}
