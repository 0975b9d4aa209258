//! How the client of a test leaves: it sends no more, or it is gone; decides not what the server makes of it.

use super::TestConnection;
use super::watch::Work;

impl TestConnection<'_> {
    /// Delivers the client's FIN.
    pub fn half_close(&mut self) {
        if self.over {
            return;
        }
        self.conn.socket().fin = true;
        self.conn.mark_readable(true);
        self.work(Work::Turn);
    }

    /// Closes the connection in both directions, as the kernel reports it of a client that is gone: what the server writes from now on
    /// fails. A client that only sends no more does [`half_close`](Self::half_close).
    ///
    /// ```
    /// let mut app = wirelight::App::new();
    /// app.get("/", |_| {
    ///     let (sender, response) = wirelight::stream(100);
    ///     std::mem::forget(sender); // silent, and never over
    ///     response
    /// });
    /// let client = app.test();
    /// let mut connection = client.connect();
    /// connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    /// connection.half_close();
    /// assert!(!connection.is_over(), "a client that sends no more may still read");
    /// connection.disconnect();
    /// assert!(connection.is_over());
    /// ```
    pub fn disconnect(&mut self) {
        if self.over {
            return;
        }
        self.conn.socket().gone = true;
        self.conn.mark_readable(true);
        self.conn.mark_lost();
        self.work(Work::Turn);
    }

    /// Delivers bytes and the client's FIN together.
    #[cfg(test)]
    pub(crate) fn half_close_behind(&mut self, bytes: &[u8]) {
        self.conn.socket().incoming.extend_from_slice(bytes);
        self.half_close();
    }

    /// The client is gone, and nothing has told the server.
    #[cfg(test)]
    pub(crate) fn lose_silently(&mut self) {
        self.conn.socket().gone = true;
    }
}
