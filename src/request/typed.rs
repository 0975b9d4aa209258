//! Parses parts of a request into values of the application's types.

use std::fmt::Display;
use std::str::FromStr;

use crate::http1::field_value::is_token;
use crate::request::Request;
use crate::response::error::{Error, Result};

impl Request<'_> {
    /// Parses a query parameter into a value of another type. `None` when it is missing.
    ///
    /// [`query_or`](Request::query_or) is the lenient variant.
    ///
    /// # Errors
    /// 400, naming the parameter, when it does not parse.
    ///
    /// ```
    /// use wirelight::{App, Request, Result};
    ///
    /// let mut app = App::new();
    /// app.get("/", |req: &Request| -> Result<String> { Ok(format!("{:?}", req.query_parse::<u8>("n")?)) });
    /// assert_eq!(app.test().get("/?n=7").send().text(), "Some(7)");
    /// assert_eq!(app.test().get("/").send().text(), "None");
    /// assert_eq!(app.test().get("/?n=256").send().status(), 400);
    /// ```
    pub fn query_parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>> {
        self.query(name).map(|value| parse_value("query parameter", name, &value)).transpose()
    }

    /// Parses a required query parameter.
    ///
    /// # Errors
    /// 400, naming the parameter, when it is missing or does not parse.
    pub fn query_required<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T> {
        self.query_parse(name)?.ok_or_else(|| Error::bad_request(format!("The query parameter {name:?} is missing.")))
    }

    /// Returns the declared Content-Length in bytes. `None` when the body is chunked or absent. For
    /// logs; a handler uses [`body`](Request::body)`().len()`.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.parse().ok()
    }

    /// Returns the scheme and the credentials of the Authorization field (RFC 9110 §11.6.2). The
    /// scheme is as it was sent: compare it with
    /// [`eq_ignore_ascii_case`](str::eq_ignore_ascii_case). `None` when the field is missing,
    /// malformed or repeated.
    ///
    /// ```
    /// # let mut app = wirelight::App::new();
    /// app.get("/", |req| match req.authorization() {
    ///     Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.to_owned(),
    ///     _ => "nobody".to_owned(),
    /// });
    /// assert_eq!(app.test().get("/").header("Authorization", "Bearer abc").send().text(), "abc");
    /// assert_eq!(app.test().get("/").header("Authorization", "Basic abc").send().text(), "nobody");
    /// ```
    pub fn authorization(&self) -> Option<(&str, &str)> {
        let value = self.single_header("authorization")?;
        let (scheme, credentials) = value.split_once(' ').unwrap_or((value, ""));
        is_token(scheme.as_bytes()).then_some((scheme, credentials.trim_start()))
    }

    /// Returns why a parameter has no text: the route does not have it, or the path of a fallback is
    /// not one that matches a path parameter.
    #[cold]
    pub(super) fn missing_param(&self, name: &str) -> Error {
        match self.matched_route().is_some_and(|route| route.pattern.params().any(|param| param == name)) {
            true => Error::not_found(""),
            false => Error::internal(format!("the route has no parameter {name:?}")),
        }
    }
}

/// Parses `value`. The error message names the parameter, which the application chose, and never
/// repeats the value, which the client chose.
fn parse_value<T: FromStr<Err: Display>>(kind: &str, name: &str, value: &str) -> Result<T> {
    value.parse().map_err(|error| Error::bad_request(format!("The {kind} {name:?} is not valid: {error}.")))
}

#[cfg(test)]
mod tests {
    use crate::App;

    #[test]
    fn strict_query_parameters() {
        let mut app = App::new();
        app.get("/maybe", |req| req.query_parse::<u8>("n").map(|n| format!("{n:?}")));
        app.get("/must", |req| req.query_required::<u8>("n").map(|n| n.to_string()));
        let bad = |why: &str| format!("The query parameter \"n\" is not valid: {why}.");
        for (target, status, text) in [
            ("/maybe", 200, "None".to_owned()),
            ("/maybe?n=7&n=x", 200, "Some(7)".into()),
            ("/maybe?%6e=%37", 200, "Some(7)".into()),
            ("/maybe?n=x&n=7", 400, bad("invalid digit found in string")),
            ("/maybe?n=", 400, bad("cannot parse integer from empty string")),
            ("/maybe?n=256", 400, bad("number too large to fit in target type")),
            ("/maybe?n=%ff", 400, bad("invalid digit found in string")),
            ("/maybe?n=%00", 400, bad("invalid digit found in string")),
            ("/must?n=7", 200, "7".into()),
            ("/must?N=7", 400, "The query parameter \"n\" is missing.".into()),
            ("/must?n=-1", 400, bad("invalid digit found in string")),
        ] {
            let reply = app.test().get(target).send();
            let message = || reply.json::<serde_json::Value>()["message"].as_str().unwrap_or_default().to_owned();
            let said = if reply.status().is_success() { reply.text().to_owned() } else { message() };
            assert_eq!((reply.status().as_u16(), said), (status, text), "{target}");
        }
    }

    #[test]
    fn credentials() {
        let mut app = App::new();
        app.get("/", |req| format!("{:?}", req.authorization()));
        let client = app.test();
        let ask = |fields: &[&str]| {
            let request = fields.iter().fold(client.get("/"), |request, value| request.header("Authorization", value));
            request.send().text().to_owned()
        };
        assert_eq!(ask(&[]), "None");
        assert_eq!(ask(&[""]), "None");
        assert_eq!(ask(&["Basic dXNlcjpwYXNz"]), "Some((\"Basic\", \"dXNlcjpwYXNz\"))");
        assert_eq!(ask(&["Digest  a=\"b\", c=d"]), "Some((\"Digest\", \"a=\\\"b\\\", c=d\"))");
        assert_eq!(ask(&["Foo"]), "Some((\"Foo\", \"\"))");
        assert_eq!(ask(&["\"Foo\" bar"]), "None");
        assert_eq!(ask(&["Bearer a", "Bearer b"]), "None");
        assert_eq!(ask(&["Bearer \u{e9}"]), "Some((\"Bearer\", \"é\"))");
    }

    #[test]
    fn declared_lengths() {
        let mut app = App::new();
        app.post("/", |req| format!("{:?} {}", req.content_length(), req.body().len()));
        assert_eq!(app.test().post("/").body("text/plain", "abc").send().text(), "Some(3) 3");
        assert_eq!(app.test().post("/").send().text(), "None 0");
        let chunked =
            app.test().raw(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
        assert!(chunked.ends_with(b"\r\n\r\nNone 2"), "{}", chunked.escape_ascii());
    }
}
