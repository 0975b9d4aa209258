//! Certificates that are replaced while a server runs, configurations of rustls, and sessions that are resumed.
#![expect(clippy::expect_used, reason = "a test that cannot go on says so by failing")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, ProtocolVersion, ServerConfig, StreamOwned};
use wirelight::{App, Tls};

mod support;
#[path = "support/tls_client.rs"]
mod tls_client;

use support::bounded;
use support::server::TestServer;
use tls_client::{FOLDER, certificate, client, client_config};

/// More sessions than a cache of 256 holds: each connection leaves two.
const OTHERS: usize = 130;

type Client = StreamOwned<ClientConnection, TcpStream>;

fn pem(certificate: &str, key: &str) -> io::Result<Tls> {
    Tls::from_pem(format!("{FOLDER}{certificate}"), format!("{FOLDER}{key}"))
}

/// A server whose response names the worker.
fn serve(tls: Tls, workers: usize) -> TestServer {
    let mut app = App::new();
    app.get("/", |_| format!("{:?}", std::thread::current().id()));
    TestServer::with(app, |server| server.tls(tls).workers(workers))
}

/// Sends a request and returns the body of the response.
fn ask(client: &mut Client) -> String {
    client.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut response = Vec::new();
    while !response.ends_with(b")") {
        assert!(response.len() < 1000, "no end: {:?}", String::from_utf8_lossy(&response));
        let mut byte = [0];
        client.read_exact(&mut byte).expect("a response");
        response.push(byte[0]);
    }
    let response = String::from_utf8(response).expect("text");
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response}");
    response.split_once("\r\n\r\n").expect("a head").1.to_owned()
}

/// Opens a connection and sends a request; returns the worker too.
fn open(server: &TestServer, config: &Arc<ClientConfig>) -> (Client, String) {
    let mut client = client(config, bounded::connect(server.address));
    let worker = ask(&mut client);
    (client, worker)
}

fn kind(client: &Client) -> HandshakeKind {
    client.conn.handshake_kind().expect("a complete handshake")
}

fn is_served(client: &Client, name: &str) -> bool {
    client.conn.peer_certificates().expect("a certificate").first() == Some(&certificate(name))
}

#[test]
fn a_session_is_resumed_by_another_worker() {
    let server = serve(pem("cert.pem", "key.pem").expect("a certificate"), 2);
    // The kernel chooses the worker each time.
    for _ in 0..200 {
        let config = client_config();
        let (first, one) = open(&server, &config);
        let (second, other) = open(&server, &config);
        assert_eq!((kind(&first), kind(&second)), (HandshakeKind::Full, HandshakeKind::Resumed));
        assert_eq!(second.conn.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        if one != other {
            return;
        }
    }
    panic!("200 times the same worker");
}

#[test]
fn a_session_is_resumed_after_many_others() {
    let server = serve(pem("cert.pem", "key.pem").expect("a certificate"), 1);
    let config = client_config();
    open(&server, &config);
    for _ in 0..OTHERS {
        open(&server, &client_config());
    }
    assert_eq!(kind(&open(&server, &config).0), HandshakeKind::Resumed);
}

#[test]
fn a_certificate_is_replaced_while_connections_are_open() {
    let tls = pem("cert.pem", "key.pem").expect("a certificate");
    let server = serve(tls.clone(), 2);
    let config = client_config();
    let (mut before, worker) = open(&server, &config);
    assert!(is_served(&before, "cert.pem"));
    tls.replace(pem("other-cert.pem", "other-key.pem").expect("a certificate"));
    for config in [&config, &client_config()] {
        let (after, _) = open(&server, config);
        assert!(is_served(&after, "other-cert.pem"), "a client with a session too");
        assert_eq!(kind(&after), HandshakeKind::Full);
    }
    assert_eq!(ask(&mut before), worker, "the connection goes on");
    assert_eq!(kind(&open(&server, &config).0), HandshakeKind::Resumed, "a session of the new certificate");
}

#[test]
fn a_handshake_that_began_before_ends_with_the_old_certificate() {
    let tls = pem("cert.pem", "key.pem").expect("a certificate");
    let server = serve(tls.clone(), 1);
    let mut early = client(&client_config(), bounded::connect(server.address));
    while early.conn.wants_write() {
        early.conn.write_tls(&mut early.sock).expect("sent");
    }
    early.conn.read_tls(&mut early.sock).expect("the server's flight");
    tls.replace(pem("other-cert.pem", "other-key.pem").expect("a certificate"));
    early.conn.process_new_packets().expect("the server's flight");
    ask(&mut early);
    assert!(is_served(&early, "cert.pem"));
}

#[test]
fn a_certificate_that_cannot_be_used_leaves_the_old_one() {
    let text = |name| std::fs::read_to_string(format!("{FOLDER}{name}")).expect("a file");
    let tls = Tls::from_pem_bytes(text("cert.pem"), text("key.pem")).expect("a certificate");
    let server = serve(tls.clone(), 1);
    for (new, expected) in [
        (pem("missing.pem", "other-key.pem"), "missing.pem"),
        (pem("other-cert.pem", "key.pem"), "key.pem: as the key of"),
        (Tls::from_pem_bytes("", text("key.pem")), "cannot use the certificate: there is no certificate in it"),
        (Tls::from_pem_bytes(text("cert.pem"), ""), "cannot use the key: "),
        (Tls::from_pem_bytes(text("cert.pem"), text("other-key.pem")), "cannot use the key: as the key of the cert"),
        (Tls::from_pem_bytes(&text("cert.pem")[..100], text("key.pem")), "cannot use the certificate: "),
    ] {
        let error = new.map(|new| tls.replace(new)).expect_err("unusable").to_string();
        assert!(error.contains(expected) && !error.contains('\n'), "{expected}: {error}");
        assert!(is_served(&open(&server, &client_config()).0, "cert.pem"), "{error}");
    }
}

/// A configuration of TLS 1.2 without tickets.
fn tls12() -> ServerConfig {
    let key = PrivateKeyDer::from_pem_file(format!("{FOLDER}other-key.pem")).expect("a key");
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_protocol_versions(&[&rustls::version::TLS12]).expect("a version");
    config.with_no_client_auth().with_single_cert(vec![certificate("other-cert.pem")], key).expect("a configuration")
}

#[test]
fn a_configuration_of_the_program_is_used_as_it_is() {
    let server = serve(Tls::from_config(tls12()).expect("a configuration"), 1);
    let config = client_config();
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        let (client, _) = open(&server, &config);
        assert_eq!(client.conn.protocol_version(), Some(ProtocolVersion::TLSv1_2));
        assert_eq!(kind(&client), expected, "by the cache of the configuration");
        assert_eq!(client.conn.alpn_protocol(), None);
        assert!(is_served(&client, "other-cert.pem"));
    }
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let (mut http2, mut early, mut challenge) = (tls12(), tls12(), tls12());
    http2.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    early.max_early_data_size = 1;
    challenge.alpn_protocols = vec![b"http/1.1".to_vec(), b"acme-tls/1".to_vec()];
    for (config, expected) in [(http2, Some("h2")), (early, Some("early data")), (challenge, None)] {
        let error = Tls::from_config(Arc::new(config)).err().map(|error| error.to_string());
        assert_eq!(error.is_some(), expected.is_some());
        assert!(error.unwrap_or_default().contains(expected.unwrap_or_default()));
    }
}
