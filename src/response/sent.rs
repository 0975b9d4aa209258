//! Calls back when a response was sent or its connection is gone.

use std::time::{Duration, Instant};

use crate::guard::panics::{Guarded, catch};
use crate::http1::status::StatusCode;
use crate::response::Response;

/// What a client was sent, as far as the server can know: bytes that the kernel took. From
/// [`Response::on_sent`].
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    status: StatusCode,
    bytes: u64,
    duration: Duration,
    complete: bool,
}

impl Sent {
    /// The status that was sent. A client that left before its response began has 499, as in
    /// nginx's logs; nothing was sent then.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Bytes of the content that left, in the coding in which they were sent, without the framing
    /// of chunks.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// From the first byte of the request, as far as it waited for its rest, until the last byte of
    /// the response.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Whether all of the response left. If not, its client, its body or a deadline broke it off.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// A client that left before its response began. No standard defines it; logs have called it so
/// since nginx does.
const CLIENT_LEFT: u16 = 499;

type Callback = Box<dyn FnOnce(&Sent) + Send>;

/// Who is to be told, and since when the exchange lasts.
pub(crate) struct SentCallbacks {
    callbacks: Vec<Guarded<Callback>>,
    started_at: Instant,
}

impl Response {
    /// Calls `tell` once, when the last byte of this response is with the kernel, or when its
    /// connection ends before that. A response that another one replaces, a failed handler's by its
    /// error handler for instance, hands its callbacks on.
    ///
    /// It runs on the event loop. An after hook that registers it sees every response of its
    /// router; what it needs of the request it copies.
    ///
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use wirelight::{App, Request, Response};
    ///
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let (mut app, lines) = (App::new(), log.clone());
    /// app.after(move |req: &Request, response: &mut Response| {
    ///     let (path, lines) = (req.path().to_owned(), lines.clone());
    ///     response.on_sent(move |sent| lines.lock().unwrap().push((path, sent.status().as_u16(), sent.bytes())));
    /// });
    /// app.get("/hello", |_| "Hello!");
    /// app.test().get("/hello").send();
    /// assert_eq!(*log.lock().unwrap(), [("/hello".to_owned(), 200, 6)]);
    /// ```
    pub fn on_sent(&mut self, tell: impl FnOnce(&Sent) + Send + 'static) {
        let callback = Guarded::new(Box::new(tell) as Callback);
        let on_sent = self
            .on_sent_mut()
            .get_or_insert_with(|| Box::new(SentCallbacks { callbacks: Vec::new(), started_at: Instant::now() }));
        on_sent.callbacks.push(callback);
    }
}

impl SentCallbacks {
    /// Adds the callbacks of a response that replaces another one to those that it had.
    pub(crate) fn merge(
        earlier: Option<Box<SentCallbacks>>,
        later: Option<Box<SentCallbacks>>,
    ) -> Option<Box<SentCallbacks>> {
        match (earlier, later) {
            (Some(mut earlier), Some(mut later)) => {
                earlier.callbacks.append(&mut later.callbacks);
                earlier.started_at = earlier.started_at.min(later.started_at);
                Some(earlier)
            }
            (earlier, later) => earlier.or(later),
        }
    }

    /// The exchange lasts since then already.
    pub(crate) fn started_at(&mut self, began: Instant) {
        self.started_at = self.started_at.min(began);
    }

    /// Tells all. A callback that panics does not keep the others from being told.
    pub(crate) fn notify(mut self, status: StatusCode, bytes: u64, complete: bool) {
        let sent = Sent { status, bytes, duration: self.started_at.elapsed(), complete };
        for mut callback in self.callbacks.drain(..) {
            let Some(callback) = callback.take() else { continue };
            if let Err(panicked) = catch(|| callback(&sent)) {
                error!("a callback of on_sent {panicked}");
            }
        }
    }

    /// Tells all that the client left before its response began.
    pub(crate) fn notify_client_left(self) {
        self.notify(StatusCode::from_u16(CLIENT_LEFT).unwrap_or_default(), 0, false);
    }
}

impl std::fmt::Debug for SentCallbacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnSent")
    }
}
