//! Patterns such as `/users/{id:int}`: parses them, and checks values against parameter types.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

/// Maximum number of parameters in a pattern. Eight spans fit one cache line, so a match needs no
/// allocation.
pub(crate) const MAX_PARAMS: usize = 8;

/// Characters that a path segment may contain unescaped: `pchar` of RFC 3986 §3.3.
pub(crate) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
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

/// Characters that the value of a `path` parameter may contain unescaped: segments and slashes.
const PATH: &AsciiSet = &SEGMENT.remove(b'/');

/// A valid pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: String,
    segments: Vec<Segment>,
    /// The parameters' names, stored separately: handlers look them up for every request.
    names: Vec<Box<str>>,
}

/// The text between two slashes. A literal is stored decoded: `café`, not `caf%C3%A9`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(Box<str>),
    Param { name: Box<str>, kind: ParamType },
}

/// Values that a parameter accepts. Kinds are tried in this order, the narrowest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum ParamType {
    /// ASCII digits without a sign; `01` is valid. Any number of digits, as in Flask: the handler's
    /// [`param`](crate::request::Request::param) checks whether they fit a type, so that a number
    /// too large is a missing resource and not another path.
    Int,
    /// Hexadecimal digits in groups of 8-4-4-4-12.
    Uuid,
    /// Digits, a point, digits.
    Float,
    /// One segment that is not empty.
    String,
    /// The rest of the path, slashes included; not empty.
    Path,
}

impl Pattern {
    /// Parses a pattern. A path begins with `/`; a parameter is `{name}` or `{name:type}` and fills
    /// its segment.
    pub(crate) fn parse(text: &str) -> Result<Pattern, PatternError> {
        let fail = |at: usize, sentence: String| PatternError {
            column: text.get(..at).map_or(0, |before| before.chars().count()) + 1,
            text: text.to_owned(),
            message: sentence,
        };
        let Some(path) = text.strip_prefix('/') else {
            return Err(fail(0, "a pattern begins with '/'".into()));
        };
        let mut pattern = Pattern { text: text.to_owned(), segments: Vec::new(), names: Vec::new() };
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
                pattern.names.push(name.clone());
            }
            pattern.segments.push(segment);
            at += piece.len() + 1;
        }
        Ok(pattern)
    }

    /// Returns the pattern as it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns one entry for each slash; `/` alone is one empty literal, and so is the end of
    /// `/users/`.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns the parameters' names, left to right.
    pub(crate) fn params(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// Returns the text of a nested pattern: `/v1/users` with `/{id}` is `/v1/users/{id}`. `/`
    /// means the prefix itself, as written, so only a prefix with a trailing slash ends with one.
    pub(crate) fn joined(prefix: &str, rest: &str) -> String {
        match rest {
            "" | "/" if !prefix.is_empty() => prefix.to_owned(),
            _ => format!("{}{rest}", prefix.strip_suffix('/').unwrap_or(prefix)),
        }
    }

    /// Builds the path that this pattern matches with these values, percent-encoded (RFC 3986
    /// §2.1): the inverse of matching.
    pub(crate) fn to_path(&self, values: &[(&str, &str)]) -> Result<String, BuildError> {
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
                    let keeps = if *kind == ParamType::Path { PATH } else { SEGMENT };
                    path.extend(utf8_percent_encode(value, keeps));
                }
            }
        }
        // `//host` is a reference to another host (RFC 3986 §4.2), in a link and in a redirect.
        Ok(match path.strip_prefix("//") {
            Some(rest) => format!("/%2F{rest}"),
            None => path,
        })
    }
}

impl ParamType {
    /// Every kind, for messages.
    const ALL: [ParamType; 5] = [ParamType::Int, ParamType::Uuid, ParamType::Float, ParamType::String, ParamType::Path];

