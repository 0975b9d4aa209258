//! Renders errors: finds the error handler and keeps the fields that the error requires.

use serde_core::ser::{Serialize, SerializeMap, Serializer};

use crate::app::{App, catch_panic};
use crate::logging::ErrorChain;
use crate::request::Request;
use crate::response::Response;
use crate::response::error::Error;
use crate::response::sent::SentCallbacks;

impl App {
    /// Renders an error: with the handler for its status, else the catch-all, of the innermost
    /// router that has one; else with the default response.
    #[cold]
    pub(super) fn render(&self, scope: usize, error: Error, request: &Request<'_>, response: &mut Response) {
        let earlier = response.take_on_sent();
        self.render_into(scope, error, request, response);
        *response.on_sent_mut() = SentCallbacks::merge(earlier, response.take_on_sent());
    }

    fn render_into(&self, scope: usize, mut error: Error, request: &Request<'_>, response: &mut Response) {
        response.reset();
        if let Some(answer) = error.take_response() {
            *response = answer;
            return;
        }
        if error.status().is_informational() {
            error = Error::internal(format!("{error}: a final status is 2xx to 5xx"));
        }
        if let Some(source) = error.source() {
            error!("{} {}: {}", request.method(), request.path(), ErrorChain(source));
        }
        catch_panic(response, |response| self.run_error_handler(scope, &error, request, response));
        if !response.has_status() {
            response.set_status(error.status());
        }
        if !response.is_final() {
            response
                .fail(Error::internal(format!("its status is {}, and a final one is 2xx to 5xx", response.status())));
        }
        if let Some(second) = response.take_error() {
            error!("an error page failed: {second}");
            response.reset();
            default_response(&error, response);
        }
        add_error_fields(&error, response);
    }

    fn run_error_handler(&self, scope: usize, error: &Error, request: &Request<'_>, response: &mut Response) {
        let mut next = self.scopes.get(scope);
        while let Some(scope) = next {
            let own =
                scope.error_handlers.iter().rev().find(|(status, _)| *status == error.status()).map(|(_, page)| page);
            if let Some(page) = own.or(scope.catch_all.as_ref()) {
                return page(request, error, response);
            }
            next = scope.parent.and_then(|parent| self.scopes.get(parent));
        }
        default_response(error, response);
    }
}

/// Adds the fields of the error that its handler did not set: a 405 needs Allow, a 401
/// WWW-Authenticate (RFC 9110 §15.5.2, §15.5.6). A field that the handler sets wins (§5.3), except
/// where each line is a value of its own.
fn add_error_fields(error: &Error, response: &mut Response) {
    let adds_up = |name: &str| ["set-cookie", "vary", "link"].iter().any(|field| name.eq_ignore_ascii_case(field));
    let has = |name: &str| response.headers().any(|(field, _)| field.eq_ignore_ascii_case(name));
    let missing: Vec<_> = error.fields().filter(|(name, _)| adds_up(name) || !has(name)).collect();
    for (name, value) in missing {
        response.append_header(name, value);
    }
}

/// Writes `{"error": "Not Found", "message": "…"}`, and the details if there are some.
fn default_response(error: &Error, response: &mut Response) {
    response.set_json(&DefaultBody(error));
    response.set_status(error.status());
}

/// Serialised field by field, without a map: refusals are frequent, and a map would allocate.
struct DefaultBody<'a>(&'a Error);

impl Serialize for DefaultBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let DefaultBody(error) = self;
        let mut page = serializer.serialize_map(None)?;
        if let Some(details) = error.details() {
            page.serialize_entry("details", details)?;
        }
        page.serialize_entry("error", error.name())?;
        page.serialize_entry("message", error.message())?;
        page.end()
    }
}
