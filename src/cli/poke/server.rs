//! Servers for a lesson that has none to talk to: the library's, and one that makes a mistake; both for this process alone.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use wirelight::{Handle, Server, Timeouts};

use crate::cli::{Failure, lab};

/// A server that lives as long as this value.
pub(super) struct Lab {
    pub(super) address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Lab {
    /// The application of the experiments, with less patience than usual: a lesson should not last.
    pub(super) fn open() -> Result<Lab, Failure> {
        let short = Duration::from_secs(2);
        let timeouts = Timeouts { head: short, body_idle: short, body_grace: short, ..Timeouts::default() };
        let server =
            Server::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::runtime)?.signals(false).timeouts(timeouts);
        let (address, handle) = (server.local_addr(), server.handle());
        let thread = std::thread::spawn(move || {
            if let Err(error) = server.run(lab::app(Duration::from_millis(300))) {
                log::error!("the server of the lesson failed: {error}");
            }
        });
        Ok(Lab { address, handle, thread: Some(thread) })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.handle.stop_now();
        let _ = self.thread.take().map(JoinHandle::join); // a panic in there was told by its own thread
    }
}

/// Answers one request with these bytes, and leaves the connection open for as long as the client bears it.
pub(super) fn faulty(answer: Vec<u8>) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::runtime)?;
    let address = listener.local_addr().map_err(Failure::runtime)?;
    std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 4_096];
        let mut asked = stream.read(&mut buffer)?;
        stream.write_all(&answer)?;
        while asked > 0 {
            asked = stream.read(&mut buffer)?;
        }
        Ok(())
    });
    Ok(address)
}
