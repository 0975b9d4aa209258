//! Parses the head of a part (RFC 7578 §4), and the parameters of a disposition or a media type.

use std::borrow::Cow;

use memchr::memmem;
use percent_encoding::percent_decode_str;

use super::{MultipartError, Result};
use crate::http1::field_value::{is_token, quoted_len};
use crate::http1::grammar::is_field_value;

/// Maximum size of the head of a part, in bytes; more gets 413. busboy allows 16 KiB, Go 10 MB for
/// all heads together.
pub(super) const MAX_HEAD: usize = 8 * 1024;

/// Maximum number of parameters of a media type or disposition. Clients send three; each is
/// compared with those before it.
const MAX_PARAMETERS: usize = 32;

/// Maximum length of a safe file name, in bytes: the limit of most file systems.
const MAX_FILENAME: usize = 255;

/// What the head of a part says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartHead {
    pub(super) name: String,
    pub(super) filename: Option<String>,
    pub(super) content_type: Option<String>,
}

impl PartHead {
    /// Parses a head without the empty line after it. `mark` is the boundary with its hyphens: a
    /// line that begins with it belongs to another part.
    pub(super) fn parse(head: &[u8], mark: &[u8]) -> Result<PartHead> {
        let text = std::str::from_utf8(head).map_err(|_| malformed("the head of a part is not valid UTF-8"))?;
        let (mut disposition, mut content_type) = (None, None);
        for line in text.split("\r\n") {
            if line.as_bytes().starts_with(mark) {
                return Err(malformed("the head of a part has no end"));
            }
            let (name, value) = parse_field(line).ok_or(malformed("a line in the head of a part is not a field"))?;
            let again = match name.to_ascii_lowercase().as_str() {
                "content-disposition" => disposition.replace(value).is_some(),
                "content-type" => content_type.replace(value).is_some(),
                "content-transfer-encoding" if !is_identity(value) => {
                    return Err(malformed("a part has a transfer encoding, which RFC 7578 §4.7 does away with"));
                }
                _ => false,
            };
            if again {
                return Err(malformed("duplicate Content-Disposition or Content-Type"));
            }
        }
        let (name, filename) = parse_disposition(disposition.ok_or(malformed("a part has no Content-Disposition"))?)?;
        Ok(PartHead {
            name: name.into_owned(),
            filename: filename.map(Cow::into_owned),
            content_type: content_type.map(str::to_owned),
        })
    }

    /// As [`Part::safe_filename`](super::Part::safe_filename).
    pub(super) fn safe_filename(&self) -> Option<String> {
        let last = self.filename.as_deref()?.rsplit(['/', '\\']).next()?;
        let harmless = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
        let mut safe: String = last.trim().trim_start_matches('.').chars().map(harmless).collect();
        while safe.len() > MAX_FILENAME || safe.ends_with('.') {
            safe.pop();
        }
        Some(safe).filter(|safe| safe.chars().any(|c| c != '_'))
    }
}

/// Returns where the head at the start of these bytes ends; `None` if that has not arrived.
/// `searched` bytes are known not to hold its end.
pub(super) fn head_end(bytes: &[u8], searched: usize) -> Result<Option<usize>> {
    let search = bytes.get(..MAX_HEAD + END.len()).unwrap_or(bytes);
    // The end may have begun in what was searched.
    let from = searched.saturating_sub(END.len() - 1);
    match search.get(from..).and_then(|search| memmem::find(search, END)) {
        Some(found) => Ok(Some(from + found)),
        None if search.len() == MAX_HEAD + END.len() => {
            Err(MultipartError::TooLarge(format!("The head of a part has {MAX_HEAD} bytes at most.")))
        }
        None => Ok(None),
    }
}

/// Ends the last line of a head, and is the empty line after it.
const END: &[u8] = b"\r\n\r\n";

fn malformed(why: &'static str) -> MultipartError {
    MultipartError::Malformed(why)
}

/// Parses a field line: no leading blank (a folded line), none before the colon (RFC 9112 §5.1,
/// §5.2).
fn parse_field(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.split_once(':')?;
    let sound = is_token(name.as_bytes()) && value.bytes().all(is_field_value);
    sound.then(|| (name, value.trim_matches([' ', '\t'])))
}

fn is_identity(coding: &str) -> bool {
    ["7bit", "8bit", "binary"].iter().any(|plain| coding.eq_ignore_ascii_case(plain))
}

