//! A response body that other threads write while it is sent.

use std::io::{self, Write};
use std::sync::Arc;

use super::Response;
use super::body_source::{BodySource, Pull, Wake};
use super::pipe::Pipe;
use crate::http1::status::StatusCode;

/// Returns a sender and a response whose body is what the sender sends, from any thread, while the
/// client reads it. At most `bound` bytes wait for the client (and 64 KiB more in the connection);
/// then [`Sender::send`] waits.
///
/// Return the response before sending more than `bound` bytes: nothing is read from the stream
/// before the handler returns. Dropping the sender ends the body. An idle stream costs a few
/// hundred bytes and no thread.
///
/// ```
/// use wirelight::App;
///
/// let mut app = App::new();
/// app.get("/count", |_| {
///     let (sender, response) = wirelight::stream(16 * 1024);
///     std::thread::spawn(move || {
///         (0..3).try_for_each(|n| sender.send(format!("{n}\n"))) // an error: the client has left
///     });
///     response
/// });
/// let raw = app.test().raw(b"GET /count HTTP/1.0\r\n\r\n");
/// assert!(raw.ends_with(b"\r\n\r\n0\n1\n2\n"));
/// ```
pub fn stream(bound: usize) -> (Sender, Response) {
    let pipe = Pipe::new(bound.max(1));
    let mut response = Response::new(StatusCode::OK);
    response.set_source(Receiver(pipe.clone()), None);
    (Sender(pipe), response)
}

/// Sends the body of a [`stream`]. Dropping it ends the body; if a panic drops it, the connection
/// is aborted, as by [`abort`](Sender::abort).
pub struct Sender(Arc<Pipe>);

impl Sender {
    /// Sends bytes; waits while the stream is full.
    ///
    /// # Errors
    /// [`BrokenPipe`](io::ErrorKind::BrokenPipe) if the client has left: stop sending.
    pub fn send(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.write_all(bytes.as_ref())
    }

    /// Sends all bytes or none, and never waits. More than `bound` bytes are accepted if the stream
    /// is empty.
    ///
    /// # Errors
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is no room, and as
    /// [`send`](Sender::send).
    pub fn try_send(&self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.0.try_write(bytes.as_ref())
    }

    /// Returns whether the client has left.
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// Aborts the connection, so that the client does not take the body as complete. Logs the
    /// reason.
    pub fn abort(self, reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) {
        self.0.end(Some(io::Error::other(reason)));
    }
}

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.send(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.end(std::thread::panicking().then(|| io::Error::other("its producer panicked")));
    }
}

/// The connection's end.
struct Receiver(Arc<Pipe>);

impl BodySource for Receiver {
    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull> {
        self.0.pull(out, room)
    }

    fn attach(&mut self, wake: Wake) {
        self.0.set_wake(wake);
    }

