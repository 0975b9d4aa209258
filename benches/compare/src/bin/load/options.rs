//! The options of a load, as `name=value` arguments.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::tls::Tls;

pub struct Options {
    pub port: u16,
    pub method: String,
    pub path: String,
    /// A field line of the request, such as `Accept-Encoding: gzip`; may be given more than once.
    pub fields: Vec<String>,
    /// Bytes of the request's body; without it, the request has none.
    pub body: Option<usize>,
    /// Whether that body is sent in chunks.
    pub chunked: bool,
    pub clients: usize,
    pub threads: usize,
    pub duration: Duration,
    /// Requests a second; 0 for as many as there are responses.
    pub rate: u64,
    /// Whether each request has a connection of its own.
    pub fresh: bool,
    /// The certificate that the clients trust; without it, they do not use TLS.
    pub certificate: Option<String>,
    /// Whether a TLS connection resumes the session of an earlier one.
    pub resume: bool,
    /// The status of a good response.
    pub status: u16,
}

impl Options {
    pub fn from_arguments() -> io::Result<Options> {
        let mut options = Options {
            port: 8000,
            method: "GET".to_owned(),
            path: "/plaintext".to_owned(),
            fields: Vec::new(),
            body: None,
            chunked: false,
            clients: 16,
            threads: 1,
            duration: Duration::from_secs(1),
            rate: 0,
            fresh: false,
            certificate: None,
            resume: true,
            status: 200,
        };
        for argument in std::env::args().skip(1) {
            options.set(&argument).ok_or_else(|| io::Error::other(format!("{argument:?} is not an option")))?;
        }
        Ok(options)
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn tls(&self) -> io::Result<Option<Tls>> {
        self.certificate.as_ref().map(|path| Tls::new(Path::new(path), self.resume)).transpose()
    }

    fn set(&mut self, argument: &str) -> Option<()> {
        let (name, value) = argument.split_once('=')?;
        match name {
            "port" => self.port = value.parse().ok()?,
            "method" => self.method = value.to_owned(),
            "path" => self.path = value.to_owned(),
            "field" => self.fields.push(value.to_owned()),
            "body" => self.body = Some(value.parse().ok()?),
            "chunked" => self.chunked = value.parse().ok()?,
            "clients" => self.clients = value.parse().ok()?,
            "threads" => self.threads = value.parse().ok()?,
            "seconds" => self.duration = Duration::try_from_secs_f64(value.parse().ok()?).ok()?,
            "rate" => self.rate = value.parse().ok()?,
            "tls" => self.certificate = Some(value.to_owned()),
            "resume" => self.resume = value.parse().ok()?,
            "fresh" => self.fresh = value.parse().ok()?,
            "status" => self.status = value.parse().ok()?,
            _ => return None,
        }
        Some(())
    }
}
