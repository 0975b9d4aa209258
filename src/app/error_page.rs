//! The page of an error: whose it is, and what it cannot lose; knows nothing of what went wrong.

use serde_core::ser::{Serialize, SerializeMap, Serializer};

use super::app::{App, caught};
use super::error::Error;
use super::request::Request;
use super::response::Response;
use crate::http1::status::StatusCode;

impl App {
    /// Draws the page of an error: the one for its status, else the catch-all, from the inside out; else ours.
    #[cold]
    pub(super) fn draw(&self, scope: usize, mut error: Error, request: &Request<'_>, response: &mut Response) {
        response.reset();
        if let Some(answer) = error.take_answer() {
            *response = answer;
            return;
        }
        if let Some(source) = error.source() {
            log::error!("{} {}: {source}", request.method(), request.path().escape_debug());
        }
        caught(response, |response| self.page(scope, &error, request, response));
        if let Some(second) = response.take_error() {
            log::error!("an error page failed: {second}");
            response.reset();
            default_page(&error, response);
        }
        if response.status() == StatusCode::OK {
            response.set_status(error.status());
        }
        // 405 without Allow and 401 without WWW-Authenticate break RFC 9110: a page that forgets them does not lose them.
        for (name, value) in error.fields() {
            response.append_header(name, value);
        }
    }

    fn page(&self, scope: usize, error: &Error, request: &Request<'_>, response: &mut Response) {
        let mut next = self.scopes.get(scope);
        while let Some(scope) = next {
            let own = scope.pages.iter().rev().find(|(status, _)| *status == error.status()).map(|(_, page)| page);
            if let Some(page) = own.or(scope.any_page.as_ref()) {
                return page(request, error, response);
            }
            next = scope.parent.and_then(|parent| self.scopes.get(parent));
        }
        default_page(error, response);
    }
}

/// `{"error": "Not Found", "message": "…"}`, with the details when there are some.
fn default_page(error: &Error, response: &mut Response) {
    response.json(&DefaultPage(error));
    response.set_status(error.status());
}

/// Written field by field: a map for them would be a piece of the heap for every refusal, and refusals come in crowds.
struct DefaultPage<'a>(&'a Error);

impl Serialize for DefaultPage<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let DefaultPage(error) = self;
        let mut page = serializer.serialize_map(None)?;
        if let Some(details) = error.details() {
            page.serialize_entry("details", details)?;
        }
        page.serialize_entry("error", error.name())?;
        page.serialize_entry("message", error.message())?;
        page.end()
    }
}