/// Returns the name and the file name of `form-data; name="…"; filename="…"` (RFC 7578 §4.2).
/// `filename*` (RFC 8187) takes precedence, as in RFC 6266 §4.3; browsers do not send it, other
/// clients do.
fn parse_disposition(disposition: &str) -> Result<(Cow<'_, str>, Option<Cow<'_, str>>)> {
    let (kind, rest) = disposition.split_once(';').unwrap_or((disposition, ""));
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(malformed("a Content-Disposition is not form-data"));
    }
    let (mut name, mut filename, mut extended) = (None, None, None);
    for (key, value) in parameters(rest).ok_or(malformed("a Content-Disposition has invalid parameters"))? {
        match key.to_ascii_lowercase().as_str() {
            "name" => name = Some(value),
            "filename" => filename = Some(value),
            "filename*" => {
                let decoded = decode_ext_value(&value).ok_or(malformed("a filename* is not valid UTF-8''text"))?;
                extended = Some(decoded);
            }
            _ => {}
        }
    }
    let name = name.ok_or(malformed("a part has no name"))?;
    Ok((name, extended.map(Cow::Owned).or(filename)))
}

/// Decodes `UTF-8'en'na%C3%AFve.txt` (RFC 8187 §3.2).
fn decode_ext_value(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, text) = rest.split_once('\'')?;
    let text = percent_decode_str(text).decode_utf8().ok()?;
    charset.eq_ignore_ascii_case("utf-8").then(|| text.into_owned())
}

/// Parses the parameters after the first semicolon, at most [`MAX_PARAMETERS`], without duplicates.
/// An unquoted value ends at the next semicolon: Java's boundaries contain `=`.
pub(super) fn parameters(mut rest: &str) -> Option<Vec<(&str, Cow<'_, str>)>> {
    let mut found: Vec<(&str, Cow<'_, str>)> = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        if rest.is_empty() {
            return Some(found);
        }
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = if behind.starts_with('"') { unquoted(behind)? } else { bare(behind)? };
        let again = found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
        if !is_token(name.as_bytes()) || again || found.len() == MAX_PARAMETERS {
            return None;
        }
        found.push((name, value));
        rest = behind.trim_start_matches([' ', '\t']);
        if !(rest.is_empty() || rest.starts_with(';')) {
            return None;
        }
    }
}

fn bare(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let (value, rest) = text.split_at_checked(text.find(';').unwrap_or(text.len()))?;
    let value = value.trim_end_matches([' ', '\t']);
    (!value.is_empty() && !value.contains([' ', '\t', '"'])).then_some((Cow::Borrowed(value), rest))
}

/// Parses a quoted string, and returns what follows it. A backslash escapes only a quote or itself,
/// since browsers send Windows paths as they are; they send a quote as `%22` (WHATWG HTML,
/// multipart/form-data encoding).
fn unquoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let length = quoted_len(text.as_bytes())?;
    let (raw, rest) = (text.get(1..length - 1)?, text.get(length..)?);
    if !raw.contains(['\\', '%']) {
        return Some((Cow::Borrowed(raw), rest));
    }
    let mut value = String::with_capacity(raw.len());
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        value.push(chars.next_if(|next| c == '\\' && matches!(next, '"' | '\\')).unwrap_or(c));
    }
    Some((Cow::Owned(value.replace("%22", "\"")), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_that_do_no_harm() {
        for (sent, safe) in [
            ("photo.jpg", Some("photo.jpg")),
            ("my photo (1).tar.gz", Some("my_photo__1_.tar.gz")),
            ("../../etc/passwd", Some("passwd")),
            ("/etc/passwd", Some("passwd")),
            ("C:\\Users\\a\\b.txt", Some("b.txt")),
            ("a/..\\..", None),
            (".bashrc", Some("bashrc")),
            ("...", None),
            ("a.", Some("a")),
            ("", None),
            ("/", None),
            ("a/", None),
            ("  ", None),
            ("___", None),
            ("a\0b\u{1b}[2J\u{202e}gpj", Some("a_b__2J_gpj")),
            ("日本語.txt", Some("日本語.txt")),
        ] {
            let head = PartHead { name: "f".into(), filename: Some(sent.into()), content_type: None };
            assert_eq!(head.safe_filename().as_deref(), safe, "{sent:?}");
        }
        let long = PartHead { name: "f".into(), filename: Some("é".repeat(400)), content_type: None };
        assert_eq!(long.safe_filename().map(|safe| safe.len()), Some(254), "no half letters");
    }
}
