//! Adds TLS to a server.

use super::Server;
use crate::net::sockets::tls::{Tls, TlsAcceptor};

impl Server {
    /// Enables TLS on all addresses. An idle connection takes about 8 KB more, one whose client
    /// does not read up to 80 KiB. The handshake must end within the timeout of a first request.
    ///
    /// ```no_run
    /// use wirelight::{App, Server, Tls};
    ///
    /// Server::bind("0.0.0.0:8443")?.tls(Tls::from_pem("cert.pem", "key.pem")?).run(App::new())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Server {
        self.config.tls = TlsAcceptor(Some(tls));
        self
    }
}
