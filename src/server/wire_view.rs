//! Puts the wire view on a server: its routes, its trace, its address.

use std::io;

use super::Server;
use super::address::Address;
use crate::app::App;
use crate::wire;

impl Server {
    /// Serves the wire view under `/_wire/`: a page that shows this server's connections live,
    /// every byte, system call, state and decision. Calls `show` with its address, which contains a
    /// token, before the first connection is accepted; nothing is opened by itself.
    ///
    /// It is for the person at this machine: [`run`](Server::run) fails unless all addresses are
    /// loopback TCP addresses; requests need the token or the cookie that it is exchanged for, a
    /// `Host` that names this server, and no sign of another site or a proxy. The values of
    /// `Authorization`, `Cookie` and the like are hidden. Under load it shows a sample, and says
    /// so.
    ///
    /// ```no_run
    /// # let app = wirelight::App::new();
    /// use wirelight::Server;
    ///
    /// Server::bind("127.0.0.1:8000")?.wire_view(|url| println!("wire view: {url}")).run(app)
    /// # as std::io::Result<()>
    /// # ;Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn wire_view(mut self, show: impl FnOnce(&str) + Send + 'static) -> Server {
        self.setup.push(Box::new(|server, app| server.mount(app, show)));
        self
    }

    fn mount(&mut self, app: &mut App, show: impl FnOnce(&str)) -> io::Result<()> {
        let addresses: Vec<_> = self
            .addresses
            .iter()
            .map(|bound| match bound.address {
                Address::Tcp(address) => Some(address),
                Address::Unix(_) | Address::Incoming => None,
            })
            .collect();
        let control = self.control.clone();
        let (trace, url) = wire::mount(app, &addresses, self.config.tls.is_on(), move || control.wake())?;
        self.add_trace(trace);
        show(&url);
        Ok(())
    }
}
