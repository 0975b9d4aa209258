//! How many clients wait in the kernel to be accepted: asked over netlink, which only Linux has; decides nothing.
//!
//! `TCP_INFO` says it too, but no crate of ours reads that without unsafe code. A netlink socket is a socket: bytes in, bytes out
//! (sock_diag(7)). To ask takes two calls and some 10 µs, so it is asked only for who watches.

use std::cell::OnceCell;
use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;

use socket2::{Domain, Protocol, Socket, Type};

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;
const AF_NETLINK: i32 = 16;
const NETLINK_SOCK_DIAG: i32 = 4;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// A request, and all answers to it.
const REQUEST_DUMP: u16 = 0x301;
const TCP: u8 = 6;
/// The set of states with one in it: TCP_LISTEN.
const LISTENING: u32 = 1 << 10;
/// Of a message's header, `struct nlmsghdr`.
const HEADER: usize = 16;
/// Of the question behind it, `struct inet_diag_req_v2`.
const QUESTION: usize = 56;
/// Where in an answer, `struct inet_diag_msg`, the queue's length stands, and the socket's inode.
const LENGTH: usize = HEADER + 56;
const INODE: usize = HEADER + 68;

/// The way to the kernel's table of sockets, opened when somebody asks.
#[derive(Default)]
pub(crate) struct Queues(OnceCell<Option<Socket>>);

impl Queues {
    /// The clients that wait at this listener. None: the system does not tell, or does not let us ask.
    pub(crate) fn length(&self, listener: RawFd, address: SocketAddr) -> Option<u32> {
        let inode = fs::metadata(format!("/proc/self/fd/{listener}")).ok()?.ino(); // here other systems say goodbye
        let socket = self.0.get_or_init(|| open().ok()).as_ref()?;
        socket.send(&question(address)).ok()?;
        let (mut buffer, mut found) = ([0; 8192], None);
        loop {
            let n = (&*socket).read(&mut buffer).ok()?;
            let mut left = buffer.get(..n)?;
            while let Some(length) = word(left, 0) {
                if u16::from_ne_bytes(left.get(4..6)?.try_into().ok()?) != SOCK_DIAG_BY_FAMILY {
                    return found; // the end, or an error
                }
                if word(left, INODE).map(u64::from) == Some(inode) {
                    found = word(left, LENGTH);
                }
                left = left.get((length as usize).next_multiple_of(4).max(HEADER)..).unwrap_or_default();
            }
        }
    }
}

/// The kernel answers before `send` returns: there is nothing to wait for.
fn open() -> io::Result<Socket> {
    let socket = Socket::new(Domain::from(AF_NETLINK), Type::DGRAM, Some(Protocol::from(NETLINK_SOCK_DIAG)))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// All TCP sockets that listen on this port: several workers have one each.
fn question(address: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER + QUESTION);
    bytes.extend(((HEADER + QUESTION) as u32).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([if address.is_ipv4() { AF_INET } else { AF_INET6 }, TCP, 0, 0]);
    bytes.extend(LISTENING.to_ne_bytes());
    bytes.extend(address.port().to_be_bytes());
    bytes.resize(HEADER + QUESTION, 0);
    bytes
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn the_kernel_tells_who_waits() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let (address, queues) = (listener.local_addr().unwrap(), Queues::default());
            let length = || queues.length(listener.as_raw_fd(), address);
            if length().is_none() {
                println!("skipped: no netlink here");
                continue;
            }
            let clients: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
            assert_eq!(length(), Some(3));
            let accepted = listener.accept().unwrap();
            assert_eq!(length(), Some(2));
            drop((clients, accepted));
            let other = TcpListener::bind("127.0.0.1:0").unwrap();
            assert_eq!(queues.length(other.as_raw_fd(), address), None, "another socket's port");
        }
    }
}
