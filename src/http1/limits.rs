//! How much of a message we are willing to read: sizes and counts only, no times (those are the network's).

/// Bounds on what one request may contain, and all bodies together. Every bound has a [`Fault`](crate::Fault) that answers its breach.
///
/// ```
/// let limits = wirelight::Limits { body: 64 * 1024, ..wirelight::Limits::default() };
/// assert_eq!(limits.head, 16 * 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole head, request line included; 431 beyond it. Node and Caddy chose 16 KiB, nginx 32 KiB, hyper about 400 KiB
    /// (which, times the connections, is a memory bomb).
    pub head: usize,
    /// Bytes of a request line; 414 beyond it. nginx chose 8 KiB, and RFC 9112 §3 asks for at least 8,000.
    pub request_line: usize,
    /// Field lines in one head; 431 beyond it. hyper, h2o and haproxy chose 100, nginx bounds only the bytes.
    pub fields: usize,
    /// Bytes of a request body after decoding; 413 beyond it. nginx chose 1 MiB, axum and actix 2 MB. A route may differ.
    pub body: u64,
    /// Bytes of the bodies of all requests that a worker holds in memory at the same time; 503 with Retry-After beyond it, to the request
    /// that would grow. A request that is alone is bounded by `body` only. nginx spools bodies to disk, and so has no such bound.
    pub bodies: u64,
    /// Bytes of the extensions of one chunk; 400 beyond it (RFC 9112 §7.1.1; CVE-2023-39326).
    pub chunk_extension: usize,
    /// Bytes of the extensions of all chunks of one body together; 400 beyond it.
    pub chunk_extensions: usize,
    /// Bytes of a trailer section, which is read, checked and dropped; 431 beyond it.
    pub trailers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            head: 16 * 1024,
            request_line: 8 * 1024,
            fields: 100,
            body: 1024 * 1024,
            bodies: 256 * 1024 * 1024,
            chunk_extension: 256,
            chunk_extensions: 16 * 1024,
            trailers: 4 * 1024,
        }
    }
}
