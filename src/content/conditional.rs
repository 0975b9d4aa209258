//! Evaluates conditional requests (RFC 9110 §13).

use std::ops::Range;
use std::time::{Duration, SystemTime};

use crate::content::range;
use crate::http1::date;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::error::{Error, Result};
use crate::response::etag::{EntityTag, parse_tags};

/// The current validators of a resource.
#[derive(Default)]
struct Validators<'a> {
    exists: bool,
    tag: Option<EntityTag<'a>>,
    modified: Option<SystemTime>,
    /// Whether the response depends on fields of the request: other representations may have the
    /// same date.
    varies: bool,
}

/// Result of the preconditions.
#[derive(PartialEq, Eq, Debug)]
enum Precondition {
    Holds,
    /// 304: the client has the resource, under this tag if it named one.
    NotModified(Option<Vec<u8>>),
    /// 412: the client knows another state.
    Failed,
}

impl Request<'_> {
    /// Evaluates `If-Match` and the other preconditions **before** a change. `etag` (as for
    /// [`Response::etag`]) and `modified` describe the current resource; both are `None` if it does
    /// not exist. This prevents lost updates: the second of two editors gets a 412.
    ///
    /// Responses to GET and HEAD need no call: their `ETag` and `Last-Modified` are compared. A
    /// handler for several methods may make it: it leaves the 304 to that comparison.
    ///
    /// The tag of a compressed form of the same state (`"v7-gzip"`, see [`Response::etag`]) matches
    /// too. `modified` is compared in whole seconds, as `Last-Modified` is (RFC 9110 §8.8.2).
    ///
    /// # Errors
    /// 412 if a precondition fails.
    ///
    /// ```
    /// use wirelight::{App, Request, Result};
    ///
    /// let mut app = App::new();
    /// app.put("/page", |req: &Request| -> Result<()> { req.precondition(Some("v7"), None) });
    /// let client = app.test();
    /// assert_eq!(client.put("/page").header("If-Match", "\"v7\"").send().status(), 204);
    /// assert_eq!(client.put("/page").header("If-Match", "\"v6\"").send().status(), 412);
    /// assert_eq!(client.put("/page").header("If-None-Match", "*").send().status(), 412); // only where there is nothing
    /// ```
    pub fn precondition(&self, etag: Option<&str>, modified: Option<SystemTime>) -> Result<()> {
        let tag = etag.map(|etag| EntityTag { weak: false, opaque: etag.as_bytes() });
        let modified = modified.map(date::whole_seconds);
        match evaluate(self, &Validators { exists: tag.is_some() || modified.is_some(), tag, modified, varies: false })
        {
            // A read that has the current state gets a 304 by the tag of its response.
            Precondition::Holds | Precondition::NotModified(_) => Ok(()),
            Precondition::Failed => Err(precondition_failed()),
        }
    }
}

/// Turns a plain response into the one to a conditional or range request.
pub(crate) fn apply(request: &Request<'_>, response: &mut Response) {
    if !response.take_conditional() {
        return;
    }
    if response.is_stream() {
        response.remove_header("Accept-Ranges"); // a body generated while it is sent has no ranges
    }
    let length = response.body().len();
    match select_range(request, response, length as u64) {
        None => response.clear_body(),
        Some(part) if part == (0..length as u64) => {}
        Some(part) => response.slice(part.start as usize..part.end as usize),
    }
}