    /// Returns whether a percent-decoded value is of this kind, by Werkzeug's rules. Invalid UTF-8
    /// is of none.
    pub(crate) fn accepts(self, value: &[u8]) -> bool {
        match self {
            ParamType::Int => is_digits(value),
            ParamType::Uuid => is_uuid(value),
            ParamType::Float => is_float(value),
            ParamType::String | ParamType::Path => is_text(value),
        }
    }

    /// Returns the word for it in a pattern.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ParamType::Int => "int",
            ParamType::Uuid => "uuid",
            ParamType::Float => "float",
            ParamType::String => "string",
            ParamType::Path => "path",
        }
    }
}

/// Why a text is not a pattern, as one sentence with the column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PatternError {
    text: String,
    column: usize,
    message: String,
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pattern {:?}, column {}: {}", self.text, self.column, self.message)
    }
}

impl std::error::Error for PatternError {}

/// Why a path cannot be built from these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BuildError {
    Missing { name: Box<str> },
    Unknown { name: Box<str> },
    Mismatch { name: Box<str>, kind: ParamType, value: Box<str> },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BuildError::Missing { name } => write!(f, "the parameter '{name}' has no value"),
            BuildError::Unknown { name } => write!(f, "the pattern has no parameter '{name}'"),
            BuildError::Mismatch { name, kind, value } => {
                write!(f, "the parameter '{name}' is of type {}, and {value:?} is not", kind.name())
            }
        }
    }
}

impl std::error::Error for BuildError {}

/// Message of the error, with its byte offset in the segment.
type SegmentError = (usize, String);

fn segment(piece: &str, last: bool) -> Result<Segment, SegmentError> {
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
            '{' | '}' => "a parameter is {name} or {name:type} and fills its whole segment",
            '<' | '>' => "a parameter is written {name:type}",
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

/// Parses the text between the braces.
fn param(body: &str, last: bool) -> Result<Segment, SegmentError> {
    let (name, kind) = body.split_once(':').unwrap_or((body, "string"));
    let mut bytes = name.bytes();
    if !bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        || !bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        return Err((1, "a parameter's name is letters, digits and '_', and begins with no digit".into()));
    }
    let Some(kind) = ParamType::ALL.into_iter().find(|known| known.name() == kind) else {
        let known = ParamType::ALL.map(ParamType::name).join(", ");
        return Err((name.len() + 2, format!("'{kind}' is not a parameter type; the types are {known}")));
    };
    if kind == ParamType::Path && !last {
        return Err((0, "a path parameter matches the rest of the path, so it must be the last segment".into()));
    }
    Ok(Segment::Param { name: name.into(), kind })
}

