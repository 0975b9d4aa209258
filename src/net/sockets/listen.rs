//! From an address to a listening socket, one step a function: socket, options, bind, listen; accepts nothing.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use log::Level;
use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

/// Connections that the kernel keeps for us until we accept them. mio's own bind asks for 128, which a burst overflows:
/// clients then wait a second for the next SYN.
pub(crate) const BACKLOG: i32 = 4096;

/// Bytes that may wait in the kernel without having been sent: twice what is written at once.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 * 1024;

/// A dead peer is noticed after about this long, also by connections that wait for nothing.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// The first three of the ten steps, told at `level`: the first listener's are news, those of the workers behind it repeat them.
/// `shared`: every worker has a listener of its own on the same address (SO_REUSEPORT), and the kernel deals the connections out.
pub(crate) fn listener(address: SocketAddr, shared: bool, level: Level) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    report!(level, "step 1, socket: a TCP socket for {address}");
    set_options(&socket, shared)?;
    bind(&socket, address)?;
    report!(level, "step 2, bind: {}", bound(&socket, address));
    listen(&socket)?;
    report!(level, "step 3, listen: up to {BACKLOG} connections may wait to be accepted");
    Ok(TcpListener::from_std(socket.into()))
}

/// The same three steps for a socket that is a file. One that a dead server left behind is replaced; one on which somebody answers,
/// and a file of any other kind, is not.
pub(crate) fn unix_listener(path: &Path) -> io::Result<UnixListener> {
    remove_stale_socket(path)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    info!("step 1, socket: a unix socket for {}", path.display());
    socket.bind(&SockAddr::unix(path)?)?;
    info!("step 2, bind: {}", path.display());
    listen(&socket)?;
    info!("step 3, listen: up to {BACKLOG} connections may wait to be accepted");
    Ok(UnixListener::from_std(socket.into()))
}

/// Unlike a port, the name of a socket outlives its server.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    let kind = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?.file_type(),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "a file is there that is no socket"));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Ok(_) => Err(ErrorKind::AddrInUse.into()),
        Err(error) => Err(error),
    }
}

/// Takes the name away, so that nobody else comes. Another worker may have done so already.
pub(crate) fn remove_file(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => warn!("cannot remove {}: {error}", path.display()),
        _ => {}
    }
}

/// Makes the kernel drop what arrives for this listener: connections that it has completed stay in the queue, new ones do not get
/// in. Without it, whoever connects between our last accept and the close has sent a request that the close resets.
#[cfg(target_os = "linux")]
pub(crate) fn reject_new(listener: &TcpListener) {
    /// BPF's "return": 0 bytes of the packet pass.
    const RETURN: u16 = 0x06;
    let nothing_passes = [socket2::SockFilter::new(RETURN, 0, 0, 0)];
    if let Err(error) = socket2::SockRef::from(listener).attach_filter(&nothing_passes) {
        debug!("the queue stays open until it is closed: {error}");
    }
}

/// Only Linux has it; elsewhere the gap is some microseconds wide.
#[cfg(not(target_os = "linux"))]
pub(crate) fn reject_new(_: &TcpListener) {}

/// Fails when somebody else has the address. SO_REUSEPORT alone would let a second server of the same user take half of the
/// connections without a word.
pub(crate) fn ensure_free(address: SocketAddr) -> io::Result<()> {
    let socket = socket(address)?;
    socket.set_reuse_address(true)?;
    bind(&socket, address)
}

/// Step 1: ask the kernel for an endpoint.
fn socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
}

/// What accepted connections inherit costs no call for each of them: NODELAY and keep-alive probes are set here, once.
fn set_options(socket: &Socket, shared: bool) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    // Without it, the address is taken for a minute after a restart (TIME_WAIT).
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    // Nagle's algorithm and delayed acknowledgements together cost 40 ms an answer.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    limit_unsent(socket)
}

/// What the kernel takes from us for a client that does not read. Without a limit it is up to 4 MiB a connection, and a client that
/// pipelines and never reads has 30,000 requests answered into it.
#[cfg(target_os = "linux")]
fn limit_unsent(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_notsent_lowat(UNSENT)
}

#[cfg(not(target_os = "linux"))]
fn limit_unsent(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// Step 2: give it its address.
fn bind(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.bind(&address.into())
}

/// The address with the port that the kernel chose where 0 was asked for.
fn bound(socket: &Socket, asked: SocketAddr) -> SocketAddr {
    socket.local_addr().ok().and_then(|address| address.as_socket()).unwrap_or(asked)
}

/// Step 3: let clients connect. From here on the kernel completes handshakes for us.
fn listen(socket: &Socket) -> io::Result<()> {
    socket.listen(BACKLOG)
}
