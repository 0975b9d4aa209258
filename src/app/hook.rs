//! Functions that a program adds around its handlers, with what each is called and where that happened; runs none of them.

use std::any::type_name_of_val;
use std::panic::Location;
use std::sync::Arc;

use super::error::{Error, Result};
use super::into_response::IntoResponse;
use super::request::Request;
use super::response::Response;
use crate::http1::method::Method;

pub(crate) type Handler = Box<dyn Fn(&Request<'_>, &mut Response) + Send + Sync>;
pub(crate) type ErrorHandler = Box<dyn Fn(&Request<'_>, &Error, &mut Response) + Send + Sync>;
pub(crate) type Before = Hook<Box<dyn Fn(&mut Request<'_>) -> Result<()> + Send + Sync>>;
/// Shared, because a router hands its guards to each of its routes.
pub(crate) type Guard = Hook<Arc<dyn Fn(&mut Request<'_>) -> Result<()> + Send + Sync>>;
pub(crate) type After = Hook<Box<dyn Fn(&Request<'_>, &mut Response) + Send + Sync>>;

/// A hook or a guard.
#[derive(Clone)]
pub(crate) struct Hook<F> {
    pub(crate) run: F,
    pub(crate) callsite: Callsite,
}

/// What a function is called, and where the program added it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Callsite {
    /// The function's path as the compiler writes it; a closure is a `{{closure}}` of the function that it stands in.
    pub(crate) name: &'static str,
    pub(crate) location: &'static Location<'static>,
}

impl Callsite {
    /// Of a function that is added by whoever called our caller.
    #[track_caller]
    pub(crate) fn of<F>(function: &F) -> Callsite {
        Callsite { name: type_name_of_val(function), location: Location::caller() }
    }
}

/// Returns the handler of a route with this method.
pub(crate) fn handler<F, R>(method: Method, handler: F) -> Handler
where
    F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    let describes_get = method == Method::HEAD;
    Box::new(move |request, response| {
        handler(request).into_response(response);
        match describes_get {
            true => response.describe_get(),
            false => request.reject_coding(response),
        }
    })
}

pub(crate) fn error_handler<R: IntoResponse>(
    page: impl Fn(&Request<'_>, &Error) -> R + Send + Sync + 'static,
) -> ErrorHandler {
    Box::new(move |request, error, response| page(request, error).into_response(response))
}
