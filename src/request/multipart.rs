//! Parses `multipart/form-data` (RFC 7578).
//!
//! Written here because existing crates are async or have many dependencies, and because leniency
//! lets requests pass filters: bare LF, folded lines, duplicate names and transfer encodings are
//! rejected.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::Range;

use memchr::memmem::{self, Finder};
use percent_encoding::percent_decode_str;

use crate::http1::field_value::{is_token, quoted_len};
use crate::http1::grammar::is_field_value;
use crate::http1::status::StatusCode;
use crate::request::pairs::NameIndex;
use crate::response::error::Error;

/// Maximum number of parts; more get 413. werkzeug and Go allow 1,000 too, PHP 1,000 fields and 20
/// files.
const MAX_PARTS: usize = 1_000;

/// Maximum size of the head of a part, in bytes; more gets 413. busboy allows 16 KiB, Go 10 MB for
/// all heads together.
const MAX_HEAD: usize = 8 * 1024;

/// Maximum number of parameters of a media type or disposition. Clients send three; each is
/// compared with those before it.
const MAX_PARAMETERS: usize = 32;

/// Maximum length of a boundary (RFC 2046 §5.1.1).
const MAX_BOUNDARY: usize = 70;

/// Maximum length of a safe file name, in bytes: the limit of most file systems.
const MAX_FILENAME: usize = 255;

/// A field or a file of a form: [`Request::parts`](crate::Request::parts),
/// [`Request::file`](crate::Request::file).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'r> {
    name: Cow<'r, str>,
    filename: Option<Cow<'r, str>>,
    content_type: Option<&'r str>,
    bytes: &'r [u8],
}

impl<'r> Part<'r> {
    /// Returns the name of the field.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the name of the file on the client, as it was sent; `None` for a field. Browsers
    /// send an empty name if no file was chosen.
    ///
    /// It may be any text, even `../../etc/passwd`. Use [`safe_filename`](Part::safe_filename) for
    /// paths.
    pub fn filename(&self) -> Option<&str> {
        self.filename.as_deref()
    }

    /// Returns the last component of the file's name, with letters, digits, `.`, `-` and `_` only,
    /// others replaced by `_`, no leading dot, at most 255 bytes; `None` if nothing is left. Names
    /// may repeat, and do not identify the content.
    ///
    /// ```
    /// # let mut app = wirelight::App::new();
    /// app.post("/", |req| req.file("f").and_then(|file| file.safe_filename()));
    /// let ask = |name: &str| {
    ///     let body = format!("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\n\r\n\r\n--b--\r\n");
    ///     app.test().post("/").body("multipart/form-data; boundary=b", body).send().text().to_owned()
    /// };
    /// assert_eq!(ask("my photo.jpg"), "my_photo.jpg");
    /// assert_eq!(ask("../../etc/passwd"), "passwd");
    /// assert_eq!(ask("C:\\temp\\Zoë.txt"), "Zoë.txt");
    /// ```
    pub fn safe_filename(&self) -> Option<String> {
        let last = self.filename()?.rsplit(['/', '\\']).next()?;
        let harmless = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
        let mut safe: String = last.trim().trim_start_matches('.').chars().map(harmless).collect();
        while safe.len() > MAX_FILENAME || safe.ends_with('.') {
            safe.pop();
        }
        Some(safe).filter(|safe| safe.chars().any(|c| c != '_'))
    }

    /// Returns the media type that the client declared, mostly guessed from the file's name: check
    /// the bytes before you rely on it.
    pub fn content_type(&self) -> Option<&'r str> {
        self.content_type
    }

    /// Returns the data.
    pub fn bytes(&self) -> &'r [u8] {
        self.bytes
    }

    /// Returns the data as text. Bytes that are not UTF-8 become U+FFFD, as in every form.
    pub fn text(&self) -> Cow<'r, str> {
        String::from_utf8_lossy(self.bytes)
    }

    /// Returns whether it is a field, not a file.
    pub(crate) fn is_field(&self) -> bool {
        self.filename.is_none()
    }

    pub(crate) fn into_field(self) -> (Cow<'r, str>, Cow<'r, str>) {
        let text = self.text();
        (self.name, text)
    }
}

/// The parsed parts of a body, as positions in it.
pub(crate) struct Parts {
    all: Vec<StoredPart>,
    index: OnceCell<NameIndex>,
}

/// The head of a part, and the position of its data in the body.
struct StoredPart {
    name: String,
    filename: Option<String>,
    content_type: Option<String>,
    data: Range<usize>,
}

