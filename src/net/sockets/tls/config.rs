//! Defines the certificates and options of a TLS server, which may change while it runs.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustls::crypto::ring;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};

use crate::sync::lock;

/// A certificate and its key, or a whole [`rustls::ServerConfig`], for
/// [`Server::tls`](crate::Server::tls).
///
/// Clones share their content: keep one to [`replace`](Tls::replace) the certificate while the
/// server runs.
///
/// ```no_run
/// use wirelight::{App, Server, Tls};
///
/// let tls = Tls::from_pem("cert.pem", "key.pem")?;
/// let running = tls.clone();
/// let server = Server::bind("0.0.0.0:8443")?.tls(tls);
/// // `kill -USR1` after the files have changed:
/// let server = server.on_reopen(move || match Tls::from_pem("cert.pem", "key.pem") {
///     Ok(new) => running.replace(new),
///     Err(error) => log::warn!("{error}; the old certificate stays"),
/// });
/// server.run(App::new())?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct Tls(Arc<Mutex<Arc<ServerConfig>>>);

impl Tls {
    /// Reads a certificate chain, its own certificate first, and the private key (PKCS #8, PKCS #1
    /// or SEC 1), from PEM files.
    ///
    /// Speaks TLS 1.2 and 1.3 with rustls' default suites, and negotiates `http/1.1` (ALPN).
    /// Sessions are resumed with tickets (RFC 8446 §2.2), on every worker.
    ///
    /// # Errors
    ///
    /// If a file cannot be read or has no certificate or key, or if the two do not match; the
    /// message names the file.
    pub fn from_pem(certificate: impl AsRef<Path>, key: impl AsRef<Path>) -> io::Result<Tls> {
        let (certificate, key) = (certificate.as_ref(), key.as_ref());
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
        new(chain, PrivateKeyDer::from_pem_file(key), &certificate.display(), &key.display())
    }

    /// As [`from_pem`](Tls::from_pem), with the contents of such files.
    ///
    /// ```
    /// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
    /// # let certificate = std::fs::read_to_string(format!("{folder}/cert.pem"))?;
    /// # let key = std::fs::read_to_string(format!("{folder}/key.pem"))?;
    /// use wirelight::Tls;
    ///
    /// assert!(certificate.starts_with("-----BEGIN CERTIFICATE-----"));
    /// let tls = Tls::from_pem_bytes(&certificate, &key)?;
    /// assert!(Tls::from_pem_bytes(&certificate, "no key").is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there is no certificate or key, or if the two do not match.
    pub fn from_pem_bytes(certificate: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> io::Result<Tls> {
        let chain = CertificateDer::pem_slice_iter(certificate.as_ref()).collect();
        new(chain, PrivateKeyDer::from_pem_slice(key.as_ref()), &"the certificate", &"the key")
    }

    /// Takes a configuration of rustls 0.23: other versions and suites, another provider, several
    /// certificates by name, certificates of clients.
    ///
    /// `alpn_protocols` should be `http/1.1`. A `ticketer` resumes sessions on every worker
    /// without memory; the default is a cache of 256 sessions.
    ///
    /// ```
    /// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
    /// use rustls::ServerConfig;
    /// use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    /// use wirelight::Tls;
    ///
    /// let certificate = CertificateDer::from_pem_file(format!("{folder}/cert.pem"))?;
    /// let key = PrivateKeyDer::from_pem_file(format!("{folder}/key.pem"))?;
    /// let mut config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
    ///     .with_no_client_auth()
    ///     .with_single_cert(vec![certificate], key)?;
    /// config.alpn_protocols = vec![b"http/1.1".to_vec()];
    /// let tls = Tls::from_config(config)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If it offers `h2`, which this server does not speak, or accepts early data, which a third
    /// party can replay (RFC 8470 §3).
    pub fn from_config(config: impl Into<Arc<ServerConfig>>) -> io::Result<Tls> {
        let config = config.into();
        let fault = if config.alpn_protocols.iter().any(|protocol| protocol == b"h2") {
            "it offers h2, and this server speaks HTTP/1.1"
        } else if config.max_early_data_size > 0 {
            "it accepts early data, which this server does not read"
        } else {
            return Ok(Tls(Arc::new(Mutex::new(config))));
        };
        Err(io::Error::new(ErrorKind::InvalidInput, format!("cannot use the TLS configuration: {fault}")))
    }

    /// Replaces the content of `self` and its clones by that of `new`, in running servers too. New
    /// handshakes use it; open connections go on. A client that resumes an older session makes a
    /// full handshake.
    ///
    /// A certificate that cannot be used is an error of the constructor of `new`, before anything
    /// is replaced.
    ///
    /// ```
    /// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");
    /// # let (certificate, key) = (format!("{folder}/cert.pem"), format!("{folder}/key.pem"));
    /// use wirelight::Tls;
    ///
    /// let tls = Tls::from_pem(&certificate, &key)?;
    /// tls.replace(Tls::from_pem(&certificate, &key)?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn replace(&self, new: Tls) {
        let config = new.current();
        *lock(&self.0) = config;
        info!("TLS: new handshakes use another certificate or configuration");
    }

    fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&lock(&self.0))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

/// Makes the default configuration. The names of certificate and key are for errors.
fn new(
    chain: Result<Vec<CertificateDer<'static>>, pem::Error>,
    private: Result<PrivateKeyDer<'static>, pem::Error>,
    certificate: &dyn fmt::Display,
    key: &dyn fmt::Display,
) -> io::Result<Tls> {
    let chain = chain.map_err(|error| unusable(certificate, &error))?;
    if chain.is_empty() {
        return Err(unusable(certificate, &"there is no certificate in it"));
    }
    let private = private.map_err(|error| unusable(key, &error))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    let mut config = config
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| unusable(key, &format_args!("as the key of {certificate}: {error}")))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new().map_err(io::Error::other)?;
    Tls::from_config(config)
}

fn unusable(what: &dyn fmt::Display, why: &dyn fmt::Display) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("cannot use {what}: {why}"))
}

/// TLS for accepted sockets, if configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsAcceptor(pub(crate) Option<Tls>);

impl TlsAcceptor {
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Starts the TLS session of a new connection, if TLS is configured.
    pub(crate) fn session(&self) -> io::Result<Option<ServerConnection>> {
        let session = self.0.as_ref().map(|tls| ServerConnection::new(tls.current()));
        session.transpose().map_err(io::Error::other)
    }
}