#[inline]
pub(crate) fn is_digits(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

fn is_uuid(value: &[u8]) -> bool {
    value.len() == 36
        && value
            .iter()
            .enumerate()
            .all(|(at, b)| if matches!(at, 8 | 13 | 18 | 23) { *b == b'-' } else { b.is_ascii_hexdigit() })
}

fn is_float(value: &[u8]) -> bool {
    let mut parts = value.split(|b| *b == b'.');
    parts.next().is_some_and(is_digits) && parts.next().is_some_and(is_digits) && parts.next().is_none()
}

/// Returns whether the value is valid UTF-8, not empty and without a dot segment. `is_ascii`
/// decides nearly always, at a fraction of the cost of the full check.
fn is_text(value: &[u8]) -> bool {
    !value.is_empty() && !has_dot_segment(value) && (value.is_ascii() || std::str::from_utf8(value).is_ok())
}

/// Returns whether there is a `.` or `..` segment. Clients resolve those before they send a request
/// (RFC 3986 §5.2.4), so one that arrives, or is encoded as `%2e%2e%2f`, is an attempt to leave a
/// directory.
fn has_dot_segment(value: &[u8]) -> bool {
    let is_dots = |part: &[u8]| part == b"." || part == b"..";
    if value.contains(&b'/') { value.split(|b| *b == b'/').any(is_dots) } else { is_dots(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn literal(text: &str) -> Segment {
        Segment::Literal(text.into())
    }

    fn param(name: &str, kind: ParamType) -> Segment {
        Segment::Param { name: name.into(), kind }
    }

    #[test]
    fn what_a_pattern_says() {
        for (text, segments) in [
            ("/", vec![literal("")]),
            ("/users", vec![literal("users")]),
            ("/users/", vec![literal("users"), literal("")]),
            ("/users/{id:int}", vec![literal("users"), param("id", ParamType::Int)]),
            ("/{slug}/{_2:string}", vec![param("slug", ParamType::String), param("_2", ParamType::String)]),
            ("/{x:uuid}/{y:float}/", vec![param("x", ParamType::Uuid), param("y", ParamType::Float), literal("")]),
            ("/f/{path:path}", vec![literal("f"), param("path", ParamType::Path)]),
            ("/café/a b", vec![literal("café"), literal("a b")]),
            ("/:id/*", vec![literal(":id"), literal("*")]),
        ] {
            let pattern = Pattern::parse(text).unwrap();
            assert_eq!((pattern.text(), pattern.segments()), (text, &segments[..]));
        }
        let eight = "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}";
        assert_eq!(Pattern::parse(eight).unwrap().params().collect::<String>(), "abcdefgh");
    }

    #[test]
    fn what_is_no_pattern_and_where() {
        for (text, column, sentence) in [
            ("", 1, "begins with '/'"),
            ("users", 1, "begins with '/'"),
            ("//users", 2, "an empty segment"),
            ("/a//b", 4, "an empty segment"),
            ("/a/..", 4, "'..' names nothing"),
            ("/a/./b", 4, "'.' names nothing"),
            ("/é/{id", 4, "fills its whole segment"),
            ("/a/id}", 6, "fills its whole segment"),
            ("/a/v{id}", 5, "fills its whole segment"),
            ("/a/{id}.json", 4, "fills its whole segment"),
            ("/a/{}", 5, "a parameter's name"),
            ("/a/{1d}", 5, "a parameter's name"),
            ("/a/{a}{b}", 5, "a parameter's name"),
            ("/a/{i-d}", 5, "a parameter's name"),
            ("/a/{id:}", 8, "'' is not a parameter type"),
            ("/a/{id:rest}", 8, "'rest' is not a parameter type; the types are int, uuid, float, string, path"),
            ("/a/{id:int:x}", 8, "'int:x' is not a parameter type"),
            ("/a/{p:path}/b", 4, "it must be the last segment"),
            ("/a/{p:path}/", 4, "it must be the last segment"),
            ("/{a}/{a:int}", 6, "'a' is used twice"),
            ("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", 34, "at most 8 parameters"),
            ("/<int:id>", 2, "{name:type}"),
            ("/a%20b", 3, "percent-decoding"),
            ("/a?b", 3, "the query"),
            ("/a#b", 3, "a fragment"),
            ("/a\nb", 3, "a control character"),
        ] {
            let error = Pattern::parse(text).unwrap_err();
            assert!(error.column == column && error.message.contains(sentence), "{error}");
            assert_eq!(error.to_string(), format!("pattern {text:?}, column {column}: {}", error.message));
        }
    }

    #[test]
    fn what_a_kind_takes() {
        let long = "1".repeat(8000);
        for (kind, yes, no) in [
            (
                ParamType::Int,
                vec!["0", "01", "42", &long],
                vec!["", "-1", "+1", "1.5", "1/", "abc", "1a", "\u{661}", " 1"],
            ),
            (
                ParamType::Float,
                vec!["0.0", "1.50", "00.1"],
                vec!["", ".", "1", "1.", ".1", "-1.0", "1.0.0", "1e5", "1,5", "inf"],
            ),
            (
                ParamType::Uuid,
                vec!["01234567-89ab-CDEF-0123-456789abcdef"],
                vec![
                    "",
                    "0123456789abcdef0123456789abcdef",
                    "01234567-89ab-cdef-0123-456789abcdeg",
                    "01234567_89ab-cdef-0123-456789abcdef",
                ],
            ),
            (
                ParamType::String,
                vec!["a", "a b", "é", "...", ".a", "a/b"],
                vec!["", ".", "..", "a/..", "../a", "a/./b"],
            ),
            (ParamType::Path, vec!["a", "a/b", "/a", "a/", "/", "a//b"], vec!["", ".", "..", "a/../b", "a/..", "./a"]),
        ] {
            for value in yes {
                assert!(kind.accepts(value.as_bytes()), "{value:?} is {kind:?}");
            }
            for value in no {
                assert!(!kind.accepts(value.as_bytes()), "{value:?} is not {kind:?}");
            }
            assert!(!kind.accepts(b"\xff"));
        }
    }

    #[test]
    fn nesting() {
        for (prefix, rest, joined) in [
            ("/v1/users", "/", "/v1/users"),
            ("/v1/users", "/{id}", "/v1/users/{id}"),
            ("/v1/users", "/x/", "/v1/users/x/"),
            ("/v1/users/", "/", "/v1/users/"),
            ("/v1/users/", "/{id}", "/v1/users/{id}"),
            ("/v1", "", "/v1"),
            ("", "/", "/"),
            ("", "/users", "/users"),
            ("/", "/", "/"),
            ("/", "/users", "/users"),
        ] {
            assert_eq!(Pattern::joined(prefix, rest), joined, "{prefix} + {rest}");
        }
    }

    #[test]
    fn building() {
        let build = |pattern: &str, values: &[(&str, &str)]| {
            Pattern::parse(pattern).unwrap().to_path(values).map_err(|error| error.to_string())
        };
        assert_eq!(build("/", &[]).unwrap(), "/");
        assert_eq!(build("/café/", &[]).unwrap(), "/caf%C3%A9/");
        assert_eq!(build("/u/{id:int}", &[("id", "01")]).unwrap(), "/u/01");
        assert_eq!(build("/p/{a}/{b}", &[("b", "ü?#%"), ("a", "x/y z")]).unwrap(), "/p/x%2Fy%20z/%C3%BC%3F%23%25");
        assert_eq!(build("/f/{p:path}", &[("p", "a b/c:@&=+$,;~")]).unwrap(), "/f/a%20b/c:@&=+$,;~");
        assert_eq!(build("/{p:path}", &[("p", "/evil.example/a")]).unwrap(), "/%2Fevil.example/a"); // no other host
        assert_eq!(build("/{p:path}", &[("p", "//evil.example")]).unwrap(), "/%2F/evil.example");
        assert_eq!(build("/{p:path}", &[("p", "\\evil.example")]).unwrap(), "/%5Cevil.example");
        assert_eq!(build("/f/{p:path}", &[("p", "/a//b")]).unwrap(), "/f//a//b");
        assert_eq!(build("/u/{id:int}", &[]).unwrap_err(), "the parameter 'id' has no value");
        assert_eq!(build("/u/{id:int}", &[("di", "1")]).unwrap_err(), "the pattern has no parameter 'di'");
        assert_eq!(
            build("/u/{id:int}", &[("id", "x")]).unwrap_err(),
            "the parameter 'id' is of type int, and \"x\" is not"
        );
        assert_eq!(
            build("/f/{p:path}", &[("p", "a/../b")]).unwrap_err(),
            "the parameter 'p' is of type path, and \"a/../b\" is not"
        );
    }

    proptest! {
        #[test]
        fn any_text_is_a_pattern_or_an_error_inside_it(text in "[/{}:a-c.%é<]{0,24}") {
            match Pattern::parse(&text) {
                Ok(pattern) => prop_assert_eq!(pattern.segments().len(), text.matches('/').count()),
                Err(error) => prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error),
            }
        }
    }
}