/// Why a body is not a valid form.
#[derive(Debug)]
pub(crate) enum MultipartError {
    Malformed(&'static str),
    TooLarge(String),
}

type Result<T> = std::result::Result<T, MultipartError>;

impl Parts {
    /// Reads all parts of a body, in order.
    pub(crate) fn read(boundary: &str, body: &[u8]) -> Result<Parts> {
        let mark = format!("--{boundary}");
        let mut marks = Delimiters { finder: Finder::new(&mark), body, at: 0, from: 0 };
        let mut mark = marks.next().ok_or(MultipartError::Malformed("it does not hold its boundary"))?;
        let mut all = Vec::new();
        while !mark.last {
            let next = marks.next().ok_or(MultipartError::Malformed("its last boundary is missing"))?;
            if all.len() == MAX_PARTS {
                return Err(MultipartError::TooLarge(format!("A form has {MAX_PARTS} parts at most.")));
            }
            let part = part(body.get(mark.end..next.start).unwrap_or_default())?;
            all.push(StoredPart::of(&part, next.start));
            mark = next;
        }
        Ok(Parts { all, index: OnceCell::new() })
    }

    /// Returns all parts, in order. `body` is the one that was parsed.
    pub(crate) fn iter<'p>(&'p self, body: &'p [u8]) -> impl Iterator<Item = Part<'p>> {
        self.all.iter().map(move |place| place.parse_part(body))
    }

    /// Returns the parts of this name, in order.
    pub(crate) fn named<'p, 'n>(
        &'p self,
        name: &'n str,
        body: &'p [u8],
    ) -> impl Iterator<Item = Part<'p>> + use<'p, 'n> {
        let index = self.index.get_or_init(|| NameIndex::of(self.all.iter().map(|place| &place.name)));
        let places = index.positions(name).filter_map(|position| self.all.get(position));
        places.filter(move |place| place.name == name).map(move |place| place.parse_part(body))
    }
}

impl StoredPart {
    /// Converts a part whose data ends at `end` in the body.
    fn of(part: &Part<'_>, end: usize) -> StoredPart {
        StoredPart {
            name: part.name.to_string(),
            filename: part.filename.as_deref().map(str::to_owned),
            content_type: part.content_type.map(str::to_owned),
            data: end - part.bytes.len()..end,
        }
    }

    fn parse_part<'p>(&'p self, body: &'p [u8]) -> Part<'p> {
        Part {
            name: Cow::Borrowed(&self.name),
            filename: self.filename.as_deref().map(Cow::Borrowed),
            content_type: self.content_type.as_deref(),
            bytes: body.get(self.data.clone()).unwrap_or_default(),
        }
    }
}

impl MultipartError {
    /// Returns the error for the client. The reason is in its details, as with JSON.
    pub(crate) fn error(&self) -> Error {
        match self {
            MultipartError::Malformed(why) => {
                Error::bad_request("").with_details(format!("The body is no multipart form: {why}.").into())
            }
            MultipartError::TooLarge(why) => Error::new(StatusCode::PAYLOAD_TOO_LARGE, why.clone()),
        }
    }
}

/// Returns the boundary of a media type; `None` if it has no valid one (RFC 2046 §5.1.1).
pub(crate) fn boundary(content_type: &str) -> Option<Cow<'_, str>> {
    let (_, rest) = content_type.split_once(';')?;
    let (_, boundary) = parameters(rest)?.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("boundary"))?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    let length = (1..=MAX_BOUNDARY).contains(&boundary.len());
    (length && boundary.bytes().all(allowed) && !boundary.ends_with(' ')).then_some(boundary)
}

/// A boundary line, with the line end before it, which belongs to it (RFC 2046 §5.1.1).
struct Delimiter {
    start: usize,
    end: usize,
    last: bool,
}

/// Finds the boundaries of a body, one after the other, in one pass.
struct Delimiters<'f, 'r> {
    finder: Finder<'f>,
    body: &'r [u8],
    /// Offset at which the search continues.
    at: usize,
    /// Offset of the current part.
    from: usize,
}

impl Iterator for Delimiters<'_, '_> {
    type Item = Delimiter;

    fn next(&mut self) -> Option<Delimiter> {
        loop {
            let found = self.at + self.finder.find(self.body.get(self.at..)?)?;
            self.at = found + self.finder.needle().len();
            let start = if found == 0 { Some(0) } else { self.line_start(found) };
            if let (Some(start), Some((end, last))) = (start, self.line_end(self.at)) {
                (self.at, self.from) = (end, end);
                return Some(Delimiter { start, end, last });
            }
        }
    }
}

