//! Validates a JSON object and reports all invalid fields at once, with 422.

use serde_json::{Map, Value};

use crate::http1::status::StatusCode;
use crate::response::error::{Error, Result};

/// Collects all errors of one JSON object, so that a client gets them in one response.
///
/// Each check returns the value or, after an error, an empty one. [`finish`](Validator::finish)
/// fails if there were errors.
///
/// ```
/// use wirelight::{App, Validator, Json, Request, Result, StatusCode, json};
///
/// fn create_user(req: &Request) -> Result<impl wirelight::IntoResponse + use<>> {
///     let body = req.json_value()?;
///     let mut validator = Validator::new(&body);
///     let (name, email) = (validator.string("name"), validator.email("email"));
///     validator.finish()?;
///     Ok((StatusCode::CREATED, json!({ "name": name, "email": email })))
/// }
///
/// let mut app = App::new();
/// app.post("/users", create_user);
/// let reply = app.test().post("/users").json(&json!({ "email": "zoe" })).send();
/// assert_eq!(reply.status(), 422);
/// let details = json!({ "name": "Required, must be a string", "email": "Required, must be a valid email" });
/// assert_eq!(reply.json::<serde_json::Value>()["details"], details);
/// ```
///
/// A value that serde has read already, by its type, needs the rules alone:
///
/// ```
/// use wirelight::{App, Json, Request, Result, Validator, json};
///
/// #[derive(serde::Deserialize)]
/// struct Order { item: String, tags: Vec<String> }
///
/// fn order(req: &Request) -> Result<String> {
///     let order: Order = req.json()?; // 422 for wrong types
///     let mut validator = Validator::default();
///     validator.check("item", !order.item.is_empty(), "Must not be empty");
///     for (n, tag) in order.tags.iter().enumerate() {
///         validator.check(&format!("tags.{n}"), tag.len() <= 20, "At most 20 bytes");
///     }
///     validator.finish()?; // 422 for the rules
///     Ok(order.item)
/// }
///
/// let mut app = App::new();
/// app.post("/orders", order);
/// let reply = app.test().post("/orders").json(&json!({ "item": "", "tags": ["a", "b".repeat(21)] })).send();
/// let details = json!({ "item": "Must not be empty", "tags.1": "At most 20 bytes" });
/// assert_eq!(reply.json::<wirelight::Value>()["details"], details);
/// ```
#[derive(Debug, Default)]
pub struct Validator<'v> {
    object: Option<&'v Map<String, Value>>,
    is_other: bool,
    errors: Map<String, Value>,
}

impl<'v> Validator<'v> {
    /// Validates `value`. Anything but an object has no fields.
    pub fn new(value: &'v Value) -> Validator<'v> {
        Validator { object: value.as_object(), is_other: !value.is_object(), errors: Map::new() }
    }

    /// Requires a string that is not empty.
    pub fn string(&mut self, name: &str) -> &'v str {
        let text = self.field(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        self.require(name, text, "Required, must be a string")
    }

    /// Requires a string that looks like `someone@somewhere` (RFC 5321 §3.3).
    pub fn email(&mut self, name: &str) -> &'v str {
        let text = self.field(name).and_then(Value::as_str).filter(|text| is_email(text));
        self.require(name, text, "Required, must be a valid email")
    }

    /// Requires an integer: `7`, but neither `7.5` nor `"7"`.
    pub fn integer(&mut self, name: &str) -> i64 {
        let number = self.field(name).and_then(Value::as_i64);
        self.require(name, number, "Required, must be an integer")
    }

    /// Requires a number.
    pub fn number(&mut self, name: &str) -> f64 {
        let number = self.field(name).and_then(Value::as_f64);
        self.require(name, number, "Required, must be a number")
    }

    /// Requires `true` or `false`.
    pub fn boolean(&mut self, name: &str) -> bool {
        let truth = self.field(name).and_then(Value::as_bool);
        self.require(name, truth, "Required, must be true or false")
    }

    /// Returns whether the field exists and is not null. `validator.has("age").then(||
    /// validator.integer("age"))` makes a check optional.
    pub fn has(&self, name: &str) -> bool {
        self.field(name).is_some()
    }

    /// Adds an error with this message unless `holds`. The first error of a field stays.
    ///
    /// ```
    /// # use wirelight::{Validator, json};
    /// let body = json!({ "age": 7 });
    /// let mut validator = Validator::new(&body);
    /// let age = validator.integer("age");
    /// validator.check("age", age >= 18, "Must be 18 or more");
    /// assert!(validator.finish().is_err());
    /// ```
    pub fn check(&mut self, name: &str, holds: bool, words: &str) {
        if !holds && !self.errors.contains_key(name) {
            self.errors.insert(name.to_owned(), words.into());
        }
    }

