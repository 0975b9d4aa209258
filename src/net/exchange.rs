//! Defines what travels between the event loop and the threads of the pool: a request on its way there, a response on its way back.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::body_memory::Reservation;
use super::observer::{DeferredEvent, DeferredObserver};
use crate::app::{Admission, App};
use crate::http1::head::Head;
use crate::request::{Admitted, Request, RequestContext};
use crate::response::Response;
use crate::response::pipe::Pipe;
use crate::trace::probe::Probe;

/// A whole request with all that its handler needs, fit to travel to another thread. The body is not copied: the buffer moves.
pub(crate) struct OwnedRequest {
    pub(crate) bytes: Vec<u8>,
    pub(crate) head: Head,
    pub(crate) body: Range<usize>,
    pub(crate) peer: Option<std::net::SocketAddr>,
    /// Where the body comes from that is not here yet.
    pub(crate) pipe: Option<Arc<Pipe>>,
    /// What hooks and guards left that have run already.
    pub(crate) admitted: Mutex<Option<Admitted>>,
    /// When its first byte was read.
    pub(crate) began: Instant,
    /// What it has in common with whatever answers in its handler's place.
    pub(crate) ledger: Arc<RequestContext>,
    /// What it has in the sum of all bodies.
    pub(crate) _reservation: Option<Reservation>,
}

/// What comes back: the response, and what ran for it.
pub(crate) struct PoolResponse {
    pub(crate) response: Response,
    pub(crate) events: Vec<DeferredEvent>,
    /// There is no answer yet: the head was decided on.
    pub(crate) admission: Option<Admission>,
}

/// Nobody took it: the client has left before.
impl Drop for PoolResponse {
    fn drop(&mut self) {
        if let Some(on_sent) = self.response.take_on_sent() {
            on_sent.notify_client_left();
        }
    }
}

impl OwnedRequest {
    /// A head alone.
    pub(crate) fn of_head(
        bytes: Vec<u8>,
        head: Head,
        peer: Option<std::net::SocketAddr>,
        began: Instant,
    ) -> OwnedRequest {
        let (admitted, ledger) = (Mutex::default(), Arc::default());
        OwnedRequest { bytes, head, body: 0..0, peer, pipe: None, admitted, began, ledger, _reservation: None }
    }

    pub(crate) fn request<'a>(&'a self, app: &'a App) -> Request<'a> {
        let body = self.bytes.get(self.body.clone()).unwrap_or_default();
        let mut request = Request::new(&self.head, &self.bytes, body, &self.peer, app.app_state());
        request.start_clock(self.began);
        request.join_context(&self.ledger);
        request
    }

    /// Whether the caller is the first who wants to decide the answer, and so does.
    pub(crate) fn claim(&self) -> bool {
        self.ledger.claim()
    }

    /// Its client has left while its handler runs.
    pub(crate) fn client_left<P: Probe>(&self, app: &App) {
        drop(self.run::<P>(app, App::client_left));
    }

    pub(crate) fn run<'a, P: Probe>(
        &'a self,
        app: &'a App,
        answer: impl FnOnce(&'a App, &mut Request<'a>, &mut Response, &mut DeferredObserver<P>) -> Option<Admission>,
    ) -> PoolResponse {
        let mut request = self.request(app);
        if let Some(admitted) = self.admitted.lock().unwrap_or_else(PoisonError::into_inner).take() {
            request.admit(admitted);
        }
        if let Some(pipe) = &self.pipe {
            request.set(pipe.clone());
        }
        let (mut response, mut record) = (Response::default(), DeferredObserver::begin());
        let admission = answer(app, &mut request, &mut response, &mut record);
        PoolResponse { response, events: record.end(), admission }
    }
}
