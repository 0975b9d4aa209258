//! Runs a server on a thread of its own, inside a program that does something else.

use std::io;
use std::net::SocketAddr;
use std::thread::{self, JoinHandle};

use super::{Handle, Server};
use crate::app::App;

/// A server that serves on a thread of its own. From [`Server::spawn`].
///
/// Dropping it cuts all connections and waits for the thread. A handler of this server uses a
/// [`handle`](RunningServer::handle) instead: it would wait for itself.
#[must_use = "dropping it stops the server"]
#[derive(Debug)]
pub struct RunningServer {
    address: SocketAddr,
    handle: Handle,
    /// `None` when it was joined.
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Serves on a new thread, until the returned value is stopped or dropped. Signals stay with the
    /// program, whatever [`signals`](Server::signals) says.
    ///
    /// ```
    /// use wirelight::{App, Server};
    ///
    /// let mut app = App::new();
    /// app.get("/", |_| "Hello!");
    /// let server = Server::bind("127.0.0.1:0")?.spawn(app)?;
    /// println!("http://{}", server.local_addr());
    /// // … the program …
    /// server.stop()?; // open requests finish
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails if the thread cannot be started. [`RunningServer::stop`] and
    /// [`RunningServer::join`] return what [`run`](Server::run) fails with.
    pub fn spawn(self, app: App) -> io::Result<RunningServer> {
        let (address, handle) = (self.local_addr(), self.handle());
        let server = self.signals(false);
        let thread = thread::Builder::new().name("wirelight-0".into()).spawn(move || server.run(app))?;
        Ok(RunningServer { address, handle, thread: Some(thread) })
    }
}

impl RunningServer {
    /// Returns the first TCP address, as [`Server::local_addr`].
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns a handle that stops the server from anywhere, for [`join`](RunningServer::join).
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Stops gracefully, as [`Handle::stop`], and waits for the end.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub fn stop(self) -> io::Result<()> {
        self.handle.stop();
        self.join()
    }

    /// Waits until the server has ended: a [`Handle`] stops it, or it fails.
    ///
    /// # Errors
    /// As [`Server::run`].
    pub fn join(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let joined = self.thread.take().map_or(Ok(Ok(())), JoinHandle::join);
        joined.unwrap_or_else(|_| Err(io::Error::other("the server panicked")))
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.handle.stop_now();
        if let Err(error) = self.end() {
            error!("the server on {} failed: {error}", self.address);
        }
    }
}
