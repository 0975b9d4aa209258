//! What every peer shares: its settings from the environment, and its listening socket.
#![cfg(feature = "peer")]

use std::env;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Largest body that `/buffered` collects.
pub const MAX_BUFFERED: usize = 4 << 20;

/// How long a connection may idle, where the default is shorter than the row `idle` takes.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

fn number(name: &str, default: u16) -> u16 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

pub fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], number("PORT", 8000)))
}

pub fn workers() -> usize {
    number("WORKERS", 1).into()
}

/// Returns the folder that `/files` serves.
pub fn files() -> String {
    env::var("FILES").unwrap_or_else(|_| ".".to_owned())
}

/// A variable that a row sets.
pub fn variable(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// The routes of the row `router`.
pub fn routes() -> u16 {
    number("ROUTES", 0)
}

/// TLS, where the row asks for it: with ring, and sessions that can be resumed.
#[cfg(feature = "rustls")]
pub fn tls() -> Option<rustls::ServerConfig> {
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let chain = CertificateDer::pem_file_iter(variable("CERTIFICATE")?).expect("a certificate");
    let chain = chain.collect::<Result<_, _>>().expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(variable("KEY")?).expect("a key");
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ServerConfig::builder_with_provider(provider.into()).with_safe_default_protocol_versions();
    let config = config.expect("versions").with_no_client_auth().with_single_cert(chain, key);
    Some(config.expect("a pair"))
}

/// Each worker may have its own listener on the address.
pub fn listener() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("SO_REUSEADDR");
    socket.set_reuse_port(true).expect("SO_REUSEPORT");
    socket.set_nonblocking(true).expect("O_NONBLOCK");
    socket.bind(&address().into()).expect("a free port");
    socket.listen(4096).expect("to listen");
    socket.into()
}
