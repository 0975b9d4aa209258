//! Calls back when a response was sent or its connection is gone.

use std::time::{Duration, Instant};

use crate::http1::status::StatusCode;
use crate::panics::{Guarded, catch};
use crate::response::Response;

/// What was sent of a response, from [`Response::on_sent`]: bytes that the kernel accepted.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    status: StatusCode,
    bytes: u64,
    duration: Duration,
    complete: bool,
}

impl Sent {
    /// Returns the status. It is 499, as in nginx's logs, if the client left before the response
    /// began; then nothing was sent.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the bytes of content that were sent, after content coding and without chunk framing.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the time from the first byte of the request, if it arrived in parts, until the last
    /// byte of the response.
    pub fn duration(&self) -> Duration {
        self.duration
    }

    /// Returns whether the whole response was sent. If not, the client, the body's source or a
    /// timeout ended it.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

/// nginx's non-standard status for a client that left before its response began.
const CLIENT_LEFT: u16 = 499;

type Callback = Box<dyn FnOnce(&Sent) + Send>;

/// The callbacks of a response, and when its request began.
pub(crate) struct SentCallbacks {
    callbacks: Vec<Guarded<Callback>>,
    started_at: Instant,
}

impl Response {
    /// Calls `tell` once, when the last byte of this response was passed to the kernel, or when its
    /// connection ends before that. If another response replaces this one, as that of an error
    /// handler does, it keeps the callbacks.
    ///
    /// The callback runs on the event loop. An after hook that registers it sees every response of
    /// its router. It has to copy what it needs of the request.
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

    /// Sets when the request began, for the callbacks, if that is earlier than they know.
    #[inline]
    pub(crate) fn measure_from(&mut self, began: Option<Instant>) {
        if let (Some(on_sent), Some(began)) = (self.on_sent_mut(), began) {
            on_sent.started_at = on_sent.started_at.min(began);
        }
    }
}

impl SentCallbacks {
    /// Joins the callbacks of a response and of the one that replaces it.
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

    /// Runs all callbacks, even if one panics.
    pub(crate) fn notify(mut self, status: StatusCode, bytes: u64, complete: bool) {
        let sent = Sent { status, bytes, duration: self.started_at.elapsed(), complete };
        for mut callback in self.callbacks.drain(..) {
            let Some(callback) = callback.take() else { continue };
            if let Err(panicked) = catch(|| callback(&sent)) {
                error!("a callback of on_sent {panicked}");
            }
        }
    }

    /// Runs all callbacks for a client that left before its response began.
    pub(crate) fn notify_client_left(self) {
        self.notify(StatusCode::from_u16(CLIENT_LEFT).unwrap_or_default(), 0, false);
    }
}

impl std::fmt::Debug for SentCallbacks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnSent")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::app::App;

    #[test]
    fn the_time_begins_with_the_first_byte_of_a_request_in_parts() {
        for hooked in [false, true] {
            let durations = Arc::new(Mutex::new(Vec::new()));
            let (mut app, record) = (App::new(), durations.clone());
            app.get("/", move |_| {
                let (mut response, record) = (Response::default(), record.clone());
                response.on_sent(move |sent| record.lock().unwrap().push(sent.duration()));
                response
            });
            if hooked {
                app.after(|_, _| {});
            }
            let client = app.test();
            let mut connection = client.connect();
            connection.send(b"GET / HTTP/1.1\r\n");
            connection.advance(Duration::from_secs(5));
            connection.send(b"Host: a\r\n\r\n");
            let durations = durations.lock().unwrap();
            assert!(matches!(durations[..], [duration] if duration.as_secs() == 5), "{hooked}: {durations:?}");
        }
    }
}
