//! Responds to the page: its files, its stream of events, a capture, the clients of its lab.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::access::{Access, PREFIX};
use super::feed::Feed;
use super::files::{CONFORMANCE, EXPERIMENTS, FILES, INDEX, STORIES};
use super::lab::Lab;
use super::plan::{Plan, parse_step};
use crate::app::App;
use crate::content::embedded_page::FIELDS;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::into_response::IntoResponse;
use crate::response::redirect::Redirect;

/// What the routes share.
pub(super) struct PageState {
    pub(super) access: Access,
    pub(super) feed: Feed,
    /// `None` on a server with TLS.
    pub(super) lab: Option<Lab>,
}

/// Adds the routes of the page.
pub(super) fn add(app: &mut App, page: PageState) {
    let page = Arc::new(page);
    let get = |app: &mut App, name: &str, respond: Respond| {
        app.get(&format!("{PREFIX}{name}"), guarded(&page, respond));
    };
    get(app, "", Box::new(index));
    get(app, "events", Box::new(events));
    get(app, "load.json", Box::new(load));
    get(app, "capture.ndjson", Box::new(|page, _, response| file(NDJSON, &page.feed.capture(), response)));
    get(app, "experiments.json", Box::new(|_, _, response| file(JSON, EXPERIMENTS, response)));
    get(app, "conformance.json", Box::new(|_, _, response| file(JSON, CONFORMANCE, response)));
    get(app, "clock.json", Box::new(|_, _, response| file(JSON, &clock(), response)));
    get(app, "stories.json", Box::new(|_, _, response| file(JSON, &stories(), response)));
    for &(name, text) in STORIES {
        let name = format!("story-{name}.ndjson");
        get(app, &name, Box::new(move |_, _, response| file(NDJSON, text, response)));
    }
    for &(name, media_type, text) in FILES {
        get(app, name, Box::new(move |_, _, response| file(media_type, text, response)));
    }
    app.post(&format!("{PREFIX}send"), guarded(&page, Box::new(send))).max_body(MAX_PLAN);
    app.post(&format!("{PREFIX}step"), guarded(&page, Box::new(step))).max_body(MAX_PLAN);
}