impl Delimiters<'_, '_> {
    /// Returns the start of the CRLF before a boundary, if there is one and it does not end the
    /// previous boundary.
    fn line_start(&self, found: usize) -> Option<usize> {
        let start = found.checked_sub(2).filter(|start| *start >= self.from)?;
        (self.body.get(start..found)? == b"\r\n").then_some(start)
    }

    /// Parses what follows a boundary: two hyphens if it is the last one, blanks, then CRLF, or the
    /// end of the body after the last. Anything else makes it text that only begins like a
    /// boundary, as in Go and werkzeug.
    fn line_end(&self, at: usize) -> Option<(usize, bool)> {
        let behind = self.body.get(at..)?;
        let (rest, last) = behind.strip_prefix(b"--").map_or((behind, false), |rest| (rest, true));
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = rest.get(blanks..)?;
        let end = self.body.len() - rest.len();
        match rest.starts_with(b"\r\n") {
            true => Some((end + 2, last)),
            false => (last && rest.is_empty()).then_some((end, true)),
        }
    }
}

fn part(content: &[u8]) -> Result<Part<'_>> {
    let (head, bytes) = split_head(content)?;
    let head = std::str::from_utf8(head).map_err(|_| MultipartError::Malformed("the head of a part is no UTF-8"))?;
    let (mut disposition, mut content_type) = (None, None);
    for line in head.split("\r\n") {
        let (name, value) =
            parse_field(line).ok_or(MultipartError::Malformed("a line in the head of a part is no field"))?;
        let again = match name.to_ascii_lowercase().as_str() {
            "content-disposition" => disposition.replace(value).is_some(),
            "content-type" => content_type.replace(value).is_some(),
            "content-transfer-encoding" if !is_identity(value) => {
                return Err(MultipartError::Malformed(
                    "a part has a transfer encoding, which RFC 7578 §4.7 does away with",
                ));
            }
            _ => false,
        };
        if again {
            return Err(MultipartError::Malformed("duplicate Content-Disposition or Content-Type"));
        }
    }
    let (name, filename) =
        disposition.and_then(parse_disposition).ok_or(MultipartError::Malformed("a part has no name of its own"))?;
    Ok(Part { name, filename, content_type, bytes })
}

