//! Decides who may see the wire view: the person whom the terminal told the address, from a browser
//! on this machine, and no other page in that browser.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;

use subtle::ConstantTimeEq;

use crate::request::Request;
use crate::request::cookie::{Cookie, SameSite};

/// Path prefix of all that belongs to the page.
pub(super) const PREFIX: &str = "/_wire/";

/// Bytes of the token: it cannot be guessed.
const TOKEN: usize = 16;

/// Fields that a proxy adds. Behind one, the peer's address says nothing about the client.
const PROXIED: &[&str] =
    &["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-real-ip", "via"];

/// The rules of access, and the token of this run.
pub(super) struct Access {
    token: String,
    /// Values of `Host` that name this server.
    hosts: Vec<String>,
    scheme: &'static str,
    /// Cookies do not distinguish ports, so the name does.
    cookie: String,
}

impl Access {
    /// # Errors
    /// Fails if the kernel has no random numbers.
    pub(super) fn new(ports: Vec<u16>, tls: bool) -> io::Result<Access> {
        let mut random = [0; TOKEN];
        File::open("/dev/urandom")?.read_exact(&mut random)?;
        let token = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let (scheme, default) = if tls { ("https", 443) } else { ("http", 80) };
        let mut hosts = Vec::new();
        for port in &ports {
            for name in ["127.0.0.1", "[::1]", "localhost"] {
                hosts.push(format!("{name}:{port}"));
                hosts.extend((*port == default).then(|| name.to_owned()));
            }
        }
        let cookie = format!("wire-{}", ports.first().copied().unwrap_or_default());
        Ok(Access { token, hosts, scheme, cookie })
    }

    /// Returns the address of the page, with the token.
    pub(super) fn url(&self, address: SocketAddr) -> String {
        format!("{}://{address}{PREFIX}?k={}", self.scheme, self.token)
    }

    /// Refuses a request that does not come from the page or from the address that was printed.
    ///
    /// # Errors
    /// The reason.
    pub(super) fn check(&self, request: &Request<'_>) -> Result<(), &'static str> {
        if !request.remote_addr().is_some_and(|peer| peer.ip().to_canonical().is_loopback()) {
            return Err("the wire view is for clients on this machine");
        }
        if PROXIED.iter().any(|name| request.header(name).is_some()) {
            return Err("the wire view is not served through a proxy");
        }
        // A page of another site reaches loopback addresses by DNS rebinding. Its Host names that
        // site, also beside an absolute target, which takes precedence (RFC 9112 §3.2.2).
        let host = request.host().unwrap_or_default();
        if !request.header_all("host").chain([host]).all(|host| self.is_own(host)) {
            return Err("Host is not an address of this server");
        }
        let own = |origin: &str| {
            origin.split_once("://").is_some_and(|(scheme, at)| scheme == self.scheme && at.eq_ignore_ascii_case(host))
        };
        if request.header_all("origin").any(|origin| !own(origin)) {
            return Err("the request comes from a page of another origin");
        }
        if request.header_all("sec-fetch-site").any(|site| !matches!(site, "same-origin" | "none")) {
            return Err("the request comes from a page of another site");
        }
        // Another server on this machine can set a cookie of this name, which then comes first.
        let mut cookies = request.cookies().filter(|(name, _)| *name == self.cookie);
        if self.brings_token(request) || cookies.any(|(_, value)| self.is_token(value)) {
            return Ok(());
        }
        Err("open the address that the server printed: it has a token")
    }

    /// Returns whether the token is in the query: the address as it was printed.
    pub(super) fn brings_token(&self, request: &Request<'_>) -> bool {
        request.query("k").is_some_and(|text| self.is_token(&text))
    }

    /// Returns the cookie that replaces the token in the address.
    pub(super) fn cookie(&self) -> Cookie {
        let cookie =
            Cookie::new(self.cookie.clone(), self.token.clone()).path(PREFIX.trim_end_matches('/')).http_only();
        let cookie = cookie.same_site(SameSite::Strict);
        if self.scheme == "https" { cookie.secure() } else { cookie }
    }

    fn is_own(&self, host: &str) -> bool {
        self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host))
    }

    fn is_token(&self, text: &str) -> bool {
        self.token.as_bytes().ct_eq(text.as_bytes()).into()
    }
}
