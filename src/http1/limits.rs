//! Limits on the sizes and counts of a message. Timeouts belong to `net`.

/// The largest number of field lines that [`Limits::fields`] can allow: the parser's table is on the stack.
pub(crate) const MAX_FIELDS: usize = 256;

/// Limits on one request, and on all bodies together. Each has a [`Fault`](crate::Fault) for the request that exceeds it.
///
/// ```
/// let limits = wirelight::Limits { body: 64 * 1024, ..wirelight::Limits::default() };
/// assert_eq!(limits.head, 16 * 1024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a whole head, request line included; 431 beyond it. Node and Caddy chose 16 KiB, nginx 32 KiB,
    /// hyper about 400 KiB (much memory with many connections).
    pub head: usize,
    /// Bytes of a request line; 414 beyond it. nginx chose 8 KiB, and RFC 9112 §3 asks for at least 8,000.
    pub request_line: usize,
    /// Field lines in one head, at most 256; 431 beyond it. hyper, h2o and haproxy chose 100, nginx limits only the bytes.
    pub fields: usize,
    /// Bytes of a request body after decoding; 413 beyond it. nginx chose 1 MiB, axum and actix 2 MB. A
    /// [route](crate::Route::max_body) may differ; a [streaming](crate::Route::streaming) one has no limit but its own.
    pub body: u64,
    /// Bytes of all request bodies that a worker holds in memory at the same time; 503 with Retry-After beyond it,
    /// for the request that would grow. A single request is limited by `body` only. nginx writes bodies to disk, and
    /// has no such limit.
    pub bodies: u64,
    /// Bytes of the extensions of one chunk; 400 beyond it (RFC 9112 §7.1.1, CVE-2023-39326).
    pub chunk_extension: usize,
    /// Bytes of the extensions of all chunks of one body together; 400 beyond it.
    pub chunk_extensions: usize,
    /// Bytes of a trailer section, which is checked and dropped; 431 beyond it.
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
