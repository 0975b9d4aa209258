//! Adds TLS to a server.

use super::Server;
use crate::net::sockets::tls::{Tls, TlsAcceptor};

impl Server {
    /// Enables TLS on all addresses. A connection takes about 20 KB more. The handshake must end
    /// within the timeout of a first request.
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
