//! Serves sockets that the program already has: listeners, and connections that it accepts itself.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex};

use super::Server;
use super::addresses::BoundAddress;
use crate::net::sockets::listeners::{Accepted, Listener};
use crate::net::sockets::raw_stream::RawStream;
use crate::net::threads::shutdown::ShutdownControl;
use crate::panics::catch;

/// Connections that may wait for a worker; then the program's iterator is not asked for more.
const WAITING: usize = 16;

impl Server {
    /// Serves a listener that the program has bound: a `std::net::TcpListener`, a
    /// `std::os::unix::net::UnixListener`, a socket from systemd, a supervisor or socket2.
    ///
    /// Several workers share its queue, where [`bind`](Server::bind) opens a listener for each
    /// (`SO_REUSEPORT`, which has to be set before a socket is bound). Its options become those of
    /// `bind`: non-blocking, also for its duplicates, `TCP_NODELAY`, keep-alive probes, a queue of
    /// 4,096. A stop leaves its duplicates and the file of a unix socket alone, so another server
    /// can go on with them. The feature `restart` finds its successors by the address of `bind`.
    ///
    /// ```
    /// use wirelight::{App, Server};
    ///
    /// let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    /// let address = listener.local_addr()?;
    /// let server = Server::from_listener(listener)?.workers(2);
    /// assert_eq!(server.local_addr(), address);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fails if it is not a TCP or unix socket that can listen.
    pub fn from_listener(listener: impl Into<OwnedFd>) -> io::Result<Server> {
        Ok(Server::new(vec![BoundAddress::given(listener.into())?]))
    }

    /// Also listens on this listener.
    ///
    /// # Errors
    /// As [`from_listener`](Server::from_listener).
    pub fn and_listener(mut self, listener: impl Into<OwnedFd>) -> io::Result<Server> {
        self.addresses.push(BoundAddress::given(listener.into())?);
        Ok(self)
    }

    /// Serves connections that the program has accepted: one, a few, or those that it receives from
    /// a channel. [`run`](Server::run) returns when the iterator has ended and all connections are
    /// closed, if there are no addresses.
    ///
    /// The iterator runs on a thread of its own and may wait. When 16 connections wait for a
    /// worker, it is not asked for more. After a stop the next connection is closed, and the thread
    /// ends; `run` does not wait for it.
    ///
    /// ```
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    /// use wirelight::{App, Server};
    ///
    /// let (mut client, stream) = UnixStream::pair()?;
    /// client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")?;
    /// let mut app = App::new();
    /// app.get("/", |_| "one connection");
    /// Server::from_incoming([stream]).signals(false).run(app)?; // returns when it is closed
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer)?;
    /// assert!(answer.ends_with("one connection"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// What is not a connected TCP or unix stream is closed, and logged.
    pub fn from_incoming<I>(incoming: I) -> Server
    where
        I: IntoIterator<Item: Into<OwnedFd> + 'static, IntoIter: Send + 'static>,
    {
        let (sender, receiver) = sync_channel(WAITING);
        let mut server = Server::new(vec![BoundAddress::incoming(Listener::Incoming(Arc::new(Mutex::new(receiver))))]);
        let incoming = incoming.into_iter().map(Into::into);
        server.setup.push(Box::new(move |server, _| {
            let control = server.control.clone();
            let thread = std::thread::Builder::new().name("wirelight-incoming".into());
            thread.spawn(move || hand_over(incoming, sender, &control)).map(drop)
        }));
        server
    }
}

/// Hands connections to the workers until the iterator has ended, or the server.
fn hand_over(incoming: impl Iterator<Item = OwnedFd>, sender: SyncSender<Accepted>, control: &ShutdownControl) {
    let handed_over = catch(|| {
        for stream in incoming {
            match RawStream::from_fd(stream) {
                Ok(accepted) => match sender.send(accepted) {
                    Ok(()) => control.wake(),
                    Err(_) => return,
                },
                Err(error) => warn!("a connection that the program accepted is not served: {error}"),
            }
        }
    });
    if let Err(panicked) = handed_over {
        error!("the iterator of connections {panicked}");
    }
    drop(sender);
    control.wake(); // no more will come: perhaps the server has finished
}
