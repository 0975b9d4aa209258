//! Responses for blocking routes: from the pool, or 503 when it is full or too slow.

use std::time::Duration;

use super::{Admission, App};
use crate::app::observer::Observer;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::error::Error;

impl App {
    /// Responds to one request on a thread that may block.
    pub(crate) fn handle_blocking<'a, L: Observer>(
        &'a self,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut L,
    ) -> Option<Admission> {
        let found = self.find(request);
        if found.is_ok_and(|route| route.streaming) {
            request.stream_body();
        }
        self.handle_with_hooks(found, request, response, observer);
        None
    }

    /// Runs the head hooks of one request, on a thread that may block.
    pub(crate) fn check_head_blocking<'a, L: Observer>(
        &'a self,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut L,
    ) -> Option<Admission> {
        Some(self.check_head(self.find(request), request, response, observer))
    }

    /// Runs the after hooks of a request whose client has left before the response began, for the
    /// callbacks that they register with [`Response::on_sent`].
    #[cold]
    pub(crate) fn client_left<'a, L: Observer>(
        &'a self,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut L,
    ) -> Option<Admission> {
        let scope = self.scope(request);
        self.finish(scope, request, response, observer);
        None
    }

    /// Responds with 503 when the queue of the pool is full (RFC 9110 §15.6.4).
    #[cold]
    pub(crate) fn overloaded<'a, L: Observer>(
        &'a self,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut L,
    ) -> Option<Admission> {
        let error = Error::new(StatusCode::SERVICE_UNAVAILABLE, "The server has more to do than it can at the moment.");
        self.respond_instead(error.with_header("Retry-After", "1"), request, response, observer)
    }

    /// Responds with 503 when the handler exceeds the deadline of its route, as Go's TimeoutHandler
    /// does.
    #[cold]
    pub(crate) fn timed_out<'a, L: Observer>(
        &'a self,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut L,
    ) -> Option<Admission> {
        let error = Error::new(StatusCode::SERVICE_UNAVAILABLE, "The answer takes longer than it may.");
        self.respond_instead(error, request, response, observer)
    }

    /// Responds with 500 when a thread of the pool ended without a response.
    #[cold]
    pub(crate) fn worker_lost<'a, L: Observer>(
        &'a self,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut L,
    ) -> Option<Admission> {
        let error = Error::internal("a thread of the pool lost the request");
        self.respond_instead(error, request, response, observer)
    }

    /// Responds with an error in place of the handler, by the error handlers and after hooks of its
    /// route.
    fn respond_instead<'a>(
        &'a self,
        error: Error,
        request: &mut Request<'a>,
        response: &mut Response,
        observer: &mut impl Observer,
    ) -> Option<Admission> {
        response.fail(error);
        let scope = self.scope(request);
        self.finish(scope, request, response, observer);
        None
    }

    /// Returns the deadline of the request's route.
    pub(crate) fn deadline<'a>(&'a self, mut request: Request<'a>) -> Option<Duration> {
        self.find(&mut request).ok().and_then(|route| route.deadline)
    }
}
