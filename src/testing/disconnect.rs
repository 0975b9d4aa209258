//! Closes the client's side of a test connection, or both.

use super::TestConnection;
use super::trace::WakeReason;

impl TestConnection<'_> {
    /// Delivers the client's FIN.
    pub fn half_close(&mut self) {
        if self.over {
            return;
        }
        self.conn.socket().fin = true;
        self.conn.mark_half_closed();
        self.wake(WakeReason::Ready);
    }

    /// Closes the connection in both directions: the server's writes fail from now on.
    /// [`half_close`](Self::half_close) only ends what the client sends.
    ///
    /// ```
    /// let mut app = wirelight::App::new();
    /// app.get("/", |_| {
    ///     let (sender, response) = wirelight::stream(100);
    ///     std::mem::forget(sender); // never sends, never ends
    ///     response
    /// });
    /// let client = app.test();
    /// let mut connection = client.connect();
    /// connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// connection.half_close();
    /// assert!(!connection.is_over(), "the client may still read");
    /// connection.disconnect();
    /// assert!(connection.is_over());
    /// ```
    pub fn disconnect(&mut self) {
        if self.over {
            return;
        }
        self.conn.socket().closed = true;
        self.conn.mark_half_closed();
        self.conn.mark_lost();
        self.wake(WakeReason::Ready);
    }

    /// Delivers bytes and the client's FIN together.
    #[cfg(test)]
    pub(crate) fn send_and_half_close(&mut self, bytes: &[u8]) {
        self.conn.socket().incoming.extend_from_slice(bytes);
        self.half_close();
    }

    /// Closes both directions without a readiness event for the server.
    #[cfg(test)]
    pub(crate) fn lose_silently(&mut self) {
        self.conn.socket().closed = true;
    }
}
