//! Reads a body as JSON.

use std::collections::HashSet;
use std::fmt;

use serde_core::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use crate::http1::field_value::media_type;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::request::deserialize::{Strict, shortened, wrong_fields};
use crate::response::error::{Error, Result};

/// Maximum length in bytes of what an error says: the client chooses the names of fields and
/// variants.
const MAX_DESCRIPTION: usize = 256;

impl Request<'_> {
    /// Deserialises the body as JSON.
    ///
    /// # Errors
    /// 415 when the Content-Type is neither `application/json` nor `…+json`, or when there is a
    /// Content-Encoding; 400 when the body is not JSON, with the place in
    /// [`details`](Error::details); 422 when it is JSON of another shape than `T`, with every wrong
    /// field in the details, at most 20 of them, if the body has at most 64 KiB. An array is not
    /// taken for a struct. Arrays and objects may be 127 deep.
    ///
    /// ```
    /// use wirelight::{App, Json, Request, Result};
    ///
    /// #[derive(serde::Deserialize, serde::Serialize)]
    /// struct User { name: String }
    ///
    /// let mut app = App::new();
    /// app.post("/users", |req: &Request| -> Result<Json<User>> { Ok(Json(req.json()?)) });
    /// let client = app.test();
    /// assert_eq!(client.post("/users").body("application/json", "{\"name\": \"Zoë\"}").send().status(), 200);
    /// assert_eq!(client.post("/users").body("text/plain", "{\"name\": \"Zoë\"}").send().status(), 415);
    /// assert_eq!(client.post("/users").body("application/json", "{\"name\"").send().status(), 400);
    /// assert_eq!(client.post("/users").body("application/json", "{}").send().status(), 422);
    /// ```
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        if !self.is_json() {
            return Err(Error::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "Did not attempt to load JSON data because the request Content-Type was not 'application/json'.",
            ));
        }
        let text = self.json_text()?;
        let mut json = serde_json::Deserializer::from_slice(text);
        let value = T::deserialize(Strict(&mut json)).and_then(|value| json.end().map(|()| value));
        value.map_err(|error| refusal::<T>(&error, text))
    }

    /// Deserialises the body as JSON. `None` if it is of another media type, not JSON, or of
    /// another shape: Flask's `get_json(silent=True)`.
    ///
    /// ```
    /// use serde_json::Value;
    ///
    /// # let mut app = wirelight::App::new();
    /// app.post("/", |req| if req.json_opt::<Value>().is_some() { "JSON" } else { "something else" });
    /// assert_eq!(app.test().post("/").body("application/json", "[1]").send().text(), "JSON");
    /// assert_eq!(app.test().post("/").body("application/json", "[1").send().text(), "something else");
    /// ```
    pub fn json_opt<T: DeserializeOwned>(&self) -> Option<T> {
        self.json().ok()
    }

    /// Returns the body as JSON of any shape, for [`Validator`](crate::Validator).
    ///
    /// Rejects objects with duplicate names: parsers differ in which value they take, so a proxy
    /// may have checked the other one (RFC 8259 §4).
    ///
    /// # Errors
    /// 415 when the Content-Type is not JSON's, or when there is a Content-Encoding; 400 when the
    /// body is not JSON, with the place in [`details`](Error::details).
    pub fn json_value(&self) -> Result<Value> {
        let value = self.json()?;
        serde_json::from_slice::<UniqueNames>(self.json_text()?).map_err(|error| invalid_json(&error))?;
        Ok(value)
    }

    /// Returns whether the Content-Type is `application/json` or a structured syntax
    /// `application/…+json` (RFC 6839 §3.1).
    pub fn is_json(&self) -> bool {
        self.content_type().is_some_and(|value| {
            let kind = media_type(value).to_ascii_lowercase();
            kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
        })
    }

    /// Returns the body without a byte order mark (RFC 8259 §8.1).
    fn json_text(&self) -> Result<&[u8]> {
        let body = self.unencoded_body()?;
        Ok(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body))
    }
}

/// Returns a 400 for text that is not JSON, else a 422 for JSON that does not fit.
#[cold]
fn refusal<T: DeserializeOwned>(error: &serde_json::Error, text: &[u8]) -> Error {
    // serde_json counts some misfits as errors of syntax: a number in the place of an enum, for
    // instance.
    if error.classify() != Category::Data
        && let Err(error) = serde_json::from_slice::<UniqueNames>(text)
    {
        return invalid_json(&error);
    }
    let wrong = wrong_fields::<T>(text).unwrap_or_default();
    let message = match wrong.message() {
        Some(whole) => format!("The JSON does not fit. {whole}."),
        None => format!("The JSON does not fit: {}.", described(error)),
    };
    let refusal = Error::new(StatusCode::UNPROCESSABLE_ENTITY, message);
    match wrong.details() {
        Some(details) => refusal.with_details(details),
        None => refusal,
    }
}

/// Returns a 400 with the position in its details.
fn invalid_json(error: &serde_json::Error) -> Error {
    Error::bad_request("").with_details(format!("The body is not valid JSON: {}.", described(error)).into())
}

