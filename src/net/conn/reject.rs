//! Responds to what is not a valid request.

use super::Conn;
use super::partial_request::restore_request;
use crate::http1::fault::ProtocolError;
use crate::http1::head::Head;
use crate::net::observer::ProbeObserver;
use crate::net::sockets::socket::Socket;
use crate::net::tick::{Context, ResponseBuffers};
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
        out: &mut ResponseBuffers,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<usize> {
        if P::ENABLED {
            self.trace_rejected(reject, context, probe);
        }
        debug!("step 6, parse: connection {} is refused, {reject}", self.id);
        let blank = Head::default();
        let head = if self.http.head_is_valid() { head } else { &blank };
        let mut request = Request::new(head, bytes, &[], &self.peer, context.app.app_state());
        out.began.get_or_insert(context.time.now);
        if let Some(response) = restore_request(&mut request, out, context) {
            return self.respond_late(response, bytes, out, context, probe);
        }
        out.response.reset();
        context.app.reject(reject, &mut request, &mut out.response, &mut ProbeObserver { connection: self.id, probe });
        self.encode(out, true, context, probe)
    }
}
