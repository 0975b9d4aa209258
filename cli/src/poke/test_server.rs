//! Starts servers for experiments inside this process: the library's, and one that sends a fixed
//! response.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use wirelight::{Handle, Server, Timeouts, Trace};

use crate::experiment_app;
use crate::failure::Failure;

/// A server that runs until this value is dropped.
pub(super) struct TestServer {
    pub(super) address: SocketAddr,
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    /// Serves the application of the experiments with short timeouts, and with `trace` if given.
    pub(super) fn start(trace: Option<Trace>) -> Result<TestServer, Failure> {
        let short = Duration::from_secs(2);
        // An idle connection must stay open for longer than `poke` waits, or the server would seem
        // to close it after a response.
        let keep_alive = Duration::from_secs(3);
        let timeouts = Timeouts { head: short, body_idle: short, body_grace: short, keep_alive, ..Timeouts::default() };
        let server = Server::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::runtime)?;
        let server = trace.into_iter().fold(server.signals(false).timeouts(timeouts), Server::trace);
        let (address, handle) = (server.local_addr(), server.handle());
        let thread = std::thread::spawn(move || {
            if let Err(error) = server.run(experiment_app::app(Duration::from_millis(300))) {
                log::error!("the server of the experiment failed: {error}");
            }
        });
        Ok(TestServer { address, handle, thread: Some(thread) })
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.handle.stop_now();
        let _ = self.thread.take().map(JoinHandle::join); // a panic was reported by its own thread
    }
}

/// Responds to one request with these bytes, and keeps the connection open until the client closes
/// it.
pub(super) fn respond_with(response: Vec<u8>) -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::runtime)?;
    let address = listener.local_addr().map_err(Failure::runtime)?;
    std::thread::spawn(move || -> std::io::Result<()> {
        let (mut stream, _) = listener.accept()?;
        let mut buffer = [0; 4_096];
        let mut received = stream.read(&mut buffer)?;
        stream.write_all(&response)?;
        while received > 0 {
            received = stream.read(&mut buffer)?;
        }
        Ok(())
    });
    Ok(address)
}