/// Returns what is wrong and where, without two things that serde says: the value, which the client
/// chose, and what was expected instead, which names types of the program.
fn described(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let (what, place) = text.rfind(" at line ").and_then(|at| text.split_at_checked(at)).unwrap_or((&text, ""));
    let what = match what.rsplit_once(", expected ") {
        Some((found, _)) if what.starts_with("invalid ") => found.split(['"', '`']).next().unwrap_or_default(),
        _ => what.split(" of untagged enum ").next().unwrap_or_default(),
    };
    format!("{}{place}", shortened(what.trim_end(), MAX_DESCRIPTION))
}

/// Any JSON without duplicate names in an object. A separate pass, so that typed readers do not pay
/// for it.
struct UniqueNames;

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<UniqueNames, D::Error> {
        deserializer.deserialize_any(UniqueNames)
    }
}

/// Values without names in them.
macro_rules! scalars {
    ($($visit:ident $type:ty),*) => {$(
        fn $visit<E>(self, _: $type) -> std::result::Result<UniqueNames, E> {
            Ok(self)
        }
    )*};
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = UniqueNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<UniqueNames, E> {
        Ok(self)
    }

    scalars! { visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64, visit_str &str }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<UniqueNames, A::Error> {
        while seq.next_element::<UniqueNames>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<UniqueNames, A::Error> {
        let mut names = HashSet::new();
        while let Some((name, _)) = map.next_entry::<String, UniqueNames>()? {
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format_args!("the name {name:?} occurs twice")));
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{App, Json};
    use proptest::prelude::*;

    #[derive(Debug, serde::Deserialize)]
    struct User {
        name: String,
        #[serde(default)]
        age: u8,
    }

    fn app() -> App {
        let mut app = App::new();
        app.post("/value", |req| req.json_value().map(Json));
        app.post("/user", |req| req.json().map(|user: User| format!("{} {}", user.name, user.age)));
        app.post("/maybe", |req| format!("{:?}", req.json_opt::<Vec<u8>>()));
        app.post("/is", |req| req.is_json().to_string());
        app
    }

    fn post(app: &App, target: &str, body: impl AsRef<[u8]>) -> (u16, String) {
        let reply = app.test().post(target).body("application/json", body).send();
        let page = || reply.json::<Value>();
        let at = |page: &Value, name: &str| page[name].as_str().map(str::to_owned);
        let message = || at(&page(), "details").or(at(&page(), "message")).unwrap_or_default();
        let said = if reply.status().is_success() { reply.text().to_owned() } else { message() };
        (reply.status().as_u16(), said)
    }

    #[test]
    fn hostile_values_are_400_with_the_place() {
        let app = app();
        let deep = ["[".repeat(128), "]".repeat(128)].concat();
        for (body, place) in [
            (b"" as &[u8], "EOF while parsing a value at line 1 column 0"),
            (b"{\"a\":", "EOF while parsing a value at line 1 column 5"),
            (b"{}\n x", "trailing characters at line 2 column 2"),
            (b"\xff\xfe{\0}\0", "expected value at line 1 column 1"),
            (b"\"\xff\"", "invalid unicode code point at line 1 column 2"),
            (b"\"\\ud800\"", "unexpected end of hex escape at line 1 column 8"),
            (b"\"\x00\"", "control character (\\u0000-\\u001F) found while parsing a string at line 1 column 2"),
            (b"{\"n\": 1e400}", "number out of range at line 1 column 11"),
            (b"NaN", "expected value at line 1 column 1"),
            (b"01", "invalid number at line 1 column 2"),
            (b"{\"a\": 1, \"\\u0061\": 2}", "the name \"a\" occurs twice at line 1 column 21"),
            (b"[{\"b\": {\"a\": 1, \"a\": 1}}]", "the name \"a\" occurs twice at line 1 column 23"),
            (deep.as_bytes(), "recursion limit exceeded at line 1 column 128"),
        ] {
            let text = body.escape_ascii();
            let (status, message) = post(&app, "/value", body);
            assert_eq!(status, 400, "{text}: {message}");
            assert!(message.contains(place), "{text}: {message}");
        }
        assert_eq!(post(&app, "/value", "\u{feff}{}").0, 200);
        assert_eq!(post(&app, "/value", &deep[1..255]).0, 200);
        assert_eq!(post(&app, "/value", "{\"a\": [null, true, -1, 1, 1.5, \"b\", {\"a\": {}}]}").0, 200);
    }

    #[test]
    fn another_shape_is_422() {
        let app = app();
        for (body, message) in [
            ("[]", ". Must be an object"),
            ("[\"Zoë\", 7]", ". Must be an object"),
            ("\"Zoë\"", ". Must be an object"),
            ("null", ". Must be an object"),
            ("{}", ": missing field `name` at line 1 column 2"),
            ("{\"name\": 7}", ": invalid type: integer at line 1 column 10"),
            ("{\"name\": \"a\", \"name\": \"b\"}", ": duplicate field `name` at line 1 column 20"),
            ("{\"name\": \"a\", \"age\": 256}", ": invalid value: integer at line 1 column 24"),
        ] {
            assert_eq!(post(&app, "/user", body), (422, format!("The JSON does not fit{message}.")), "{body}");
        }
        let deep = format!("{{\"name\": \"a\", \"x\": {}", "[".repeat(100_000));
        assert_eq!(post(&app, "/user", deep).0, 400);
    }

    #[test]
    fn an_error_repeats_little_of_what_was_sent() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields, try_from = "Raw")]
        struct Named;

        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Raw {
            name: String,
        }

        impl TryFrom<Raw> for Named {
            type Error = &'static str;

            fn try_from(raw: Raw) -> std::result::Result<Named, &'static str> {
                Err(if raw.name.len() > 10 { "too long" } else { "too short" })
            }
        }

        let mut app = app();
        app.post("/named", |req| req.json().map(|named: Named| format!("{named:?}")));
        let long = "secret, expected ".repeat(10_000);
        for (target, body, status, message) in [
            (
                "/user",
                format!("{{\"name\": \"a\", \"age\": \"{long}\"}}"),
                422,
                "invalid type: string at line 1 column",
            ),
            ("/named", format!("{{\"{long}\": 1}}"), 422, "unknown field `secret, expected secret"),
            ("/named", format!("{{\"name\": \"{long}\"}}"), 422, "The JSON does not fit: too long."),
            ("/named", "{\"name\": \"a\"}".to_owned(), 422, "The JSON does not fit. too short."),
            ("/value", format!("{{\"{long}\": 1, \"{long}\": 2}}"), 400, "the name \"secret, expected secret"),
        ] {
            let (is, said) = post(&app, target, body);
            assert!(is == status && said.contains(message) && said.len() < 400, "{is} {said}");
        }
    }

    /// serde_json reports these as errors of syntax.
    #[test]
    fn json_that_does_not_fit_is_not_called_invalid() {
        use std::collections::BTreeMap;

        #[derive(Debug, serde::Deserialize)]
        enum Sort {
            Name,
            #[expect(dead_code, reason = "read by Debug")]
            Size(u128),
        }

        let mut app = App::new();
        app.post("/sort", |req| req.json().map(|sort: Sort| format!("{sort:?}")));
        app.post("/map", |req| req.json().map(|map: BTreeMap<u8, u8>| map.len().to_string()));
        let variants = "Must be one of: Name, Size";
        for (target, body, status, message) in [
            ("/sort", "\"Name\"", 200, "Name"),
            ("/sort", "7", 422, variants),
            ("/sort", "[\"Name\"]", 422, variants),
            ("/sort", "{}", 422, variants),
            ("/sort", "{\"Name\": null, \"Size\": 1}", 422, variants),
            ("/sort", "{\"Size\": -1}", 422, "The JSON does not fit: number out of range at line 1 column"),
            ("/sort", "7x", 400, "trailing characters at line 1 column 2"),
            ("/sort", "{\"Name\": null, \"Size\"}", 400, "expected `:` at line 1 column 22"),
            ("/map", "{\"1\": 2}", 200, "1"),
            (
                "/map",
                "{\"x\": 2}",
                422,
                "The JSON does not fit: invalid value: expected key to be a number in quotes at line 1 column 2",
            ),
            ("/map", "{1: 2}", 400, "key must be a string at line 1 column 2"),
        ] {
            let (is, said) = post(&app, target, body);
            assert_eq!(is, status, "{body}: {said}");
            assert!(said.contains(message), "{body}: {said}");
        }
    }

    #[test]
    fn silent_or_not() {
        let app = app();
        for (body, said) in [("[1]", "Some([1])"), ("[1", "None"), ("{}", "None"), ("", "None"), ("[256]", "None")] {
            assert_eq!(post(&app, "/maybe", body), (200, said.to_owned()), "{body}");
        }
    }

    /// Flask 3.1 returns the same for each.
    #[test]
    fn media_types() {
        let app = app();
        for (media_type, is_json) in [
            ("application/json", true),
            ("Application/JSON ; charset=utf-8", true),
            ("application/vnd.api+json", true),
            ("text/plain", false),
            ("text/foo+json", false),
            ("application/x-json", false),
            ("application/jsonp", false),
            ("", false),
            (";", false),
        ] {
            let is = app.test().post("/is").body(media_type, "").send();
            assert_eq!(is.text(), is_json.to_string(), "{media_type}");
            let read = app.test().post("/value").body(media_type, "1").send();
            assert_eq!(read.status().as_u16(), if is_json { 200 } else { 415 }, "{media_type}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_json_or_the_clients_mistake(body in "[\\[\\]{}:,\"a\\\\0-9eE.+\\- ]{0,16}") {
            let app = app();
            for (target, others) in [("/value", &[200, 400][..]), ("/user", &[200, 400, 422]), ("/maybe", &[200])] {
                let (status, said) = post(&app, target, &body);
                prop_assert!(others.contains(&status), "{} {}", status, said);
            }
        }
    }
}
