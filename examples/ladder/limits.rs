//! Refuses requests that are too large, as soon as they are. The new code of step 20.

use super::message::Response;

const LINE: usize = 8 * 1024;
const HEAD: usize = 16 * 1024;
const BODY: usize = 1024 * 1024;

/// Looks at the request at the beginning of `input`, complete or not.
pub fn refuse(input: &[u8]) -> Option<Response> {
    let line = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let head = input.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
    let text = |status| Some(Response::text(status, format!("{status}\n")));
    match head {
        _ if line > LINE => text("414 URI Too Long"),
        _ if head.unwrap_or(input.len()) > HEAD => text("431 Request Header Fields Too Large"),
        // The length that was announced, or that has come in chunks.
        Some(head) if announced(&input[..head]).unwrap_or(input.len() - head) > BODY => text("413 Content Too Large"),
        _ => None,
    }
}

/// Returns the Content-Length. `message::parse` refuses one that is not a number.
fn announced(head: &[u8]) -> Option<usize> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut fields);
    request.parse(head).ok()?;
    let field = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(field.value).ok()?.parse().ok()
}
