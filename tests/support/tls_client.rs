//! A TLS client, and the certificates of the tests.
#![allow(dead_code, clippy::unwrap_used, reason = "each program uses a part, and stops at the first surprise")]

use std::io::{Read, Write};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls/");

pub fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(format!("{FOLDER}{name}")).unwrap()
}

/// A client that trusts the certificates `cert.pem` and `other-cert.pem`. It keeps sessions for
/// the connections that share it.
pub fn client_config() -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate("cert.pem")).unwrap();
    roots.add(certificate("other-cert.pem")).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

pub fn client<S: Read + Write>(config: &Arc<ClientConfig>, socket: S) -> StreamOwned<ClientConnection, S> {
    let name = ServerName::try_from("localhost").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::clone(config), name).unwrap(), socket)
}
