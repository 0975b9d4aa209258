//! A request body that is passed on to its handler as it arrives.

use std::io::ErrorKind;
use std::sync::Arc;

use super::delegated_read::DelegatedRead;
use super::large_body::ReadSize;
use crate::http1::fault::ProtocolError;
use crate::net::exchange::OwnedRequest;
use crate::net::threads::mailbox::Completion;
use crate::net::tick::Context;
use crate::request::body_pipe::BodyPipe;

/// A request body that arrives, and the pipe to its reader.
pub(super) struct BodyFeed {
    pub(super) pipe: Arc<BodyPipe>,
    pub(super) read_size: ReadSize,
    /// Bytes that came before the connection waits for more.
    pub(super) arrived: usize,
    /// The client expects `100 Continue` (RFC 9110 §10.1.1). It is sent when the handler starts to
    /// read.
    pub(super) continue_pending: bool,
    /// The pipe has capacity: the connection waits for the client.
    pub(super) wants_data: bool,
    /// How the handler's thread reads the socket itself.
    pub(super) delegated: Option<Arc<DelegatedRead>>,
    /// Why the rest of the body is not passed on.
    pub(super) refused: Option<ProtocolError>,
    /// The request, shared with the pool.
    pub(super) request: Option<Arc<OwnedRequest>>,
}

/// The connection is gone: the reader gets an error.
impl Drop for BodyFeed {
    fn drop(&mut self) {
        self.pipe.fail(ErrorKind::ConnectionAborted, "the client has left");
    }
}

impl BodyFeed {
    pub(super) fn new(owes_continue: bool, context: &Context<'_>) -> BodyFeed {
        let (mailbox, key) = (context.offload.mailbox.clone(), context.key);
        BodyFeed {
            pipe: BodyPipe::new(Arc::new(move || mailbox.send(Completion::BodyReady(key)))),
            read_size: ReadSize::default(),
            arrived: 0,
            continue_pending: owes_continue,
            wants_data: false,
            delegated: None,
            refused: None,
            request: None,
        }
    }

    /// Ends the body, since the handler has responded. Returns why it was refused, if it was.
    pub(super) fn into_refused(mut self) -> Option<(ProtocolError, Arc<OwnedRequest>)> {
        self.refused.zip(self.request.take())
    }
}