/// Returns the range of a body of `length` bytes to send, if any. Sets status and fields.
pub(crate) fn select_range(request: &Request<'_>, response: &mut Response, length: u64) -> Option<Range<u64>> {
    // RFC 9110 §13.2.1: only if the response would be a success. Unsafe methods evaluate their
    // preconditions before the change.
    if !response.status().is_success() || !is_read(request) || !has_conditions(request) {
        return Some(0..length);
    }
    let current = Validators {
        exists: true,
        tag: response.header_value("etag").and_then(|value| parse_tags(value.as_bytes()).next()),
        modified: response.header_value("last-modified").and_then(date::parse),
        varies: response.header_value("vary").is_some(),
    };
    match evaluate(request, &current) {
        Precondition::Failed => response.fail(precondition_failed()),
        Precondition::NotModified(tag) => not_modified(response, tag),
        Precondition::Holds => {
            let whole = request.method() != Method::GET || !if_range(request, &current);
            return if whole { Some(0..length) } else { range::apply(request, response, length) };
        }
    }
    None
}

/// Evaluates preconditions in the order of RFC 9110 §13.2.2: tags before dates, If-Match before
/// If-None-Match.
fn evaluate(request: &Request<'_>, current: &Validators<'_>) -> Precondition {
    if has(request, "if-match") {
        // RFC 9110 §13.1.1: strong comparison.
        let same = |listed: EntityTag<'_>, own: EntityTag<'_>| !listed.weak && !own.weak && listed.same_state(own);
        if !matches_any(request, "if-match", current)
            && !matching_tags(request, "if-match", current, same).any(|_| true)
        {
            return Precondition::Failed;
        }
    } else if let (Some(limit), Some(modified)) = (date(request, "if-unmodified-since"), current.modified)
        && modified > limit
    {
        return Precondition::Failed;
    }
    let unchanged = if has(request, "if-none-match") {
        if_none_match(request, current)
    } else {
        let since = date(request, "if-modified-since").filter(|_| is_read(request));
        let unchanged = matches!((since, current.modified), (Some(since), Some(modified)) if modified <= since);
        unchanged.then_some(None)
    };
    match unchanged {
        None => Precondition::Holds,
        Some(tag) if is_read(request) => Precondition::NotModified(tag),
        Some(_) => Precondition::Failed,
    }
}

/// Evaluates If-None-Match with weak comparison (RFC 9110 §13.1.2). Returns whether it matches, and
/// the tag that it matches with.
///
/// For a change, a tag of any coding of the state matches. A read selects the representation that
/// the client prefers among the listed ones, if it accepts that coding: a cache may list what it
/// stores for other clients.
fn if_none_match(request: &Request<'_>, current: &Validators<'_>) -> Option<Option<Vec<u8>>> {
    if matches_any(request, "if-none-match", current) {
        return Some(None);
    }
    let same: Vec<EntityTag<'_>> = matching_tags(request, "if-none-match", current, EntityTag::same_state).collect();
    if !is_read(request) {
        return same.first().map(|_| None);
    }
    let own = current.tag?;
    if same.iter().any(|tag| tag.opaque == own.opaque) {
        return Some(None);
    }
    let offers: Vec<_> = same.iter().map(|tag| tag.coding()).collect();
    let chosen = request.accepts_encoding(&offers)?;
    let tag = same.iter().find(|tag| tag.coding() == chosen)?;
    Some(Some(EntityTag { weak: own.weak, ..*tag }.field_value()))
}

/// Returns whether a range may be sent: only to a client that has the rest of the same bytes,
/// according to If-Range (RFC 9110 §13.1.5). An If-Match that matches by another coding shows that
/// the client has other bytes.
fn if_range(request: &Request<'_>, current: &Validators<'_>) -> bool {
    let same_bytes = || matching_tags(request, "if-match", current, EntityTag::strong_eq).next().is_some();
    if has(request, "if-match") && !matches_any(request, "if-match", current) && !same_bytes() {
        return false;
    }
    if !has(request, "if-range") {
        return true;
    }
    let Some(value) = request.single_value("if-range") else { return false };
    let mut listed = parse_tags(value);
    if let Some(tag) = listed.next() {
        return !tag.weak && current.tag == Some(tag) && listed.next().is_none();
    }
    // A date is a strong validator only if no other representation has it (RFC 9110 §8.8.1), and no
    // second change can have happened in the same second (§8.8.2.2).
    if current.varies {
        return false;
    }
    let calm = |modified: &SystemTime| modified.elapsed().is_ok_and(|age| age >= Duration::from_secs(1));
    let modified = current.modified.filter(calm);
    modified.is_some() && date(request, "if-range") == modified
}

