//! What every peer shares: its settings from the environment, and its listening socket.
#![cfg(feature = "peer")]

use std::env;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Largest body that `/buffered` collects.
pub const MAX_BUFFERED: usize = 4 << 20;

fn number(name: &str, default: u16) -> u16 {
    env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

pub fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], number("PORT", 8000)))
}

pub fn workers() -> usize {
    number("WORKERS", 1).into()
}

/// The folder behind `/files`.
pub fn files() -> String {
    env::var("FILES").unwrap_or_else(|_| ".".to_owned())
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