    #[cfg(feature = "gzip")]
    fn is_push(&self) -> bool {
        true
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::sync::Mutex;

    use super::*;
    use crate::App;

    const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    /// Returns an application whose only response is a stream, and access to its sender.
    fn app(bound: usize) -> (App, Arc<Mutex<Option<Sender>>>) {
        let (mut app, place) = (App::new(), Arc::new(Mutex::new(None)));
        let other = place.clone();
        app.get("/", move |_| {
            let (sender, response) = stream(bound);
            *other.lock().unwrap() = Some(sender);
            response
        });
        (app, place)
    }

    fn take(place: &Mutex<Option<Sender>>) -> Sender {
        place.lock().unwrap().take().unwrap()
    }

    #[test]
    fn what_is_sent_comes_as_chunks_and_the_drop_ends_it() {
        let (app, place) = app(100);
        let client = app.test();
        let mut connection = client.connect();
        connection.send(GET);
        assert!(connection.take_received().ends_with(b"Transfer-Encoding: chunked\r\n\r\n"));
        let sender = take(&place);
        sender.send("one").unwrap();
        assert_eq!(connection.take_received(), b"3\r\none\r\n");
        sender.send("").unwrap();
        assert_eq!(connection.take_received(), b"");
        sender.send("two").unwrap();
        sender.send("three").unwrap();
        drop(sender);
        assert_eq!(connection.take_received(), b"8\r\ntwothree\r\n0\r\n\r\n");
        connection.send(GET);
        assert!(connection.received().starts_with(b"HTTP/1.1 200 OK\r\n"), "the connection goes on");
    }

    #[test]
    fn nothing_is_sent_beyond_the_bound_until_the_client_reads() {
        let (app, place) = app(10);
        let client = app.test();
        let mut connection = client.connect();
        connection.set_write_capacity(0);
        connection.send(GET);
        let sender = take(&place);
        sender.try_send("0123456789").unwrap();
        assert_eq!(sender.try_send("x").unwrap_err().kind(), ErrorKind::WouldBlock);
        connection.set_write_capacity(usize::MAX);
        assert!(connection.received().ends_with(b"a\r\n0123456789\r\n"));
        sender.try_send("more than the bound, at once").unwrap();
        assert!(connection.received().ends_with(b"more than the bound, at once\r\n"));
    }

    /// The producer's thread waits in `send`; it continues each time the connection takes
    /// the bytes.
    #[test]
    fn a_blocked_producer_goes_on_as_the_client_reads() {
        let (app, place) = app(7);
        let text: String = (0..1000).map(|n| format!("{n},")).collect();
        let (sent, producer) = (text.clone(), place.clone());
        let reply = std::thread::scope(|scope| {
            scope.spawn(move || {
                let sender = loop {
                    if let Some(sender) = producer.lock().unwrap().take() {
                        break sender;
                    }
                    std::thread::yield_now();
                };
                sender.send(sent).unwrap();
            });
            app.test().raw(b"GET / HTTP/1.0\r\n\r\n")
        });
        assert!(reply.ends_with(format!("\r\n\r\n{text}").as_bytes()));
    }

    #[test]
    fn a_client_that_leaves_is_told_to_the_producer() {
        let (app, place) = app(10);
        let client = app.test();
        let mut connection = client.connect();
        connection.send(GET);
        let sender = take(&place);
        assert!(!sender.is_closed());
        connection.disconnect();
        assert!(connection.is_over());
        drop(connection);
        assert!(sender.is_closed());
        assert_eq!(sender.send("x").unwrap_err().kind(), ErrorKind::BrokenPipe);
    }

    /// RFC 9112 §9.6: a FIN means that the client stops sending, not that it stops reading.
    #[test]
    fn a_client_that_half_closes_gets_the_whole_answer() {
        let (app, place) = app(100);
        for early in [false, true] {
            let client = app.test();
            let mut connection = client.connect();
            if early {
                connection.send_and_half_close(GET);
            } else {
                connection.send(GET);
                connection.half_close();
            }
            let sender = take(&place);
            sender.send("one").unwrap();
            assert!(connection.received().ends_with(b"\r\n\r\n3\r\none\r\n"));
            sender.send("two").unwrap();
            drop(sender);
            assert!(connection.received().ends_with(b"3\r\ntwo\r\n0\r\n\r\n"));
            assert!(connection.is_over() && !connection.is_reset());
        }
    }

    #[test]
    fn a_client_that_is_gone_is_found_by_a_write() {
        let (app, place) = app(100);
        let client = app.test();
        let mut connection = client.connect();
        connection.send(GET);
        connection.half_close();
        let sender = take(&place);
        connection.lose_silently();
        sender.send("x").unwrap();
        connection.received();
        assert!(connection.is_over());
        drop(connection);
        assert!(sender.is_closed());
    }

    #[test]
    fn the_body_of_a_response_to_head_is_not_produced() {
        let (app, place) = app(10);
        let client = app.test();
        let mut connection = client.connect();
        connection.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(take(&place).is_closed());
        assert!(connection.take_received().ends_with(b"chunked\r\n\r\n"));
        connection.send(GET);
        assert!(connection.received().ends_with(b"chunked\r\n\r\n"));
    }

    #[test]
    fn an_abort_cuts_the_connection() {
        let (app, place) = app(10);
        let client = app.test();
        let mut connection = client.connect();
        connection.send(GET);
        let sender = take(&place);
        sender.send("half").unwrap();
        sender.abort("the database is gone");
        assert!(connection.received().ends_with(b"4\r\nhalf\r\n"), "no last chunk");
        assert!(connection.is_over() && connection.is_reset());
    }

    #[test]
    fn a_producer_that_panics_does_not_end_the_body_well() {
        let (app, place) = app(10);
        let client = app.test();
        let mut connection = client.connect();
        connection.send(GET);
        let sender = take(&place);
        let panicked = std::thread::spawn(move || {
            let _sender = sender;
            std::panic::resume_unwind(Box::new(())); // without the message of a panic
        });
        assert!(panicked.join().is_err());
        assert!(connection.received().ends_with(b"\r\n\r\n"));
        assert!(connection.is_reset());
    }
}
