//! Finds the handler of a request: first by path, then by method. The new code of step 21.

use super::message::{Request, Response};

/// A method, a path with `{}` for any one segment, and what to call.
pub type Route<H> = (&'static str, &'static str, H);

/// Returns the handler and the segments that stand for `{}`, or the response to send instead.
pub fn find<'a, H>(routes: &'a [Route<H>], request: &'a Request) -> Result<(&'a H, Vec<&'a str>), Response> {
    let path = request.target.split('?').next().unwrap_or_default();
    let mut allowed = Vec::new();
    for (method, pattern, handler) in routes {
        let Some(segments) = segments(pattern, path) else { continue };
        // HEAD is GET without the body, which `encode` leaves out.
        let methods: &[&str] = if *method == "GET" { &["GET", "HEAD"] } else { &[method] };
        if methods.contains(&request.method.as_str()) {
            return Ok((handler, segments));
        }
        allowed.extend_from_slice(methods);
    }
    if allowed.is_empty() {
        return Err(Response::text("404 Not Found", "there is nothing at this path\n"));
    }
    // The path exists: RFC 9110 §15.5.6 asks for the methods that it has.
    let mut response = Response::text("405 Method Not Allowed", "this path has other methods\n");
    response.fields = format!("Allow: {}\r\n", allowed.join(", "));
    Err(response)
}

/// Returns what stands for each `{}` if the path fits.
fn segments<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let (mut found, mut parts) = (Vec::new(), path.split('/'));
    for wanted in pattern.split('/') {
        match (wanted, parts.next()?) {
            ("{}", segment) if !segment.is_empty() => found.push(segment),
            (wanted, segment) if wanted == segment => {}
            _ => return None,
        }
    }
    if parts.next().is_none() { Some(found) } else { None }
}
