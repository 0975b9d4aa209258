//! Refusals: the answer to what is no request, or too much of one, and the end of its connection.

use super::Conn;
use super::completion::take_up;
use super::ear::Ear;
use crate::http1::fault::Reject;
use crate::http1::head::Head;
use crate::net::desk::{Context, Tools};
use crate::net::socket::Socket;
use crate::request::Request;
use crate::wire::probe::Probe;

impl<S: Socket> Conn<S> {
    /// Answers what was no request, or too much of one, through the application's error pages, and ends the connection (it will not be
    /// trusted again). Hooks see the head, if it stands: whose page may read a 413 hangs on its fields.
    #[cold]
    pub(super) fn refuse<P: Probe>(
        &mut self,
        reject: Reject,
        head: &Head,
        bytes: &[u8],
        tools: &mut Tools,
        context: &Context<'_>,
        probe: &mut P,
    ) -> Option<usize> {
        if P::ON {
            self.tell_refused(reject, context, probe);
        }
        debug!("step 6, parse: connection {} is refused, {reject}", self.id);
        let blank = Head::default();
        let head = if self.http.keeps_head() { head } else { &blank };
        let mut request = Request::new(head, bytes, &[], &self.peer, context.app.app_state());
        tools.began.get_or_insert(context.moment.now);
        if let Some(response) = take_up(&mut request, tools, context) {
            return self.answer_late(response, bytes, tools, context, probe);
        }
        tools.response.reset();
        context.app.reject(reject, &mut request, &mut tools.response, &mut Ear { connection: self.id, probe });
        self.encode(tools, true, context, probe)
    }
}
