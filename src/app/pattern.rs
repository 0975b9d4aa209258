//! Patterns: decides what `/users/{id:int}` may say and which texts fill it; knows no methods, handlers or other patterns.

use memchr::memchr;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// Parameters in one pattern. Eight spans fit one cache line, so a match needs no allocation; no API we know has five.
pub(crate) const MAX_PARAMS: usize = 8;

/// Digits of an `int`, and on either side of the point of a `float`. No integer type holds more than 39, and the cap keeps
/// a megabyte of zeros from being a number. Flask has no cap and hands Python a bignum.
const MAX_DIGITS: usize = 40;

/// What may stand in a path segment as it is: `pchar` of RFC 3986 §3.3. The rest is percent-encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What may stand in the value of a `rest` parameter: segments, and the slashes between them.
const REST: &AsciiSet = &SEGMENT.remove(b'/');

/// One pattern, known to be well-formed.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

/// What stands between two slashes. The literal is in decoded form, as people read it: `café`, not `caf%C3%A9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(Box<str>),
    Param { name: Box<str>, kind: Kind },
}

/// What a parameter takes, in the order in which kinds are tried: the narrowest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    /// ASCII digits without a sign; `01` is one.
    Int,
    /// Hexadecimal digits in groups of 8-4-4-4-12.
    Uuid,
    /// Digits, a point, digits.
    Float,
    /// One segment that is not empty.
    Text,
    /// Everything that is left, slashes included, but not nothing.
    Rest,
}

impl Pattern {
    /// Reads a pattern. A path begins with `/`; a parameter is `{name}` or `{name:kind}` and fills its segment.
    pub(crate) fn parse(text: &str) -> Result<Pattern, PatternError> {
        let fail = |at: usize, sentence: String| PatternError {
            column: text.get(..at).map_or(0, |before| before.chars().count()) + 1,
            text: text.to_owned(),
            sentence,
        };
        let Some(path) = text.strip_prefix('/') else {
            return Err(fail(0, "a pattern begins with '/'".into()));
        };
        let mut pattern = Pattern { text: text.to_owned(), segments: Vec::new() };
        let mut at = 1;
        for piece in path.split('/') {
            let last = at + piece.len() == text.len();
            let segment = segment(piece, last).map_err(|(offset, sentence)| fail(at + offset, sentence))?;
            if let Segment::Param { name, .. } = &segment {
                if pattern.params().any(|earlier| earlier == &**name) {
                    return Err(fail(at, format!("the name '{name}' is used twice")));
                }
                if pattern.params().count() == MAX_PARAMS {
                    return Err(fail(at, format!("a pattern has at most {MAX_PARAMS} parameters")));
                }
            }
            pattern.segments.push(segment);
            at += piece.len() + 1;
        }
        Ok(pattern)
    }

    /// The pattern as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// One entry for each slash; `/` alone is one empty literal, and so is the end of `/users/`.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The parameters' names, left to right.
    pub(crate) fn params(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Param { name, .. } => Some(&**name),
            Segment::Literal(_) => None,
        })
    }

    /// The text of a nested pattern: `/v1/users` with `/{id}` is `/v1/users/{id}`. `/` means the prefix itself, in its own spelling,
    /// so a prefix with a trailing slash keeps it there and only there.
    pub(crate) fn joined(prefix: &str, rest: &str) -> String {
        match rest {
            "" | "/" if !prefix.is_empty() => prefix.to_owned(),
            _ => format!("{}{rest}", prefix.strip_suffix('/').unwrap_or(prefix)),
        }
    }

    /// The path that this pattern matches with these values: the opposite of matching, percent-encoded (RFC 3986 §2.1).
    pub(crate) fn build(&self, values: &[(&str, &str)]) -> Result<String, BuildError> {
        if let Some((name, _)) = values.iter().find(|(name, _)| !self.params().any(|param| param == *name)) {
            return Err(BuildError::Unknown { name: (*name).into() });
        }
        let mut path = String::with_capacity(self.text.len());
        for segment in &self.segments {
            path.push('/');
            match segment {
                Segment::Literal(literal) => path.extend(utf8_percent_encode(literal, SEGMENT)),
                Segment::Param { name, kind } => {
                    let Some((_, value)) = values.iter().find(|(given, _)| *given == &**name) else {
                        return Err(BuildError::Missing { name: name.clone() });
                    };
                    if !kind.accepts(value.as_bytes()) {
                        return Err(BuildError::Mismatch { name: name.clone(), kind: *kind, value: (*value).into() });
                    }
                    path.extend(utf8_percent_encode(value, if *kind == Kind::Rest { REST } else { SEGMENT }));
                }
            }
        }
        Ok(path)
    }
}

