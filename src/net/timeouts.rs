//! The timeouts of a server, and their defaults.

use std::time::Duration;

use super::transfer::TransferLimits;

/// How long to wait for what. Every one is on by default: an absent deadline is a denial of service.
///
/// ```
/// use std::time::Duration;
/// use wirelight::Timeouts;
///
/// let patient = Timeouts { keep_alive: Duration::from_secs(60), ..Timeouts::default() };
/// assert_eq!(patient.head, Duration::from_secs(10));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a whole head from its first byte; then 408. Also for the first byte of a new connection,
    /// which is then closed without a response. h2o chose 10 s, nginx 60 s.
    pub head: Duration,
    /// For the next bytes of a body; then 408.
    pub body_idle: Duration,
    /// For the next bytes of a response to be sent; then the connection is reset.
    pub write_idle: Duration,
    /// Minimum bytes a second of a body after the grace; below it 408. Counted at the socket, under
    /// TLS too. A fast start saves up for one `body_idle` at most. Read timeouts alone let 860 of
    /// 1,000 slow senders stay forever.
    pub body_rate: u64,
    /// How long a body may be slower.
    pub body_grace: Duration,
    /// Minimum bytes a second that a client must read after the grace; below it the connection is
    /// reset. A fast start saves up for one `write_idle` at most.
    pub write_rate: u64,
    /// How long a client may read slower.
    pub write_grace: Duration,
    /// Between two requests. Node chose 5 s, nginx 75 s.
    pub keep_alive: Duration,
    /// Between two requests, while over three quarters of the connections are in use.
    pub keep_alive_near_limit: Duration,
    /// Maximum age of a connection; the next response then says `Connection: close`.
    pub max_age: Duration,
    /// From the server's FIN to the client's (RFC 9112 §9.6): the server reads and discards input,
    /// at `body_rate` at least, so that a client that still uploads can read an early response.
    /// nginx chose 30 s.
    pub linger: Duration,
    /// The longest pause of such a client. nginx chose 5 s.
    pub linger_idle: Duration,
    /// Between heartbeats on a quiet event stream. Proxies close after 60 s of silence.
    pub heartbeat: Duration,
    /// On an upgraded connection, how long a read waits for its client. nginx chose 60 s between two reads of a tunnel.
    pub upgraded_read: Duration,
    /// On an upgraded connection, how long a write waits.
    pub upgraded_write: Duration,
    /// While draining, how long idle connections may start a request.
    pub drain_idle: Duration,
    /// While draining, for everything; the rest is aborted.
    pub shutdown: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Timeouts {
            head: seconds(10),
            body_idle: seconds(10),
            write_idle: seconds(10),
            body_rate: 500,
            body_grace: seconds(5),
            write_rate: 500,
            write_grace: seconds(10),
            keep_alive: seconds(15),
            keep_alive_near_limit: seconds(5),
            max_age: seconds(3600),
            linger: seconds(30),
            linger_idle: seconds(2),
            heartbeat: seconds(15),
            upgraded_read: seconds(300),
            upgraded_write: seconds(30),
            drain_idle: seconds(2),
            shutdown: seconds(30),
        }
    }
}

impl Timeouts {
    /// Limits of a request body.
    pub(crate) fn body_limits(&self) -> TransferLimits {
        TransferLimits { idle: self.body_idle, rate: self.body_rate, grace: self.body_grace }
    }

    /// Limits of a response.
    pub(crate) fn write_limits(&self) -> TransferLimits {
        TransferLimits { idle: self.write_idle, rate: self.write_rate, grace: self.write_grace }
    }

    /// Limits of input after the last response.
    pub(crate) fn linger_limits(&self) -> TransferLimits {
        TransferLimits { idle: self.linger_idle, rate: self.body_rate, grace: self.linger_idle }
    }
}
