//! Tags responses by their content, so that a client that has it gets 304 and no body.

use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::caching::is_validator;
use crate::response::etag;

/// Sets the `ETag` of a response to a hash of its body (RFC 9110 §8.8.3): an after hook. JSON that
/// has not changed then costs the handler's work, but not the transfer.
///
/// Applies to a GET or HEAD with 200 whose body is in memory and has no coding, `ETag`,
/// `Last-Modified` or `Accept-Ranges` yet. Add it before [`Gzip`](crate::middleware::Gzip). A handler
/// that knows a version of what it sends sets [`Response::etag`], which saves the work too.
///
/// It does not protect changes: a PUT or PATCH with `If-Match` is carried out, whatever the tag.
/// Keep a version of the resource, send it as its tag, and call
/// [`Request::precondition`](crate::Request::precondition) with it before the change.
///
/// ```
/// use wirelight::{App, Json, middleware};
///
/// let mut app = App::new();
/// app.after(middleware::etag);
/// app.get("/", |_| Json([1, 2, 3]));
///
/// let first = app.test().get("/").send();
/// let tag = first.header("ETag").unwrap();
/// assert_eq!(app.test().get("/").header("If-None-Match", tag).send().status(), 304);
/// ```
pub fn etag(request: &Request<'_>, response: &mut Response) {
    let is_read = matches!(request.method(), Method::GET | Method::HEAD) && response.status() == StatusCode::OK;
    // Conditions on a date and ranges have been applied: their 304 and 206 would lack the tag (RFC
    // 9110 §15.3.7, §15.4.5), and If-Match with it would fail.
    let is_evaluated = response.headers().any(|(name, _)| is_validator(name));
    let is_coded = response.header_value("content-encoding").is_some();
    if is_read && !is_evaluated && !is_coded && !response.body().is_empty() {
        let tag = etag::of(response.body());
        response.set_header("ETag", format!("\"{tag}\""));
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use crate::App;
    use crate::middleware;
    use crate::response::Response;

    #[test]
    fn what_has_a_tag_of_its_own_or_no_content_gets_none() {
        let mut app = App::new();
        app.after(middleware::etag);
        app.get("/plain", |_| "plain");
        app.post("/plain", |_| "plain");
        app.get("/own", |_| Response::default().text("own").etag("own"));
        app.get("/coded", |_| Response::default().text("coded").header("Content-Encoding", "br"));
        app.get("/stream", |_| Response::default().chunks(["a"]));
        app.get("/empty", |_| "");
        app.get("/none", |_| None::<&str>);
        for (method, path, tagged) in [
            ("GET", "/plain", true),
            ("HEAD", "/plain", true),
            ("POST", "/plain", false),
            ("GET", "/coded", false),
            ("GET", "/stream", false),
            ("GET", "/empty", false),
            ("GET", "/none", false),
        ] {
            let reply = app.test().request(method, path).send();
            assert_eq!(reply.header("etag").is_some(), tagged, "{method} {path}");
        }
        assert_eq!(app.test().get("/own").send().header("etag"), Some("\"own\""));
        let head = app.test().request("HEAD", "/plain").send();
        assert_eq!(head.header("etag"), app.test().get("/plain").send().header("etag"));
    }

    /// The 304 and 206 to a client that has the 200 have its tag, and If-Match holds with it.
    #[test]
    fn what_is_evaluated_before_gets_no_tag() {
        let mut app = App::new();
        app.after(middleware::etag);
        app.get("/dated", |_| Response::default().text("dated").last_modified(UNIX_EPOCH));
        app.get("/ranges", |_| Response::default().text("ranges").accept_ranges());
        for (path, field, value, status) in [
            ("/dated", "If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 304),
            ("/ranges", "Range", "bytes=0-1", 206),
        ] {
            let (whole, reply) = (app.test().get(path).send(), app.test().get(path).header(field, value).send());
            assert_eq!((whole.status().as_u16(), reply.status().as_u16()), (200, status), "{path}");
            assert_eq!(whole.header("ETag"), reply.header("ETag"), "{path}");
            if let Some(tag) = whole.header("ETag") {
                assert_eq!(app.test().get(path).header("If-Match", tag).send().status(), 200, "{path}");
            }
        }
    }

    #[test]
    fn the_tag_changes_with_the_content_only() {
        let mut app = App::new();
        app.after(middleware::etag);
        app.get("/{text}", |req| req.param::<String>("text"));
        let tag = |path: &str| app.test().get(path).send().header("etag").map(str::to_owned);
        assert_eq!(tag("/a"), tag("/a"));
        assert_ne!(tag("/a"), tag("/b"));
        let reply = app.test().get("/a").header("Range", "bytes=0-0").header("If-Match", &tag("/a").unwrap()).send();
        assert_eq!((reply.status().as_u16(), reply.text()), (200, "a"));
    }
}
