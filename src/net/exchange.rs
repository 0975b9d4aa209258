//! Defines what travels between the event loop and the threads of the pool: a request on its way
//! there, a response on its way back.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::body_memory::Reservation;
use super::observer::{DeferredEvent, DeferredObserver};
use crate::app::{Admission, App};
use crate::http1::head::Head;
use crate::request::body_pipe::BodyPipe;
use crate::request::{Admitted, Request, RequestContext};
use crate::response::Response;
use crate::sync::lock;
use crate::trace::probe::Probe;

/// A request that can be sent to another thread. The body is not copied: the buffer moves.
pub(crate) struct OwnedRequest {
    pub(crate) bytes: Vec<u8>,
    pub(crate) head: Head,
    pub(crate) body: Range<usize>,
    pub(crate) peer: Option<std::net::SocketAddr>,
    /// Source of a body that has not arrived.
    pub(crate) pipe: Option<Arc<BodyPipe>>,
    /// Values of hooks and guards that ran already.
    pub(crate) admitted: Mutex<Option<Admitted>>,
    /// Time of its first byte.
    pub(crate) began: Instant,
    /// Shared with whatever responds in place of the handler.
    pub(crate) ledger: Arc<RequestContext>,
    /// Its share in the worker's body memory.
    pub(crate) _reservation: Option<Reservation>,
}

/// A response, and what ran for it.
#[derive(Default)]
pub(crate) struct PoolResponse {
    pub(crate) response: Response,
    pub(crate) events: Vec<DeferredEvent>,
    /// The decision on a head; then there is no response yet.
    pub(crate) admission: Option<Admission>,
}

/// The client left before the response was taken.
impl Drop for PoolResponse {
    fn drop(&mut self) {
        if let Some(on_sent) = self.response.take_on_sent() {
            on_sent.notify_client_left();
        }
    }
}

impl OwnedRequest {
    /// A request without its body.
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

    /// Claims the right to respond. Returns whether the caller is the first.
    pub(crate) fn claim(&self) -> bool {
        self.ledger.claim()
    }

    /// Reports to the application that the client left while its handler runs.
    pub(crate) fn client_left<P: Probe>(&self, app: &App) {
        drop(self.run::<P>(app, App::client_left));
    }

    pub(crate) fn run<'a, P: Probe>(
        &'a self,
        app: &'a App,
        answer: impl FnOnce(&'a App, &mut Request<'a>, &mut Response, &mut DeferredObserver<P>) -> Option<Admission>,
    ) -> PoolResponse {
        let mut request = self.request(app);
        if let Some(admitted) = lock(&self.admitted).take() {
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
