//! Listening and connected sockets, with and without TLS.

pub(crate) mod listen;
pub(crate) mod listeners;
pub(crate) mod raw_stream;
pub(crate) mod socket;
pub(crate) mod stream;
#[cfg(feature = "tls")]
pub(crate) mod tls;
#[cfg(not(feature = "tls"))]
pub(crate) mod tls_disabled;

#[cfg(not(feature = "tls"))]
pub(crate) use tls_disabled as tls;
