//! Opens listening sockets, one step a function: socket, options, bind, listen.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use log::Level;
use mio::net::{TcpListener, UnixListener};
use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

/// Length of the accept queue. mio's own bind asks for 128, which a burst overflows: clients then
/// wait a second for the next SYN.
pub(crate) const BACKLOG: i32 = 4096;

/// Unsent bytes that the kernel buffers a socket: twice the size of a write.
#[cfg(target_os = "linux")]
pub(crate) const MAX_UNSENT: u32 = 128 * 1024;

/// Idle time before the kernel probes a peer.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Steps 1 to 3, logged at `level`. `shared`: each worker has a listener of its own on this address
/// (SO_REUSEPORT), and the kernel distributes connections.
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

/// Steps 1 to 3 for a unix socket. Replaces the socket of a dead server, but not one that answers,
/// nor a file of another kind.
pub(crate) fn unix_listener(path: &Path) -> io::Result<UnixListener> {
    if path.as_os_str().is_empty() {
        // Linux would choose an abstract name, which no client knows (unix(7)).
        return Err(io::Error::new(ErrorKind::InvalidInput, "the path is empty"));
    }
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

/// The name of a socket outlives its server, unlike a port.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    let kind = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        found => found?.file_type(),
    };
    if !kind.is_socket() {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "the path exists and is not a socket"));
    }
    let client = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    client.set_nonblocking(true)?; // a server whose queue is full would be waited for
    match client.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path),
        Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}

/// Makes the kernel prefer this listener, among those that share its address, for clients whose
/// packets this CPU receives (SO_INCOMING_CPU).
#[cfg(target_os = "linux")]
pub(crate) fn set_incoming_cpu(listener: &TcpListener, cpu: usize) -> io::Result<()> {
    socket2::SockRef::from(listener).set_cpu_affinity(cpu)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn set_incoming_cpu(_: &TcpListener, _: usize) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "SO_INCOMING_CPU is an option of Linux"))
}

/// The name of a unix socket, and the file that it names.
#[derive(Clone)]
pub(crate) struct SocketFile {
    path: PathBuf,
    id: Option<FileId>,
}

/// Device and inode of a file, and when it was created: inodes are used again.
type FileId = (u64, u64, Option<SystemTime>);

impl SocketFile {
    pub(crate) fn new(path: &Path) -> SocketFile {
        SocketFile { path: path.to_owned(), id: file_id(path) }
    }

    /// Removes the name, so that no client connects. Another worker may have done so, and another
    /// server may have taken the name since.
    pub(crate) fn remove(&self) {
        if self.id.is_some()
            && self.id == file_id(&self.path)
            && let Err(error) = std::fs::remove_file(&self.path)
            && error.kind() != ErrorKind::NotFound
        {
            warn!("cannot remove {}: {error}", self.path.display());
        }
    }
}

fn file_id(path: &Path) -> Option<FileId> {
    let metadata = std::fs::symlink_metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino(), metadata.created().ok()))
}

/// Makes the kernel drop new connections; those in the accept queue stay. Without it, a client that
/// connects between the last accept and the close is reset.
#[cfg(target_os = "linux")]
pub(crate) fn reject_new(listener: &TcpListener) {
    /// BPF's "return": 0 bytes of the packet pass.
    const RETURN: u16 = 0x06;
    let nothing_passes = [socket2::SockFilter::new(RETURN, 0, 0, 0)];
    if let Err(error) = socket2::SockRef::from(listener).attach_filter(&nothing_passes) {
        debug!("the queue stays open until it is closed: {error}");
    }
}

/// Linux only; elsewhere the gap is some microseconds.
#[cfg(not(target_os = "linux"))]
pub(crate) fn reject_new(_: &TcpListener) {}

/// Fails if the address is in use. SO_REUSEPORT alone would let a second server of the same user
/// take half of the connections silently.
pub(crate) fn ensure_free(address: SocketAddr) -> io::Result<()> {
    let socket = socket(address)?;
    socket.set_reuse_address(true)?;
    bind(&socket, address)
}

/// Step 1: asks the kernel for a socket.
fn socket(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))
}

/// Sets options.
fn set_options(socket: &Socket, shared: bool) -> io::Result<()> {
    // Otherwise the address is in use for a minute after a restart (TIME_WAIT).
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    set_connection_options(socket)
}

/// Sets the options of connections. Accepted sockets inherit them from their listener, which saves
/// calls.
pub(crate) fn set_connection_options(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    // Nagle's algorithm with delayed acknowledgements costs 40 ms a response.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
    limit_unsent(socket)
}

/// Limits what the kernel buffers for a client that does not read: up to 4 MiB otherwise, 30,000
/// pipelined responses.
#[cfg(target_os = "linux")]
fn limit_unsent(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_notsent_lowat(MAX_UNSENT)
}

#[cfg(not(target_os = "linux"))]
fn limit_unsent(_: &Socket) -> io::Result<()> {
    Ok(())
}

/// Step 2: gives it its address.
fn bind(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.bind(&address.into())
}

/// Returns the address with the port that the kernel chose for 0.
fn bound(socket: &Socket, asked: SocketAddr) -> SocketAddr {
    socket.local_addr().ok().and_then(|address| address.as_socket()).unwrap_or(asked)
}

/// Step 3: lets clients connect. From here the kernel completes handshakes.
pub(crate) fn listen(socket: &Socket) -> io::Result<()> {
    socket.listen(BACKLOG)
}
