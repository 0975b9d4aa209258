//! A reverse proxy in front of one server, which streams both ways. Run with
//! `UPSTREAM=http://127.0.0.1:9000 cargo run --example proxy`; `TIMEOUT` is how many seconds the upstream may take to answer
use std::error::Error as _;
use std::time::Duration;

use ureq::{Agent, SendBody, http};
use wirelight::{App, Error, Method, Request, Response, Result, StatusCode, Version};

/// Fields for one connection (RFC 9110 §7.6.1), and those that each side writes itself.
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "expect",
    "forwarded",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "content-length",
    "host",
];

fn main() -> std::io::Result<()> {
    let upstream = std::env::var("UPSTREAM").map_err(std::io::Error::other)?;
    let patience = std::env::var("TIMEOUT").unwrap_or("30".into()).parse().map_err(std::io::Error::other)?;
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0) // the client follows them
        .accept("")
        .accept_encoding("") // and decodes
        .user_agent("")
        .timeout_connect(Some(Duration::from_secs(3)))
        .timeout_recv_response(Some(Duration::from_secs(patience)))
        .build()
        .into();
    let mut app = App::new();
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS]
    {
        for pattern in ["/", "/{path:path}"] {
            let (agent, upstream) = (agent.clone(), upstream.clone());
            app.route(method, pattern, move |req| forward(req, &agent, &upstream)).streaming().max_body(1 << 30);
        }
    }
    app.run_from_env()
}

/// Forwards a request on a thread of the pool; more than the pool has wait, then get 503.
fn forward(req: &Request, agent: &Agent, upstream: &str) -> Result<Response> {
    // Path and query as they were received: decoding and encoding them again could change their meaning.
    // A target may be a whole URI, `http://host/path` (RFC 9112 §3.2.2).
    let mark = if req.target().contains('?') { "?" } else { "" };
    let uri = format!("{upstream}{}{mark}{}", req.raw_path(), req.query_string());
    let mut request = http::Request::builder().method(req.method().as_str()).uri(uri);
    let named = |field: &str| field.split(',').map(|name| name.trim().to_ascii_lowercase()).collect::<Vec<_>>();
    let dropped: Vec<String> = req.header_all("connection").flat_map(named).collect();
    let is_kept = |name: &str, dropped: &[String]| {
        let name = name.to_ascii_lowercase();
        !HOP_BY_HOP.contains(&&*name) && !dropped.contains(&name) && !name.starts_with("x-forwarded-")
    };
    for (name, value) in req.headers().filter(|(name, _)| is_kept(name, &dropped)) {
        request = request.header(name, value);
    }
    // What the client says about itself was dropped: only the proxy knows its address.
    let client = req.client_addr().map_or("unknown".into(), |address| address.to_string());
    request = request.header("X-Forwarded-For", client).header("X-Forwarded-Proto", req.scheme());
    // After those of the proxies before it (RFC 9110 §7.6.3).
    let received = if req.version() == Version::Http10 { "1.0" } else { "1.1" };
    request = request.header("Via", format!("{received} wirelight"));
    let length = req.content_length();
    let has_body = length.is_some() || req.header("transfer-encoding").is_some();
    let body = req.body_reader().detach();
    if let Some(length) = length {
        request = request.header("Content-Length", length);
    }
    let body = if has_body { SendBody::from_owned_reader(body) } else { SendBody::none() };
    let answer =
        agent.run(request.body(body).map_err(Error::internal)?).map_err(|error| unreachable_upstream(&error))?;

    let (head, body) = answer.into_parts();
    // An upstream may send what is not a final status, such as 101 or 600.
    let status = StatusCode::from_u16(head.status.as_u16()).ok().filter(|status| !status.is_informational());
    let mut response = Response::new(status.ok_or_else(invalid_response)?);
    // ureq decodes the chunked coding alone. The request did not allow another one: `forward` drops `te`.
    let codings = head.headers.get_all("transfer-encoding").iter();
    if codings.enumerate().any(|(before, coding)| before > 0 || !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(Error::new(StatusCode::BAD_GATEWAY, "The upstream server used an unknown transfer coding."));
    }
    let connection = head.headers.get_all("connection").iter().filter_map(|field| field.to_str().ok());
    let dropped: Vec<String> = connection.flat_map(named).collect();
    for (name, value) in head.headers.iter().filter(|(name, _)| is_kept(name.as_str(), &dropped)) {
        response.append_header(name.as_str(), value.as_bytes());
    }
    // Also that of a HEAD, which has no body here. A Transfer-Encoding overrides it (RFC 9112 §6.3).
    let length = head.headers.get("content-length").filter(|_| !head.headers.contains_key("transfer-encoding"));
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut response = response.reader(body.into_reader(), length);
    if !head.headers.contains_key("content-type") {
        response.remove_header("content-type"); // what the upstream does not know, the proxy does not either
    }
    Ok(response)
}

fn invalid_response() -> Error {
    Error::new(StatusCode::BAD_GATEWAY, "The upstream server did not send a final status.")
}

fn unreachable_upstream(error: &ureq::Error) -> Error {
    log::warn!("upstream: {error}: {:?}", error.source());
    match error {
        ureq::Error::Timeout(_) => {
            Error::new(StatusCode::GATEWAY_TIMEOUT, "The upstream server did not answer in time.")
        }
        _ => Error::new(StatusCode::BAD_GATEWAY, "The upstream server cannot be reached."),
    }
}
