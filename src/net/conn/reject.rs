//! Responds to what is not a valid request.

use super::Conn;
use super::partial_request::restore_request;
use crate::http1::fault::ProtocolError;
use crate::http1::head::Head;
use crate::net::observer::ProbeObserver;
use crate::net::sockets::socket::Socket;
use crate::net::tick::Tick;
use crate::request::Request;
use crate::trace::probe::Probe;

impl<S: Socket> Conn<S> {
    /// Responds to a malformed or oversized request through the error handlers, then closes. After
    /// hooks see the head if it was valid: CORS needs its Origin.
    #[cold]
    pub(super) fn reject<P: Probe>(
        &mut self,
        reject: ProtocolError,
        head: &Head,
        bytes: &[u8],
        tick: &mut Tick<'_, P>,
    ) -> Option<usize> {
        self.trace_rejected(reject, tick);
        debug!("step 6, parse: connection {} is refused, {reject}", self.id);
        let blank = Head::default();
        let head = if self.http.head_is_valid() { head } else { &blank };
        let mut request = Request::new(head, bytes, &[], &self.peer, tick.context.app.app_state());
        tick.out.began.get_or_insert(tick.context.time.now);
        if let Some(response) = restore_request(&mut request, tick.out, tick.context) {
            return self.respond_late(response, bytes, tick);
        }
        tick.out.response.reset();
        tick.context.app.reject(
            reject,
            &mut request,
            &mut tick.out.response,
            &mut ProbeObserver { connection: self.id, probe: &mut *tick.probe },
        );
        self.encode(true, tick)
    }
}
