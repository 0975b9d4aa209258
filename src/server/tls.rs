//! TLS as an option of a server.

use super::Server;
use crate::net::sockets::tls::{Tls, TlsAcceptor};

impl Server {
    /// Speaks TLS on all its addresses. A connection holds some 20 KB more; the time for the handshake is that for a first request.
    ///
    /// ```no_run
    /// use wirelight::{App, Server, Tls};
    ///
    /// Server::bind("0.0.0.0:8443")?.tls(Tls::from_pem("cert.pem", "key.pem")?).run(App::new())?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Server {
        self.settings.tls = TlsAcceptor(Some(tls));
        self
    }
}