/// Splits a part into head and data. A part without data may lack the empty line's CRLF.
fn split_head(content: &[u8]) -> Result<(&[u8], &[u8])> {
    let search = content.get(..MAX_HEAD + 4).unwrap_or(content);
    if let Some(end) = memmem::find(search, b"\r\n\r\n") {
        return Ok((content.get(..end).unwrap_or_default(), content.get(end + 4..).unwrap_or_default()));
    }
    if search.len() < content.len() {
        return Err(MultipartError::TooLarge(format!("The head of a part has {MAX_HEAD} bytes at most.")));
    }
    let head = content.strip_suffix(b"\r\n").ok_or(MultipartError::Malformed("the head of a part has no end"))?;
    Ok((head, &[]))
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
fn parse_disposition(disposition: &str) -> Option<(Cow<'_, str>, Option<Cow<'_, str>>)> {
    let (kind, rest) = disposition.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let (mut name, mut filename, mut extended) = (None, None, None);
    for (key, value) in parameters(rest)? {
        match key.to_ascii_lowercase().as_str() {
            "name" => name = Some(value),
            "filename" => filename = Some(value),
            "filename*" => extended = Some(decode_ext_value(&value)?),
            _ => {}
        }
    }
    Some((name?, extended.map(Cow::Owned).or(filename)))
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
fn parameters(mut rest: &str) -> Option<Vec<(&str, Cow<'_, str>)>> {
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
    use crate::App;
    use proptest::prelude::*;

    /// Returns the parts of a body with the boundary `x` as `name=data` or `name@file=data`, or the
    /// status and the details.
    fn read(body: &[u8]) -> std::result::Result<Vec<String>, String> {
        let show = |part: Part<'_>| match part.filename() {
            Some(file) => format!("{}@{file}={}", part.name(), part.bytes().escape_ascii()),
            None => format!("{}={}", part.name(), part.bytes().escape_ascii()),
        };
        let why = |refusal: MultipartError| match refusal.error().details().and_then(|details| details.as_str()) {
            Some(details) => details.replace("The body is no multipart form: ", ""),
            None => format!("{} {}", refusal.error().status().as_u16(), refusal.error().message()),
        };
        Parts::read("x", body).map(|parts| parts.iter(body).map(show).collect()).map_err(why)
    }

    fn good(body: &str, expected: &[&str]) {
        assert_eq!(read(body.as_bytes()), Ok(expected.iter().map(|part| (*part).to_owned()).collect()), "{body:?}");
    }

    fn bad(body: &[u8], why: &str) {
        assert_eq!(read(body), Err(why.to_owned()), "{}", body.escape_ascii());
    }

    const HEAD: &str = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n";

    #[test]
    fn where_parts_begin_and_end() {
        for (data, end, expected) in [
            ("1", "\r\n--x--\r\n", "a=1"),
            ("1", "\r\n--x--", "a=1"),
            ("1", "\r\n--x-- \t\r\nan epilogue\r\n--x\r\n", "a=1"),
            ("", "\r\n--x--", "a="),
            ("\r\n", "\r\n--x--", r"a=\r\n"),
            ("1\n--x--\n2", "\r\n--x--", r"a=1\n--x--\n2"),
            (" --x", "\r\n--x--", "a= --x"),
            ("1\r\n--xy\r\n2", "\r\n--x--", r"a=1\r\n--xy\r\n2"),
            ("1\r\n--x y\r\n2", "\r\n--x--", r"a=1\r\n--x y\r\n2"),
            ("1\r\n--x--y\r\n2", "\r\n--x--", r"a=1\r\n--x--y\r\n2"),
            ("1\r\n--x-\r\n2", "\r\n--x--", r"a=1\r\n--x-\r\n2"),
            ("1\r\n--\r\n", "\r\n--x--", r"a=1\r\n--\r\n"),
            ("1\r", "\r\n--x--", r"a=1\r"),
            ("1 --x", "\r\n--x--", "a=1 --x"),
        ] {
            good(&format!("{HEAD}{data}{end}"), &[expected]);
            good(&format!("a preamble\r\n\r\n--xy\r\n{HEAD}{data}{end}"), &[expected]);
            good(&format!("{HEAD}0\r\n{}{data}{end}", HEAD.replace("--x", "--x \t ")), &["a=0", expected]);
        }
        good("--x--", &[]);
        good("\r\n--x--\r\n", &[]);
        good("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n--x--", &["a="]);
        for (body, why) in [
            ("", "it does not hold its boundary."),
            ("a=1", "it does not hold its boundary."),
            ("-- x\r\n", "it does not hold its boundary."),
            ("--X--", "it does not hold its boundary."),
            ("a --x--", "it does not hold its boundary."),
            ("\n--x--", "it does not hold its boundary."),
            ("--x", "it does not hold its boundary."),
            ("--x\n", "it does not hold its boundary."),
            ("--x\r\n", "its last boundary is missing."),
            ("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x", "its last boundary is missing."),
            ("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\n--x--", "its last boundary is missing."),
            ("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x-", "its last boundary is missing."),
            ("--x\r\n--x--", "its last boundary is missing."),
            ("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n--x\r\n--x--", "its last boundary is missing."),
            ("--x\r\n\r\n--x--", "the head of a part has no end."),
            ("--x\r\nContent-Disposition: form-data; name=a\r\n--x--", "the head of a part has no end."),
        ] {
            bad(body.as_bytes(), why);
        }
    }

    #[test]
    fn what_the_head_of_a_part_says() {
        let nameless = "a part has no name of its own.";
        let no_field = "a line in the head of a part is no field.";
        let twice = "duplicate Content-Disposition or Content-Type.";
        for (head, expected) in [
            ("Content-Disposition: form-data; name=\"a\"", Ok("a=1")),
            ("content-disposition:FORM-DATA;NAME=a", Ok("a=1")),
            ("Content-Disposition: form-data; name=\"\"", Ok("=1")),
            ("Content-Disposition: form-data ; name=a ; ; filename=f.txt ;", Ok("a@f.txt=1")),
            ("Content-Disposition: form-data; name=a; filename=\"\"", Ok("a@=1")),
            ("Content-Disposition: form-data; name=\"a b;c=d\"; filename=\"\u{e9} .txt\"", Ok("a b;c=d@\u{e9} .txt=1")),
            (r#"Content-Disposition: form-data; name="\"a\\b\c"; filename="C:\dir\f""#, Ok(r#""a\b\c@C:\dir\f=1"#)),
            ("Content-Disposition: form-data; name=\"a%22b%0D%41\"", Ok("a\"b%0D%41=1")),
            (
                "Content-Disposition: form-data; name=a; filename=\"f\"; filename*=utf-8'en'na%C3%AFve%20.txt",
                Ok("a@na\u{ef}ve .txt=1"),
            ),
            ("Content-Disposition: form-data; name=a; filename*=UTF-8''f", Ok("a@f=1")),
            ("Content-Disposition: form-data; name=a; filename*=iso-8859-1''f", Err(nameless)),
            ("Content-Disposition: form-data; name=a; filename*=UTF-8''%FF", Err(nameless)),
            ("Content-Disposition: form-data; name=a; filename*=f", Err(nameless)),
            ("Content-Disposition: form-data; name*=UTF-8''a", Err(nameless)),
            ("Content-Disposition: form-data; name=a; name=b", Err(nameless)),
            ("Content-Disposition: form-data; name=a; filename=f; Filename=g", Err(nameless)),
            ("Content-Disposition: form-data", Err(nameless)),
            ("Content-Disposition: form-data; filename=f", Err(nameless)),
            ("Content-Disposition: form-data; name=", Err(nameless)),
            ("Content-Disposition: form-data; name=a b", Err(nameless)),
            ("Content-Disposition: form-data; name=\"a\"b", Err(nameless)),
            ("Content-Disposition: form-data; name=\"a", Err(nameless)),
            ("Content-Disposition: form-data; name", Err(nameless)),
            ("Content-Disposition: form-data; name =a", Err(nameless)),
            ("Content-Disposition: attachment; name=a", Err(nameless)),
            ("Content-Type: text/plain", Err(nameless)),
            ("Content-Disposition: form-data; name=a\r\nContent-Type: text/plain\r\nX-Y: z", Ok("a=1")),
            ("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: Binary", Ok("a=1")),
            (
                "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
                Err("a part has a transfer encoding, which RFC 7578 §4.7 does away with."),
            ),
            ("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b", Err(twice)),
            ("Content-Disposition: form-data; name=a\r\nContent-Type: a/b\r\ncontent-type: c/d", Err(twice)),
            ("Content-Disposition: form-data;\r\n name=a", Err(no_field)),
            ("Content-Disposition : form-data; name=a", Err(no_field)),
            ("Content-Disposition: form-data; name=a\nX: y", Err(no_field)),
            ("Content-Disposition: form-data; name=\"a\0b\"", Err(no_field)),
            ("Content-Disposition: form-data; name=\"a\rb\"", Err(no_field)),
            ("nothing", Err(no_field)),
            (": nothing", Err(no_field)),
            ("", Err(no_field)),
        ] {
            let body = format!("--x\r\n{head}\r\n\r\n1\r\n--x--\r\n");
            let expected = expected.map(|part| vec![part.to_owned()]).map_err(str::to_owned);
            assert_eq!(read(body.as_bytes()), expected, "{head:?}");
        }
        bad(b"--x\r\nContent-Disposition: form-data; name=\xff\r\n\r\n\r\n--x--", "the head of a part is no UTF-8.");
    }

    #[test]
    fn limits() {
        let item = format!("{HEAD}\r\n");
        let form = |count| item.repeat(count) + "--x--";
        assert_eq!(read(form(MAX_PARTS).as_bytes()).unwrap().len(), MAX_PARTS);
        bad(form(MAX_PARTS + 1).as_bytes(), "413 A form has 1000 parts at most.");
        let long = |length: usize| {
            let head = "Content-Disposition: form-data; name=a\r\nX: ";
            format!("--x\r\n{head}{}\r\n\r\ndata\r\n--x--", "y".repeat(length - head.len()))
        };
        good(&long(MAX_HEAD), &["a=data"]);
        bad(long(MAX_HEAD + 1).as_bytes(), "413 The head of a part has 8192 bytes at most.");
    }

    #[test]
    fn boundaries() {
        for (content_type, expected) in [
            ("multipart/form-data; boundary=x", Some("x")),
            ("multipart/form-data;BOUNDARY=\"x\"", Some("x")),
            ("multipart/form-data; charset=utf-8; boundary=x;", Some("x")),
            ("multipart/form-data; boundary=\"a b\"", Some("a b")),
            ("multipart/form-data; boundary=----=_Part_1.2", Some("----=_Part_1.2")),
            ("multipart/form-data; boundary='()+_,-./:=?", Some("'()+_,-./:=?")),
            ("multipart/form-data", None),
            ("multipart/form-data; boundary", None),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data; boundary=\"\"", None),
            ("multipart/form-data; boundary=\"a \"", None),
            ("multipart/form-data; boundary=a b", None),
            ("multipart/form-data; boundary=\"a", None),
            ("multipart/form-data; boundary=a\"", None),
            ("multipart/form-data; boundary=a; boundary=b", None),
            ("multipart/form-data; boundary=\"a*b\"", None),
            ("multipart/form-data; boundary=\u{e9}", None),
        ] {
            assert_eq!(boundary(content_type).as_deref(), expected, "{content_type}");
        }
        let many = |count: usize| {
            let others: String = (1..count).map(|number| format!("; p{number}=v")).collect();
            format!("multipart/form-data{others}; boundary=x")
        };
        assert_eq!([32, 33, 5_000].map(|count| boundary(&many(count)).is_some()), [true, false, false]);
        let long = |length: usize| format!("multipart/form-data; boundary={}", "b".repeat(length));
        assert_eq!([70, 71].map(|length| boundary(&long(length)).is_some()), [true, false]);
    }

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
            let part = Part { name: "f".into(), filename: Some(sent.into()), content_type: None, bytes: b"" };
            assert_eq!(part.safe_filename().as_deref(), safe, "{sent:?}");
        }
        let long = Part { name: "f".into(), filename: Some("é".repeat(400).into()), content_type: None, bytes: b"" };
        assert_eq!(long.safe_filename().map(|safe| safe.len()), Some(254), "no half letters");
    }

    #[test]
    fn a_form_with_a_mistake_is_believed_in_nothing() {
        let mut app = App::new();
        app.post("/", |req| format!("{:?} {:?} {}", req.form("a"), req.file("f").is_some(), req.is_form()));
        app.post("/parts", |req| req.parts().map(|parts| parts.len().to_string()));
        let whole =
            format!("{HEAD}1\r\n--x\r\nContent-Disposition: form-data; name=f; filename=f\r\n\r\n2\r\n--x--\r\n");
        for (content_type, body, told, status) in [
            ("Multipart/Form-Data; boundary=x", &*whole, "Some(\"1\") true true", 200),
            ("multipart/form-data; boundary=x", &whole[..whole.len() - 5], "None false true", 400),
            ("multipart/form-data; boundary=y", &whole, "None false true", 400),
            ("multipart/form-data", &whole, "None false false", 415),
            ("multipart/mixed; boundary=x", &whole, "None false false", 415),
            ("application/x-www-form-urlencoded", "a=1", "Some(\"1\") false true", 415),
        ] {
            let ask = |target: &str| app.test().post(target).body(content_type, body).send();
            assert_eq!((ask("/").text(), ask("/parts").status().as_u16()), (told, status), "{content_type} {body:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            fields in prop::collection::vec(("[a-zA-Z0-9 é%]{0,8}", prop::option::of("[a-z./ ]{0,8}"), prop::collection::vec(any::<u8>(), 0..40)), 0..5),
        ) {
            let mut body = Vec::new();
            for (name, file, data) in &fields {
                let file = file.as_ref().map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
                body.extend(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").bytes());
                body.extend(data.iter().chain(b"\r\n"));
            }
            body.extend(b"--x--");
            let escapes = fields.iter().any(|(name, ..)| name.contains("%22"));
            let holds_boundary = fields.iter().any(|(.., data)| data.windows(3).any(|bytes| bytes == b"--x"));
            prop_assume!(!escapes && !holds_boundary);
            let read = Parts::read("x", &body).map_err(|refusal| TestCaseError::fail(refusal.error().to_string()))?;
            prop_assert_eq!(read.iter(&body).count(), fields.len());
            for (part, (name, file, data)) in read.iter(&body).zip(&fields) {
                prop_assert_eq!((part.name(), part.filename(), part.bytes()), (&**name, file.as_deref(), &**data));
            }
        }

        #[test]
        fn no_bytes_do_harm(pieces in prop::collection::vec(prop::sample::select(vec![
            "--x", "--", "\r\n", "\n", "\r", "Content-Disposition: form-data; name=a", "; filename=", "\"", "\\", "%", " ", ":", "\u{e9}", "y",
        ]), 0..40)) {
            let body = pieces.concat();
            if let Ok(parts) = Parts::read("x", body.as_bytes()) {
                prop_assert!(parts.iter(body.as_bytes()).map(|part| part.bytes().len() + part.name().len()).sum::<usize>() <= body.len());
            }
            let _ = boundary(&body);
        }
    }
}