impl Kind {
    /// Every kind, for messages.
    const ALL: [Kind; 5] = [Kind::Int, Kind::Uuid, Kind::Float, Kind::Text, Kind::Rest];

    /// Whether a percent-decoded value is of this kind; the rules are Werkzeug's. Bytes that are no UTF-8 are of no kind.
    #[inline]
    pub(crate) fn accepts(self, value: &[u8]) -> bool {
        match self {
            Kind::Int => is_digits(value),
            Kind::Uuid => is_uuid(value),
            Kind::Float => {
                memchr(b'.', value).is_some_and(|point| is_digits(&value[..point]) && is_digits(&value[point + 1..]))
            }
            Kind::Text | Kind::Rest => {
                !value.is_empty() && !has_dot_segment(value) && std::str::from_utf8(value).is_ok()
            }
        }
    }

    /// The word for it in a pattern.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Int => "int",
            Kind::Uuid => "uuid",
            Kind::Float => "float",
            Kind::Text => "text",
            Kind::Rest => "rest",
        }
    }
}

/// Why a text is no pattern, as one sentence with the column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PatternError {
    text: String,
    column: usize,
    sentence: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pattern {:?}, column {}: {}", self.text, self.column, self.sentence)
    }
}

impl std::error::Error for PatternError {}

/// Why no path can be built from these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BuildError {
    Missing { name: Box<str> },
    Unknown { name: Box<str> },
    Mismatch { name: Box<str>, kind: Kind, value: Box<str> },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Missing { name } => write!(f, "the parameter '{name}' has no value"),
            BuildError::Unknown { name } => write!(f, "the pattern has no parameter '{name}'"),
            BuildError::Mismatch { name, kind, value } => {
                write!(f, "the parameter '{name}' is of kind {}, and {value:?} is not", kind.name())
            }
        }
    }
}

impl std::error::Error for BuildError {}

/// What is wrong, and how many bytes into the segment.
type Complaint = (usize, String);

fn segment(piece: &str, last: bool) -> Result<Segment, Complaint> {
    if let Some(body) = piece.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        return param(body, last);
    }
    match piece {
        "" if !last => return Err((0, "an empty segment names nothing".into())),
        "." | ".." => return Err((0, format!("'{piece}' names nothing: clients resolve it before they ask"))),
        _ => {}
    }
    for (at, c) in piece.char_indices() {
        let sentence = match c {
            '{' | '}' => "a parameter is {name} or {name:kind} and fills its whole segment",
            '<' | '>' => "a parameter is written {name:kind}",
            '%' => "write the character itself: patterns are compared after percent-decoding",
            '?' => "a pattern is a path; the query is read from the request",
            '#' => "a fragment never reaches a server (RFC 3986 §3.5)",
            _ if c.is_control() => "a control character names nothing",
            _ => continue,
        };
        return Err((at, sentence.into()));
    }
    Ok(Segment::Literal(piece.into()))
}

/// Reads what stands between the braces.
fn param(body: &str, last: bool) -> Result<Segment, Complaint> {
    let (name, kind) = body.split_once(':').unwrap_or((body, "text"));
    let mut bytes = name.bytes();
    if !bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        return Err((1, "a parameter's name is letters, digits and '_', and begins with no digit".into()));
    }
    let Some(kind) = Kind::ALL.into_iter().find(|known| known.name() == kind) else {
        let known = Kind::ALL.map(Kind::name).join(", ");
        return Err((name.len() + 2, format!("'{kind}' is no kind of parameter; the kinds are {known}")));
    };
    if kind == Kind::Rest && !last {
        return Err((0, "a rest parameter takes all that is left, so it stands last".into()));
    }
    Ok(Segment::Param { name: name.into(), kind })
}

#[inline]
fn is_digits(value: &[u8]) -> bool {
    (1..=MAX_DIGITS).contains(&value.len()) && value.iter().all(u8::is_ascii_digit)
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

/// Whether a `.` or `..` stands between slashes. Clients resolve those before they ask (RFC 3986 §5.2.4), so one that arrives, or
/// hides in `%2e%2e%2f`, is an attempt to leave a directory.
fn has_dot_segment(value: &[u8]) -> bool {
    memchr(b'.', value).is_some() && value.split(|b| *b == b'/').any(|part| part == b"." || part == b"..")
}
