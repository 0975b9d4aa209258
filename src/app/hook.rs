//! Function types that an application adds around its handlers, with the callsite of each.

use std::sync::Arc;

use crate::http1::method::Method;
use crate::request::Request;
use crate::response::Response;
use crate::response::error::{Error, Result};
use crate::response::into_response::IntoResponse;
use crate::routing::callsite::Callsite;

pub(crate) type Handler = Box<dyn Fn(&Request<'_>, &mut Response) + Send + Sync>;
pub(crate) type ErrorHandler = Box<dyn Fn(&Request<'_>, &Error, &mut Response) + Send + Sync>;
pub(crate) type Before = Hook<Box<dyn Fn(&mut Request<'_>) -> Result<()> + Send + Sync>>;
/// Shared: a router's guards belong to each of its routes.
pub(crate) type Guard = Hook<Arc<dyn Fn(&mut Request<'_>) -> Result<()> + Send + Sync>>;
pub(crate) type After = Hook<Box<dyn Fn(&Request<'_>, &mut Response) + Send + Sync>>;

/// A hook or a guard.
#[derive(Clone)]
pub(crate) struct Hook<F> {
    pub(crate) run: F,
    pub(crate) callsite: Callsite,
}

/// Returns the handler of a route with this method.
pub(crate) fn handler<F, R>(method: Method, handler: F) -> Handler
where
    F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    let describes_get = method == Method::HEAD;
    Box::new(move |request, response| {
        handler(request).write_to(response);
        match describes_get {
            true => response.describe_get(),
            false => request.reject_coding(response),
        }
    })
}

pub(crate) fn error_handler<R: IntoResponse>(
    page: impl Fn(&Request<'_>, &Error) -> R + Send + Sync + 'static,
) -> ErrorHandler {
    Box::new(move |request, error, response| page(request, error).write_to(response))
}