/// Returns whether the field is `*` and the resource exists.
fn matches_any(request: &Request<'_>, field: &str, current: &Validators<'_>) -> bool {
    current.exists && values(request, field).any(|value| value == b"*")
}

/// Returns the tags of the field that `same` finds equal to the current one.
fn matching_tags<'r>(
    request: &'r Request<'_>,
    field: &'r str,
    current: &Validators<'r>,
    same: impl Fn(EntityTag<'r>, EntityTag<'r>) -> bool,
) -> impl Iterator<Item = EntityTag<'r>> {
    let own = current.tag;
    values(request, field).flat_map(parse_tags).filter(move |tag| own.is_some_and(|own| same(*tag, own)))
}

/// Makes the response a 304, which keeps only the fields that a cache needs (RFC 9110 §15.4.5).
/// `tag` names the client's representation if its coding differs.
fn not_modified(response: &mut Response, tag: Option<Vec<u8>>) {
    response.set_status(StatusCode::NOT_MODIFIED);
    if let Some(tag) = tag {
        response.replace_etag(&tag);
        response.add_vary("Accept-Encoding");
    }
    let described = [
        "Content-Type",
        "Content-Encoding",
        "Content-Language",
        "Content-Disposition",
        "Content-Range",
        "Accept-Ranges",
    ];
    described.into_iter().for_each(|field| response.remove_header(field));
    if response.header_value("etag").is_some() {
        response.remove_header("Last-Modified");
    }
}

fn precondition_failed() -> Error {
    Error::new(StatusCode::PRECONDITION_FAILED, "The resource is not in the state that the request expects.")
}

/// Returns whether the request has a precondition, a range, or a field that looks like one: most have
/// none, and their responses need not be read.
fn has_conditions(request: &Request<'_>) -> bool {
    request.field_names().any(|name| {
        name.eq_ignore_ascii_case(b"range") || name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case(b"if-"))
    })
}

fn is_read(request: &Request<'_>) -> bool {
    [Method::GET, Method::HEAD].contains(&request.method())
}

fn has(request: &Request<'_>, field: &str) -> bool {
    values(request, field).next().is_some()
}

/// Returns the values as bytes: tags may be in any encoding.
fn values<'r>(request: &'r Request<'_>, field: &'r str) -> impl Iterator<Item = &'r [u8]> {
    request.field_values(field)
}

