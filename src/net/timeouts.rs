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
    /// For a whole head, from its first byte; for a new connection's first byte too. 408 after it. h2o chose 10 s, nginx 60 s.
    pub head: Duration,
    /// For the next bytes of a body. 408 after it.
    pub body_idle: Duration,
    /// For the next bytes of an answer to leave. The connection is reset after it.
    pub write_idle: Duration,
    /// The least bytes a second at which a body must arrive after the grace; 408 below it. Counted at the socket, under TLS too. A
    /// fast start saves up for one `body_idle` at most. Read timeouts alone let 860 of 1,000 slow senders stay for ever.
    pub body_rate: u64,
    /// How long a body may be slower than that.
    pub body_grace: Duration,
    /// The least bytes a second at which a client must read after the grace; reset below it. A fast start saves up for one
    /// `write_idle` at most.
    pub write_rate: u64,
    /// How long a client may read slower than that.
    pub write_grace: Duration,
    /// Between two requests. Node chose 5 s, nginx 75 s.
    pub keep_alive: Duration,
    /// Between two requests, when over three quarters of the connections are taken.
    pub keep_alive_near_limit: Duration,
    /// How long a connection is kept at most; the next answer then says `Connection: close`.
    pub max_age: Duration,
    /// After the server's FIN, for the client's (RFC 9112 §9.6): how long the server reads and discards what a client still sends,
    /// at `body_rate` at least. A client that uploads gets to read an early answer only while the server reads on. nginx chose 30 s.
    pub linger: Duration,
    /// The longest pause of such a client, after which the connection is closed. nginx chose 5 s.
    pub linger_idle: Duration,
    /// On a quiet event stream, until a sign of life. Proxies cut after 60 s of silence.
    pub heartbeat: Duration,
    /// On an upgraded connection, how long a read waits for its client. nginx chose 60 s between two reads of a tunnel.
    pub upgraded_read: Duration,
    /// On an upgraded connection, how long a write waits for room.
    pub upgraded_write: Duration,
    /// At a graceful stop, how long idle connections may still begin a request.
    pub drain_idle: Duration,
    /// At a graceful stop, how long everything may take; the rest is cut.
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
    /// Of a request body.
    pub(crate) fn body_limits(&self) -> TransferLimits {
        TransferLimits { idle: self.body_idle, rate: self.body_rate, grace: self.body_grace }
    }

    /// Of an answer.
    pub(crate) fn write_limits(&self) -> TransferLimits {
        TransferLimits { idle: self.write_idle, rate: self.write_rate, grace: self.write_grace }
    }

    /// Of what a client sends after its last answer.
    pub(crate) fn linger_limits(&self) -> TransferLimits {
        TransferLimits { idle: self.linger_idle, rate: self.body_rate, grace: self.linger_idle }
    }
}