    /// Ends the validation.
    ///
    /// # Errors
    /// 422 with every error in [`details`](Error::details), by field, or without details if the
    /// value is not an object.
    pub fn finish(self) -> Result<()> {
        if self.is_other {
            return Err(Error::new(StatusCode::UNPROCESSABLE_ENTITY, "The JSON must be an object."));
        }
        if self.errors.is_empty() { Ok(()) } else { Err(Error::unprocessable("Validation failed", self.errors.into())) }
    }

    fn field(&self, name: &str) -> Option<&'v Value> {
        self.object?.get(name).filter(|value| !value.is_null())
    }

    fn require<T: Default>(&mut self, name: &str, value: Option<T>, words: &str) -> T {
        self.check(name, value.is_some(), words);
        value.unwrap_or_default()
    }
}

/// Two parts around the last `@`, nothing in them that ends a line or separates addresses, in at
/// most 254 bytes (RFC 5321 §4.5.3.1).
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let plain = |part: &str| {
        !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,;".contains(c))
    };
    text.len() <= 254 && plain(local) && plain(domain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let right = json!({ "s": "Zoë", "e": "zoe@example.org", "i": -7, "n": 1.5, "b": false });
        let mut check = Validator::new(&right);
        assert_eq!((check.string("s"), check.email("e"), check.integer("i")), ("Zoë", "zoe@example.org", -7));
        assert_eq!((check.number("n"), check.boolean("b")), (1.5, false));
        assert!(check.finish().is_ok());

        let wrong = json!({ "s": 7, "e": ["@"], "i": 1e30, "n": "1", "b": null });
        let mut check = Validator::new(&wrong);
        assert_eq!((check.string("s"), check.email("e"), check.integer("i")), ("", "", 0));
        assert_eq!((check.number("n"), check.boolean("b")), (0.0, false));
        check.check("s", false, "never said");
        check.check("x", false, "said");
        let error = check.finish().unwrap_err();
        assert_eq!((error.status().as_u16(), error.message()), (422, "Validation failed"));
        let details = json!({
            "s": "Required, must be a string",
            "e": "Required, must be a valid email",
            "i": "Required, must be an integer",
            "n": "Required, must be a number",
            "b": "Required, must be true or false",
            "x": "said",
        });
        assert_eq!(error.details(), Some(&details));
    }

    #[test]
    fn what_is_no_object_is_422() {
        for value in [json!(null), json!([]), json!(["name"]), json!("name"), json!(7), json!(true)] {
            let mut check = Validator::new(&value);
            assert_eq!((check.string("name"), check.has("name")), ("", false));
            let error = check.finish().unwrap_err();
            assert_eq!((error.status().as_u16(), error.message()), (422, "The JSON must be an object."), "{value}");
        }
        assert!(Validator::new(&json!([])).finish().is_err());
    }

    #[test]
    fn optional_fields() {
        for (value, age) in [(json!({}), None), (json!({ "age": null }), None), (json!({ "age": 7 }), Some(7))] {
            let mut check = Validator::new(&value);
            assert_eq!(check.has("age").then(|| check.integer("age")), age, "{value}");
            assert!(check.finish().is_ok());
        }
    }

    #[test]
    fn strings_and_emails() {
        for (text, is_string, is_mail) in [
            ("a", true, false),
            ("", false, false),
            (" \u{a0}\n", true, false),
            ("\u{0}", true, false),
            ("a@b", true, true),
            ("\"a@b\"@c.d", true, true),
            ("ü@bücher.example", true, true),
            ("@", true, false),
            ("a@", true, false),
            ("@b", true, false),
            ("a@b\r\nBcc: c@d", true, false),
            ("a@b,c@d", true, false),
            ("A <a@b>", true, false),
            ("a\u{7f}@b", true, false),
        ] {
            let value = json!({ "x": text });
            let (mut string, mut email) = (Validator::new(&value), Validator::new(&value));
            string.string("x");
            email.email("x");
            assert_eq!((string.finish().is_ok(), email.finish().is_ok()), (is_string, is_mail), "{text:?}");
        }
        assert!(is_email(&format!("{}@b", "a".repeat(252))));
        assert!(!is_email(&format!("{}@b", "a".repeat(253))));
    }
}