/// Parses a date in any of the three forms (RFC 9110 §5.6.7). An invalid one is ignored (§13.1.3,
/// §13.1.4).
fn date(request: &Request<'_>, field: &str) -> Option<SystemTime> {
    date::parse(request.single_header(field)?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use crate::{App, Response, StatusCode};

    const DATE: &str = "Sat, 29 Oct 1994 19:43:31 GMT";
    const BEFORE: &str = "Sat, 29 Oct 1994 19:43:30 GMT";
    const AFTER: &str = "Sat, 29 Oct 1994 19:43:32 GMT";

    /// `/both` has a strong tag and a date, `/weak` a weak tag, `/dated` a date, `/bare` nothing.
    fn app() -> App {
        let mut app = App::new();
        let response = |fields: &'static [(&str, &str)]| {
            move |_: &crate::Request<'_>| {
                let mut response = Response::default();
                response.set_text("0123456789");
                fields.iter().for_each(|(name, value)| response.set_header(name, value));
                response
            }
        };
        app.get(
            "/both",
            response(&[("ETag", "\"a,b\""), ("Last-Modified", DATE), ("Accept-Ranges", "bytes"), ("Vary", "Accept")]),
        );
        app.post("/both", response(&[("ETag", "\"a,b\""), ("Last-Modified", DATE)]));
        app.get("/weak", response(&[("ETag", "W/\"a\""), ("Accept-Ranges", "bytes")]));
        app.get("/dated", response(&[("Last-Modified", DATE), ("Accept-Ranges", "bytes")]));
        app.get("/bare", response(&[]));
        app.get("/missing", |_| Response::new(StatusCode::NOT_FOUND).etag("x"));
        app.get("/part", |_| {
            Response::new(StatusCode::PARTIAL_CONTENT).etag("x").header("Content-Range", "bytes 0-0/2").text("0")
        });
        app
    }

    fn status(app: &App, method: &str, path: &str, fields: &[(&str, &str)]) -> u16 {
        let client = app.test();
        let request = client.request(method, path);
        fields.iter().fold(request, |request, (name, value)| request.header(name, value)).send().status().as_u16()
    }

    #[test]
    fn preconditions_in_their_order() {
        let app = app();
        for (path, fields, expected) in [
            // §13.1.1: strong comparison
            ("/both", &[("If-Match", "\"a,b\"")][..], 200),
            ("/both", &[("If-Match", "\"a\"")], 412),
            ("/both", &[("If-Match", "W/\"a,b\"")], 412),
            ("/both", &[("If-Match", "\"x\", W/\"y\" ,,\"a,b\"")], 200),
            ("/both", &[("If-Match", "\"x\""), ("If-Match", "\"a,b\"")], 200),
            ("/both", &[("If-Match", "*")], 200),
            ("/both", &[("If-Match", "")], 412),
            ("/both", &[("If-Match", "a,b")], 412),
            ("/both", &[("If-Match", "\"a,b")], 412),
            ("/both", &[("If-Match", "w/\"a,b\"")], 412),
            ("/weak", &[("If-Match", "W/\"a\"")], 412),
            ("/dated", &[("If-Match", "*")], 200),
            ("/dated", &[("If-Match", "\"a\"")], 412),
            // §13.1.4, and that If-Match takes precedence
            ("/both", &[("If-Unmodified-Since", BEFORE)], 412),
            ("/both", &[("If-Unmodified-Since", DATE)], 200),
            ("/both", &[("If-Unmodified-Since", "yesterday")], 200),
            ("/both", &[("If-Unmodified-Since", "Mon, 29 Oct 1994 19:43:30 GMT")], 412), // it was a Saturday
            ("/both", &[("If-Unmodified-Since", "Wed, 31 Dec 1969 23:59:59 GMT")], 412),
            ("/both", &[("If-Unmodified-Since", BEFORE), ("If-Unmodified-Since", BEFORE)], 200),
            ("/both", &[("If-Unmodified-Since", BEFORE), ("If-Match", "*")], 200),
            ("/weak", &[("If-Unmodified-Since", BEFORE)], 200),
            // §13.1.2: weak comparison
            ("/both", &[("If-None-Match", "\"a,b\"")], 304),
            ("/both", &[("If-None-Match", "W/\"a,b\"")], 304),
            ("/weak", &[("If-None-Match", "\"a\"")], 304),
            ("/both", &[("If-None-Match", "\"a\", \"b\"")], 200),
            ("/both", &[("If-None-Match", "\"a\",\t\"a,b\"")], 304),
            ("/both", &[("If-None-Match", "\"x\""), ("If-None-Match", "\"a,b\"")], 304),
            ("/both", &[("If-None-Match", "*")], 304),
            ("/both", &[("If-None-Match", "**")], 200),
            ("/dated", &[("If-None-Match", "*")], 304),
            ("/dated", &[("If-None-Match", "\"a\"")], 200),
            // §13.1.3, and that If-None-Match takes precedence
            ("/both", &[("If-Modified-Since", DATE)], 304),
            ("/both", &[("If-Modified-Since", AFTER)], 304),
            ("/both", &[("If-Modified-Since", BEFORE)], 200),
            ("/both", &[("If-Modified-Since", "Saturday, 29-Oct-94 19:43:31 GMT")], 304),
            ("/both", &[("If-Modified-Since", "Sat Oct 29 19:43:31 1994")], 304),
            ("/both", &[("If-Modified-Since", "Sat Oct 29 19:43:30 1994")], 200),
            ("/both", &[("If-Modified-Since", "29 Oct 1994")], 200),
            ("/both", &[("If-Modified-Since", "Sat, 99 Oct 1994 19:43:31 GMT")], 200),
            ("/both", &[("If-Modified-Since", DATE), ("If-Modified-Since", DATE)], 200),
            ("/both", &[("If-Modified-Since", DATE), ("If-None-Match", "\"x\"")], 200),
            ("/weak", &[("If-Modified-Since", AFTER)], 200),
            // §13.2.2: what must hold comes before what must not
            ("/both", &[("If-None-Match", "*"), ("If-Match", "\"x\"")], 412),
            ("/both", &[("If-Modified-Since", DATE), ("If-Unmodified-Since", BEFORE)], 412),
            ("/both", &[("If-None-Match", "*"), ("If-Match", "*")], 304),
            // §13.2.1: not without a success, and not without validators
            ("/missing", &[("If-None-Match", "*")], 404),
            ("/missing", &[("If-Match", "\"y\"")], 404),
            ("/bare", &[("If-None-Match", "*")], 200),
        ] {
            for method in ["GET", "HEAD"] {
                assert_eq!(status(&app, method, path, fields), expected, "{method} {path} {fields:?}");
            }
        }
        // A completed change is not undone afterwards.
        assert_eq!(status(&app, "POST", "/both", &[("If-Match", "\"x\"")]), 200);
        assert_eq!(status(&app, "POST", "/both", &[("If-None-Match", "*")]), 200);
    }

    #[test]
    fn if_range_wants_a_strong_validator() {
        let app = app();
        for (path, value, expected) in [
            ("/both", Some("\"a,b\""), 206),
            ("/both", Some("\"a\""), 200),
            ("/both", Some("W/\"a,b\""), 200),
            ("/both", Some("\"a,b\", \"a,b\""), 200),
            ("/weak", Some("W/\"a\""), 200),
            ("/weak", Some("\"a\""), 200),
            ("/dated", Some(DATE), 206),
            ("/dated", Some("Sat Oct 29 19:43:31 1994"), 206),
            ("/dated", Some(BEFORE), 200),
            ("/dated", Some(AFTER), 200),
            ("/both", Some(DATE), 200), // varies: the client may have another representation of this date
            ("/both", Some("garbage"), 200),
            ("/both", Some(""), 200),
            ("/both", None, 206),
            ("/weak", None, 206),
            ("/bare", None, 200),
        ] {
            let fields: Vec<_> =
                value.map(|value| ("If-Range", value)).into_iter().chain([("Range", "bytes=2-4")]).collect();
            assert_eq!(status(&app, "GET", path, &fields), expected, "{path} {value:?}");
            assert_eq!(status(&app, "HEAD", path, &fields), 200, "RFC 9110 §14.2: Range is for GET");
        }
        let fields = [("If-Range", "\"a,b\""), ("If-Range", "\"a,b\""), ("Range", "bytes=0-0")];
        assert_eq!(status(&app, "GET", "/both", &fields), 200);
        assert_eq!(status(&app, "GET", "/both", &[("Range", "bytes=0-0"), ("Range", "bytes=0-0")]), 200);
        assert_eq!(status(&app, "GET", "/both", &[("Range", "bytes=0-0"), ("If-None-Match", "*")]), 304);
        assert_eq!(status(&app, "GET", "/both", &[("Range", "bytes=99-"), ("If-Range", "\"x\"")]), 200);
    }

    #[test]
    fn what_each_answer_says() {
        let app = app();
        let client = app.test();
        let names = |reply: &crate::TestResponse| {
            let names = reply.headers().iter().map(|(name, _)| name.to_ascii_lowercase());
            names.filter(|name| name != "date").collect::<Vec<_>>()
        };
        let reply = client.get("/both").header("If-None-Match", "*").send();
        assert_eq!((names(&reply), reply.text()), (vec!["etag".to_owned(), "vary".into()], ""));
        let reply = client.get("/part").header("If-None-Match", "*").send();
        assert_eq!(names(&reply), ["etag"]);
        let reply = client.get("/dated").header("If-Modified-Since", DATE).send();
        assert_eq!(names(&reply), ["last-modified"]);
        let reply = client.get("/both").header("Range", "bytes=-3").send();
        assert_eq!((reply.header("content-range"), reply.header("etag")), (Some("bytes 7-9/10"), Some("\"a,b\"")));
        assert_eq!((reply.header("content-length"), reply.text()), (Some("3"), "789"));
        let reply = client.get("/both").header("Range", "bytes=10-").send();
        assert_eq!((reply.status().as_u16(), reply.header("content-range")), (416, Some("bytes */10")));
        let reply = client.request("HEAD", "/both").header("Range", "bytes=0-1").send();
        assert_eq!((reply.header("content-length"), reply.header("content-range")), (Some("10"), None));
    }

    #[test]
    fn a_stream_has_validators_but_no_parts() {
        let mut app = App::new();
        app.get("/", |_| Response::default().etag("1").accept_ranges().reader(&b"0123456789"[..], Some(10)));
        let reply = app.test().get("/").header("Range", "bytes=0-3").send();
        assert_eq!((reply.status().as_u16(), reply.header("accept-ranges"), reply.text()), (200, None, "0123456789"));
        assert_eq!(status(&app, "GET", "/", &[("If-None-Match", "*")]), 304);
    }

    #[test]
    fn a_validator_of_an_after_hook_counts() {
        let mut app = App::new();
        app.get("/", |_| "text");
        app.after(|_, response| response.set_header("ETag", format!("\"{}\"", response.body().len())));
        assert_eq!(status(&app, "GET", "/", &[("If-None-Match", "\"4\"")]), 304);
        assert_eq!(status(&app, "GET", "/", &[("If-None-Match", "\"5\"")]), 200);
    }

    #[test]
    fn a_change_asks_beforehand() {
        let mut app = App::new();
        app.put("/new", |req| req.precondition(None, None));
        app.put("/old", |req| req.precondition(Some("7"), None));
        for (path, field, value, expected) in [
            ("/new", "If-None-Match", "*", 204),
            ("/new", "If-Match", "*", 412),
            ("/new", "If-Match", "\"7\"", 412),
            ("/old", "If-None-Match", "*", 412),
            ("/old", "If-None-Match", "\"7\"", 412),
            ("/old", "If-None-Match", "\"6\"", 204),
            ("/old", "If-Match", "\"7\"", 204),
            ("/old", "If-Match", "\"7-gzip\"", 204),
            ("/old", "If-Match", "\"7-br\"", 204),
            ("/old", "If-Match", "W/\"7-gzip\"", 412),
            ("/old", "If-None-Match", "W/\"7-gzip\"", 412),
            ("/old", "If-Modified-Since", AFTER, 204),
        ] {
            assert_eq!(status(&app, "PUT", path, &[(field, value)]), expected, "{path} {field}: {value}");
        }
    }

    /// RFC 9110 §13.1.2, §13.1.3: 304 for GET and HEAD, 412 for other methods.
    #[test]
    fn a_handler_of_several_methods_asks_for_all_of_them() {
        let mut app = App::new();
        let page = |req: &crate::Request<'_>| -> crate::Result<Response> {
            req.precondition(Some("7"), None)?;
            Ok(Response::default().etag("7").text("seven"))
        };
        app.get("/", page);
        app.put("/", page);
        for (field, value, read, change) in [
            ("If-None-Match", "\"7\"", 304, 412),
            ("If-None-Match", "*", 304, 412),
            ("If-None-Match", "\"6\"", 200, 200),
            ("If-Match", "\"7\"", 200, 200),
            ("If-Match", "\"6\"", 412, 412),
        ] {
            for (method, expected) in [("GET", read), ("HEAD", read), ("PUT", change)] {
                assert_eq!(status(&app, method, "/", &[(field, value)]), expected, "{method} {field}: {value}");
            }
        }
    }

    #[test]
    fn a_fraction_of_a_second_is_not_compared() {
        for (seconds, nanos, date, expected) in [
            (1_000_000_000, 0, "Sun, 09 Sep 2001 01:46:40 GMT", 204),
            (1_000_000_000, 1, "Sun, 09 Sep 2001 01:46:40 GMT", 204),
            (1_000_000_000, 999_999_999, "Sun, 09 Sep 2001 01:46:40 GMT", 204),
            (1_000_000_001, 0, "Sun, 09 Sep 2001 01:46:40 GMT", 412),
        ] {
            let time = UNIX_EPOCH + Duration::new(seconds, nanos);
            let mut app = App::new();
            app.put("/", move |req| req.precondition(None, Some(time)));
            app.get("/", move |_| Response::default().last_modified(time));
            assert_eq!(status(&app, "PUT", "/", &[("If-Unmodified-Since", date)]), expected, "{seconds}.{nanos}");
            let client = app.test();
            let reply = client.get("/").send();
            let given = reply.header("last-modified").unwrap_or_default();
            assert_eq!(status(&app, "PUT", "/", &[("If-Unmodified-Since", given)]), 204, "{seconds}.{nanos}");
            assert_eq!(status(&app, "GET", "/", &[("If-Modified-Since", given)]), 304, "{seconds}.{nanos}");
            assert_eq!(status(&app, "GET", "/", &[("If-Unmodified-Since", given)]), 200, "{seconds}.{nanos}");
        }
    }

    #[test]
    fn one_state_in_several_codings() {
        let app = app();
        for (fields, expected) in [
            (&[("If-Match", "\"a,b-gzip\"")][..], 200),
            (&[("If-Match", "W/\"a,b-gzip\"")], 412),
            // No tag is offered of a coding that the client does not accept.
            (&[("If-None-Match", "\"a,b-gzip\"")], 200),
            (&[("If-None-Match", "\"a,b-gzip\""), ("Accept-Encoding", "gzip")], 304),
            (&[("If-None-Match", "\"a,b-gzip\""), ("Accept-Encoding", "gzip;q=0")], 200),
            (&[("If-None-Match", "\"a-gzip\""), ("Accept-Encoding", "gzip")], 200),
        ] {
            assert_eq!(status(&app, "GET", "/both", fields), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_304_has_the_tag_of_what_the_client_has() {
        let app = app();
        let client = app.test();
        for (listed, takes, expected) in [
            ("\"a,b\"", "gzip", "\"a,b\""),
            ("\"a,b-gzip\"", "gzip", "\"a,b-gzip\""),
            ("W/\"a,b-gzip\"", "gzip", "\"a,b-gzip\""),
            ("\"a,b-gzip\", \"a,b-br\"", "gzip, br;q=0.5", "\"a,b-gzip\""),
            ("\"a,b-gzip\", \"a,b-br\"", "gzip;q=0.5, br", "\"a,b-br\""),
        ] {
            let reply = client.get("/both").header("If-None-Match", listed).header("Accept-Encoding", takes).send();
            assert_eq!((reply.status().as_u16(), reply.header("etag")), (304, Some(expected)), "{listed} {takes}");
        }
    }
}