type Respond = Box<dyn Fn(&PageState, &Request<'_>, &mut Response) + Send + Sync>;

/// Returns a handler that refuses requests without access, and gives each response the fields of
/// the page.
fn guarded(page: &Arc<PageState>, respond: Respond) -> impl Fn(&Request<'_>) -> Response + Send + Sync + 'static {
    let page = page.clone();
    move |request| {
        let mut response = Response::new(StatusCode::OK);
        match page.access.check(request) {
            Ok(()) => respond(&page, request, &mut response),
            Err(why) => refuse(StatusCode::FORBIDDEN, why, &mut response),
        }
        FIELDS.iter().for_each(|(name, value)| response.set_header(name, value));
        // The connection must not serve requests to the application next: those are traced.
        response.close_connection();
        response
    }
}

/// The page, for a projector if the query has `classroom`; or, for the address that was printed, a
/// cookie and the address without the token.
fn index(page: &PageState, request: &Request<'_>, response: &mut Response) {
    let classroom = request.query("classroom").is_some();
    if !page.access.brings_token(request) {
        let html = if classroom { for_a_classroom() } else { INDEX.to_owned() };
        return file("text/html; charset=utf-8", &html, response);
    }
    Redirect::see_other(clean_address(request.query_string(), classroom)).write_to(response);
    response.set_cookie(page.access.cookie());
}

/// Returns the address of the page with what this query says of it, without the token.
fn clean_address(query: &str, classroom: bool) -> String {
    let known = |pair: &&str| ["classroom", "trace"].contains(&pair.split('=').next().unwrap_or_default());
    let rest: Vec<_> = query.split('&').filter(known).collect();
    let mark = if rest.is_empty() { "" } else { "?" };
    let view = if classroom { "#lab" } else { "" };
    format!("{PREFIX}{mark}{}{view}", rest.join("&"))
}

/// Returns the page with a class on its root, which the script looks at, and a style sheet more.
fn for_a_classroom() -> String {
    const STYLE: &str = "<link rel=\"stylesheet\" href=\"classroom.css\">\n</head>";
    INDEX.replacen("<html", "<html class=\"classroom\"", 1).replacen("</head>", STYLE, 1)
}

fn events(page: &PageState, request: &Request<'_>, response: &mut Response) {
    let last = request.header("last-event-id").filter(|id| !id.is_empty());
    match page.feed.subscribe(last) {
        Some(stream) => stream.write_to(response),
        None => refuse(StatusCode::SERVICE_UNAVAILABLE, FULL, response),
    }
}

/// The time: a page finds out how far its own clock differs.
fn clock() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{{\"unix_ns\":\"{}\"}}", now.as_nanos())
}

/// The names and titles of the stories.
fn stories() -> String {
    let title = |capture: &str| {
        let head = capture.lines().next().and_then(|line| serde_json::from_str::<Value>(line).ok());
        head.and_then(|head| head.get("title").cloned())
    };
    let list = STORIES.iter().map(|(name, capture)| json!({ "name": name, "title": title(capture) }));
    Value::from_iter(list).to_string()
}

const FULL: &str =
    "two pages are watching already: each keeps one of the six connections that a browser has for a server";

/// What every open connection does.
fn load(page: &PageState, request: &Request<'_>, response: &mut Response) {
    let asks = request.remote_addr().map_or(0, |address| address.port());
    file(JSON, &page.feed.load(asks), response);
}

/// Starts a client of the lab. Returns its address: the `peer` of its `conn.open`.
fn send(page: &PageState, request: &Request<'_>, response: &mut Response) {
    let Some(lab) = &page.lab else {
        return refuse(
            StatusCode::CONFLICT,
            "the lab's clients speak plain HTTP and this server speaks TLS: start it without TLS to send from here",
            response,
        );
    };
    let plan = match request.json::<Value>().map(|plan| Plan::parse(&plan)) {
        Ok(Ok(plan)) => plan,
        Ok(Err(why)) => return refuse(StatusCode::BAD_REQUEST, &why, response),
        Err(error) => return refuse(error.status(), error.message(), response),
    };
    match lab.start(plan) {
        Ok(Some(client)) => {
            file(JSON, &format!("{{\"client\":\"{client}\"}}\n"), response);
            response.set_status(StatusCode::ACCEPTED);
        }
        Ok(None) => refuse(StatusCode::SERVICE_UNAVAILABLE, BUSY, response),
        Err(error) => refuse(StatusCode::INTERNAL_SERVER_ERROR, &format!("cannot connect: {error}"), response),
    }
}

/// Lets a client that is stepped by hand go on.
fn step(page: &PageState, request: &Request<'_>, response: &mut Response) {
    let step = match request.json::<Value>().map(|step| parse_step(&step)) {
        Ok(Ok(step)) => step,
        Ok(Err(why)) => return refuse(StatusCode::BAD_REQUEST, &why, response),
        Err(error) => return refuse(error.status(), error.message(), response),
    };
    match page.lab.as_ref().is_some_and(|lab| lab.step(step.0, step.1)) {
        true => response.set_status(StatusCode::NO_CONTENT),
        false => refuse(StatusCode::NOT_FOUND, "no client with this address is stepped", response),
    }
}

/// Bytes of a plan: 64 KiB in base64, and the rest of 200 segments.
const MAX_PLAN: u64 = 128 * 1024;
const BUSY: &str = "four clients of the lab are connected already: wait until one has ended";

const JSON: &str = "application/json";
const NDJSON: &str = "application/x-ndjson";

fn file(media_type: &str, text: &str, response: &mut Response) {
    response.set_text(text);
    response.set_header("Content-Type", media_type);
}

fn refuse(status: StatusCode, why: &str, response: &mut Response) {
    response.set_status(status);
    response.set_text(format!("{why}\n"));
}
