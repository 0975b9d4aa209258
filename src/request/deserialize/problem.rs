//! What is wrong with a value, and where: the errors of `input.rs`, and the tree that collects them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display};

use serde_core::de::{Error as DeserializeError, Expected, Unexpected};
use serde_json::{Map, Value};

/// Maximum length of a place, in bytes: the client chooses the names of a map.
const MAX_PLACE: usize = 128;

/// Why a value cannot be of its type. The text never repeats the value, which the client chose.
#[derive(Debug)]
pub(super) struct Problem {
    /// Names and positions from the innermost outwards.
    place: Vec<String>,
    message: String,
    /// The type cannot have a field of this name.
    unknown: bool,
}

impl Problem {
    pub(super) fn new(message: impl Into<String>) -> Problem {
        Problem { place: Vec::new(), message: message.into(), unknown: false }
    }

    /// Makes it the problem of a field whose name is wrong: that of a map, which is not a string.
    pub(super) fn of_name(self, name: &str) -> Problem {
        if self.unknown {
            return self;
        }
        let what = self.message.strip_prefix("Must ").map(|must| format!("The name must {must}"));
        Problem { unknown: true, ..Problem::new(what.unwrap_or(self.message)).inside(name) }
    }

    /// Moves the problem into the field or list element of this name.
    pub(super) fn inside(mut self, name: &str) -> Problem {
        self.place.push(name.to_owned());
        self
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl DeserializeError for Problem {
    fn custom<T: Display>(message: T) -> Problem {
        let message = message.to_string();
        match message.starts_with("data did not match any variant of untagged enum ") {
            true => Problem::new("Must have one of the accepted forms"),
            false => Problem::new(message),
        }
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Problem {
        Problem::new(format!("Must be {}", in_words_of_json(&expected.to_string())))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Problem {
        Problem::invalid_type(found, expected)
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Problem {
        Problem::invalid_type(Unexpected::Seq, expected)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Problem {
        Problem::new(format!("Must be one of: {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Problem {
        Problem { unknown: true, ..Problem::new("Unknown").inside(field) }
    }

    fn missing_field(field: &'static str) -> Problem {
        Problem::new("Required").inside(field)
    }

    fn duplicate_field(field: &'static str) -> Problem {
        Problem::new("Given twice").inside(field)
    }
}

/// Returns what a type expects, which serde may say with the name of the type.
fn in_words_of_json(expected: &str) -> Cow<'_, str> {
    Cow::Borrowed(match expected.split(' ').next().unwrap_or_default() {
        "tuple" => match expected.rsplit_once(" with ") {
            Some((_, elements)) => return format!("a list with {elements}").into(),
            None => "a list",
        },
        "struct" | "internally" | "adjacently" => "an object",
        "enum" => "a string or an object",
        "unit" => "null",
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => {
            "an integer"
        }
        "f32" | "f64" => "a number",
        _ if expected.starts_with("a nonzero ") => "an integer other than 0",
        _ if expected == "a sequence" => "a list",
        _ if expected == "a map" => "an object",
        _ => expected,
    })
}

/// The problems that are known of a value and of its fields.
#[derive(Debug, Default)]
pub(in crate::request) struct Wrong {
    problem: Option<Problem>,
    fields: BTreeMap<String, Wrong>,
}

impl Wrong {
    pub(super) fn is_empty(&self) -> bool {
        self.problem.is_none() && self.fields.is_empty()
    }

    /// Adds a problem. Returns `false` if it is known, or if something inside of its place is
    /// wrong: then a placeholder may have caused it.
    pub(super) fn add(&mut self, mut problem: Problem) -> bool {
        let mut wrong = self;
        while let Some(name) = problem.place.pop() {
            wrong = wrong.fields.entry(name).or_default();
        }
        let new = wrong.is_empty();
        if new {
            wrong.problem = Some(problem);
        }
        new
    }

    /// Returns whether the value itself is wrong, not only something inside of it.
    pub(super) fn is_here(&self) -> bool {
        self.problem.is_some()
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.problem.as_ref().is_some_and(|problem| problem.unknown)
    }

    pub(super) fn field(&self, name: &str) -> Option<&Wrong> {
        self.fields.get(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &Wrong)> {
        self.fields.iter().map(|(name, wrong)| (name.as_str(), wrong))
    }

    /// Returns the messages by place: `user.email`, `tags.0`.
    pub(in crate::request) fn details(&self) -> Option<Value> {
        let mut details = Map::new();
        self.collect(&mut String::new(), &mut details);
        Some(details).filter(|details| !details.is_empty()).map(Value::Object)
    }

    /// Returns the problem of the whole value.
    pub(in crate::request) fn message(&self) -> Option<&str> {
        self.problem.as_ref().map(|problem| &*problem.message)
    }

    /// Adds the messages of all fields. What is known of a field inside of a wrong one only keeps
    /// its placeholder valid.
    fn collect(&self, place: &mut String, details: &mut Map<String, Value>) {
        let length = place.len();
        for (name, wrong) in &self.fields {
            let dot = if length == 0 { "" } else { "." };
            place.extend([dot, name]);
            match wrong.message() {
                Some(message) => _ = details.insert(shortened(place, MAX_PLACE), message.into()),
                None => wrong.collect(place, details),
            }
            place.truncate(length);
        }
    }
}

/// Cuts a text that has more than `max` bytes.
pub(in crate::request) fn shortened(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = (0..=max).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}…", text.get(..end).unwrap_or_default())
}
