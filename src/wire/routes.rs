//! Responds to the page: its files, its stream of events, a capture.

use std::sync::Arc;

use super::access::{Access, PREFIX};
use super::feed::Feed;
use super::files::{FILES, INDEX};
use crate::app::App;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::into_response::IntoResponse;
use crate::response::redirect::Redirect;

/// Fields of every response. Nothing is loaded from elsewhere, nothing inline runs, no other page
/// embeds this one. COOP and COEP give the page precise clocks.
const FIELDS: &[(&str, &str)] = &[
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// Adds the routes of the page.
pub(super) fn add(app: &mut App, access: Access, feed: Feed) {
    let access = Arc::new(access);
    let mut get = |name: &str, respond: Respond| {
        let (access, feed) = (access.clone(), feed.clone());
        app.get(&format!("{PREFIX}{name}"), move |request: &Request<'_>| {
            let mut response = Response::new(StatusCode::OK);
            match access.check(request) {
                Ok(()) => respond(&access, &feed, request, &mut response),
                Err(why) => refuse(StatusCode::FORBIDDEN, why, &mut response),
            }
            FIELDS.iter().for_each(|(name, value)| response.header(name, value));
            // The connection must not serve requests to the application next: those are traced.
            response.close_connection();
            response
        });
    };
    get("", Box::new(index));
    get("events", Box::new(events));
    get("capture.ndjson", Box::new(|_, feed, _, response| file("application/x-ndjson", &feed.capture(), response)));
    for &(name, media_type, text) in FILES {
        get(name, Box::new(move |_, _, _, response| file(media_type, text, response)));
    }
}

type Respond = Box<dyn Fn(&Access, &Feed, &Request<'_>, &mut Response) + Send + Sync>;

/// The page; or, for the address that was printed, a cookie and the address without the token.
fn index(access: &Access, _: &Feed, request: &Request<'_>, response: &mut Response) {
    if !access.brings_token(request) {
        return file("text/html; charset=utf-8", INDEX, response);
    }
    Redirect::see_other(PREFIX).into_response(response);
    response.set_cookie(access.cookie());
}

fn events(_: &Access, feed: &Feed, request: &Request<'_>, response: &mut Response) {
    let last = request.header("last-event-id").filter(|id| !id.is_empty());
    match feed.subscribe(last) {
        Some(stream) => stream.into_response(response),
        None => refuse(StatusCode::SERVICE_UNAVAILABLE, FULL, response),
    }
}

const FULL: &str =
    "two pages are watching already: each keeps one of the six connections that a browser has for a server";

fn file(media_type: &str, text: &str, response: &mut Response) {
    response.text(text);
    response.header("Content-Type", media_type);
}

fn refuse(status: StatusCode, why: &str, response: &mut Response) {
    response.set_status(status);
    response.text(format!("{why}\n"));
}
