//! Finds the client's address, scheme and host from the fields that trusted proxies add.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use crate::http1::field_value::unquoted;
use crate::http1::target::check_host;
use crate::request::Request;

/// Maximum number of entries of a forwarding list that are examined. A chain of proxies has two or
/// three; a forged list has thousands.
const MAX_HOPS: usize = 32;

/// The proxies whose forwarding fields are trusted. From
/// [`App::trusted_proxies`](crate::App::trusted_proxies).
pub struct TrustedProxies {
    networks: Vec<Network>,
    unix: bool,
    header: ForwardedHeader,
    host: bool,
}

/// The fields that the proxies are known to set. Only these are read: a proxy passes the others on
/// as the client forged them.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ForwardedHeader {
    XForwarded,
    Rfc7239,
}

/// Parses the address of an entry.
type AddressParser = fn(&[u8]) -> Option<IpAddr>;

/// A range of addresses of one family.
struct Network {
    base: u128,
    mask: u128,
    v4: bool,
}

/// Result of reading the trusted part of a forwarding list.
struct ForwardedChain<'r> {
    client: Option<IpAddr>,
    /// The last trusted entry: written by a trusted proxy about its own peer.
    entry: Option<&'r [u8]>,
}

impl TrustedProxies {
    #[track_caller]
    pub(crate) fn new<T: AsRef<str>>(proxies: impl IntoIterator<Item = T>) -> TrustedProxies {
        let mut trusted =
            TrustedProxies { networks: Vec::new(), unix: false, header: ForwardedHeader::XForwarded, host: false };
        for proxy in proxies {
            let text = proxy.as_ref();
            match Network::parse(text) {
                Some(network) => trusted.networks.push(network),
                None if text == "unix" => trusted.unix = true,
                #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
                None => panic!(
                    "trusted_proxies: {text:?} is not an address, a CIDR range (host bits must be 0) or \"unix\""
                ),
            }
        }
        trusted
    }

    /// Reads `Forwarded` (RFC 7239) instead of the `X-Forwarded-…` fields. Enable only if your
    /// proxies set it: one that only knows `X-Forwarded-For` passes a forged `Forwarded` on, so the
    /// two are never mixed.
    pub fn forwarded(&mut self) -> &mut TrustedProxies {
        self.header = ForwardedHeader::Rfc7239;
        self
    }

    /// Reads the requested host from the proxies' fields too ([`Request::client_host`]). Enable
    /// only if your proxy overwrites `X-Forwarded-Host`; others pass the client's value through.
    pub fn host(&mut self) -> &mut TrustedProxies {
        self.host = true;
        self
    }

    fn trusts_peer(&self, peer: Option<SocketAddr>) -> bool {
        peer.map_or(self.unix, |peer| self.contains(peer.ip().to_canonical()))
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Walks from the nearest hop outwards, as long as trusted proxies wrote the entries (RFC 7239
    /// §8.1: the rest cannot be trusted).
    fn chain<'r>(&self, request: &'r Request<'_>) -> ForwardedChain<'r> {
        let (name, address): (_, AddressParser) = match self.header {
            ForwardedHeader::XForwarded => ("x-forwarded-for", xff_node),
            ForwardedHeader::Rfc7239 => ("forwarded", |entry| node(&parameter(entry, "for")?)),
        };
        let mut walk = ForwardedChain { client: peer_of(request), entry: None };
        for entry in reversed_entries(request, name).take(MAX_HOPS).filter(|entry| !entry.is_empty()) {
            walk.entry = Some(entry);
            // `unknown`, `_hidden` and malformed entries end the walk: the result is the last
            // address that a trusted proxy reported.
            let Some(address) = address(entry) else { break };
            walk.client = Some(address);
            if !self.contains(address) {
                break;
            }
        }
        walk
    }
}

impl Request<'_> {
    /// Returns the client's address: the peer address of the socket, or the address that [trusted
    /// proxies](crate::App::trusted_proxies) report. `None` in tests, and on a unix socket whose
    /// peer is not trusted or reports nothing.
    ///
    /// A list of addresses is read from right to left; the first that is not a trusted proxy is the
    /// client, whatever precedes it. `unknown`, an obfuscated name or a malformed entry ends the
    /// walk at the proxy that reported it. An IPv4-mapped IPv6 address (`::ffff:192.0.2.7`) is
    /// returned as an IPv4 address.
    pub fn client_addr(&self) -> Option<IpAddr> {
        self.trusted().map_or_else(|| peer_of(self), |trusted| trusted.chain(self).client)
    }

    /// Returns `"https"` when the client connected over TLS, else `"http"`: as a trusted proxy
    /// reports it (`X-Forwarded-Proto`, or `proto=` of the entry about the client), or else as this
    /// connection uses TLS. `wss` and `ws`, which some proxies write for a WebSocket, count as
    /// `https` and `http`.
    pub fn scheme(&self) -> &'static str {
        let said = self.trusted().and_then(|trusted| match trusted.header {
            // The last member is by the nearest proxy, which either overwrites the field or keeps
            // it deliberately.
            ForwardedHeader::XForwarded => last_member(self, "x-forwarded-proto"),
            ForwardedHeader::Rfc7239 => trusted.chain(self).entry.and_then(|entry| parameter(entry, "proto")),
        });
        match said.map(|said| said.to_ascii_lowercase()).as_deref() {
            Some("https" | "wss") => "https",
            Some("http" | "ws") => "http",
            _ if self.app_state().is_tls => "https",
            _ => "http",
        }
    }

    /// Returns whether the target is an `https` URI although neither this connection uses TLS nor a
    /// trusted proxy opened it. Such a request is refused (RFC 9110 §7.4): its client takes an
    /// unsecured connection for a secured one.
    #[cold]
    pub(crate) fn is_misdirected(&self) -> bool {
        let scheme = self.target().as_bytes().get(..6).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"https:") && !self.app_state().is_tls && self.trusted().is_none()
    }

    /// Returns the host that the client asked for: [`host`](Request::host), unless
    /// [`TrustedProxies::host`] is enabled and a proxy reports another.
    pub fn client_host(&self) -> Option<Cow<'_, str>> {
        let said = self.trusted().filter(|trusted| trusted.host).and_then(|trusted| match trusted.header {
            ForwardedHeader::XForwarded => last_member(self, "x-forwarded-host"),
            ForwardedHeader::Rfc7239 => trusted.chain(self).entry.and_then(|entry| parameter(entry, "host")),
        });
        said.filter(|host| !host.is_empty() && check_host(host.as_bytes()).is_ok())
            .or_else(|| self.host().map(Cow::Borrowed))
    }

    /// Returns the setting if this request's peer is trusted.
    fn trusted(&self) -> Option<&TrustedProxies> {
        self.app_state().proxies.as_ref().filter(|trusted| trusted.trusts_peer(self.remote_addr()))
    }
}

impl Network {
    fn parse(text: &str) -> Option<Network> {
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            None => width,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        let mask = u128::MAX.checked_shl(u32::checked_sub(width, length)?).unwrap_or(0);
        let base = as_bits(address);
        (base & !mask == 0).then_some(Network { base, mask, v4: address.to_canonical().is_ipv4() })
    }

    fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.v4 && as_bits(address) & self.mask == self.base
    }
}

/// Maps both families into one space (RFC 4291 §2.5.5.2).
fn as_bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn peer_of(request: &Request<'_>) -> Option<IpAddr> {
    request.remote_addr().map(|peer| peer.ip().to_canonical())
}

/// Joins all lines of a list field into one list (RFC 9110 §5.3), last entry first.
fn reversed_entries<'r>(request: &'r Request<'_>, name: &'static str) -> impl Iterator<Item = &'r [u8]> {
    request.field_values(name).rev().flat_map(|value| entries(value, b','))
}

/// Returns the last member of a list field. Empty members do not count (RFC 9110 §5.6.1.2): the
/// last member of `https,` is `https`.
fn last_member<'r>(request: &'r Request<'_>, name: &'static str) -> Option<Cow<'r, str>> {
    reversed_entries(request, name).find(|member| !member.is_empty()).and_then(text)
}

/// Splits a list from right to left. In this direction an open quote that a client sent cannot
/// include what a trusted proxy appended.
fn entries(list: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(list);
    std::iter::from_fn(move || {
        let list = rest?;
        let at = last_separator(list, separator);
        rest = at.and_then(|at| list.get(..at));
        at.map_or(Some(list), |at| list.get(at + 1..)).map(<[u8]>::trim_ascii)
    })
}

/// Returns the position of the last separator outside of quotes.
fn last_separator(list: &[u8], separator: u8) -> Option<usize> {
    let mut quoted = false;
    list.iter().enumerate().rev().find_map(|(at, &byte)| {
        if byte == b'"' && !(quoted && is_escaped(list, at)) {
            quoted = !quoted;
        }
        (byte == separator && !quoted).then_some(at)
    })
}

/// Returns whether the byte is part of a quoted-pair (RFC 9110 §5.6.4).
fn is_escaped(list: &[u8], at: usize) -> bool {
    list.iter().take(at).rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// Returns a parameter of an entry of Forwarded, without its quotes (RFC 7239 §4).
fn parameter<'r>(entry: &'r [u8], name: &str) -> Option<Cow<'r, str>> {
    entries(entry, b';').find_map(|pair| {
        let (key, value) = std::str::from_utf8(pair).ok()?.split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| unquoted(value))
    })
}

fn text(entry: &[u8]) -> Option<Cow<'_, str>> {
    std::str::from_utf8(entry).ok().map(Cow::Borrowed)
}

/// Parses an entry of X-Forwarded-For: an address, or a node with a port as some clouds write it.
fn xff_node(entry: &[u8]) -> Option<IpAddr> {
    let entry = std::str::from_utf8(entry).ok()?;
    entry.parse().ok().map(|address: IpAddr| address.to_canonical()).or_else(|| node(entry))
}

/// Parses a node (RFC 7239 §6): IPv4, or IPv6 in brackets, either with a port.
fn node(text: &str) -> Option<IpAddr> {
    let (address, port) = match text.strip_prefix('[') {
        Some(inside) => inside.split_once(']').map(|(address, rest)| (address.parse().map(IpAddr::V6), rest))?,
        None => {
            let (address, port) = text.split_at(text.find(':').unwrap_or(text.len()));
            (address.parse().map(IpAddr::V4), port)
        }
    };
    let is_port = port.strip_prefix(':').map_or(port.is_empty(), is_port);
    address.ok().filter(|_| is_port).map(|address| address.to_canonical())
}

/// Returns whether the text is a port: digits, or an obfuscated port (`_` and a name).
fn is_port(port: &str) -> bool {
    let named = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match port.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(named),
        None => (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::App;

    /// Returns what an application that trusts these proxies reads from a request with these
    /// fields, in the `X-Forwarded-For` and `Forwarded` dialects.
    fn asked(dialect: ForwardedHeader, fields: &[(&str, &str)]) -> (String, String, String) {
        let mut app = App::new();
        let trusted = app.trusted_proxies(["unix", "10.0.0.0/8", "2001:db8:f::/48", "192.0.2.1"]).host();
        trusted.header = dialect;
        app.get("/", |req: &Request| {
            let client = req.client_addr().map_or("none".to_owned(), |address| address.to_string());
            format!("{client} {} {}", req.scheme(), req.client_host().unwrap_or_default())
        });
        let client = app.test();
        let request = fields.iter().fold(client.get("/"), |request, (name, value)| request.header(name, value));
        let reply = request.send();
        let mut words = reply.text().split(' ').map(str::to_owned);
        let mut word = || words.next().unwrap();
        (word(), word(), word())
    }

    fn client_by_x_forwarded_for(lines: &[&str]) -> String {
        let fields: Vec<_> = lines.iter().map(|line| ("X-Forwarded-For", *line)).collect();
        asked(ForwardedHeader::XForwarded, &fields).0
    }

    fn client_by_forwarded(lines: &[&str]) -> String {
        let fields: Vec<_> = lines.iter().map(|line| ("Forwarded", *line)).collect();
        asked(ForwardedHeader::Rfc7239, &fields).0
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right() {
        let cases: &[(&[&str], &str)] = &[
            (&[], "none"),
            (&["203.0.113.9"], "203.0.113.9"),
            (&["6.6.6.6, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
            (&["6.6.6.6", "203.0.113.9,10.1.2.3", "192.0.2.1"], "203.0.113.9"),
            (&["10.0.0.1, 10.0.0.2"], "10.0.0.1"), // all are trusted: the outermost
            (&["203.0.113.9 ,\t, 10.0.0.1,"], "203.0.113.9"),
            (&["203.0.113.9:5001, 10.0.0.1:80"], "203.0.113.9"),
            (&["2001:db8::9"], "2001:db8::9"),
            (&["[2001:db8::9]:443, 2001:db8:f::1"], "2001:db8::9"),
            (&["[2001:db8::9]"], "2001:db8::9"),
            (&["6.6.6.6, ::ffff:203.0.113.9, ::ffff:10.0.0.1"], "203.0.113.9"),
            // A malformed entry ends the walk at the last address that a trusted proxy reported.
            (&["unknown"], "none"),
            (&["6.6.6.6, unknown, 10.0.0.1"], "10.0.0.1"),
            (&["6.6.6.6, 203.0.113.9 6.6.6.6, 10.0.0.1"], "10.0.0.1"),
            (&["6.6.6.6, 010.0.0.7, 10.0.0.1"], "10.0.0.1"),
            (&["6.6.6.6, 10.0.0.256, 10.0.0.1"], "10.0.0.1"),
            (&["6.6.6.6, fe80::1%eth0, 10.0.0.1"], "10.0.0.1"),
            (&["6.6.6.6, 10.0.0.2:, 10.0.0.1"], "10.0.0.1"),
            (&["6.6.6.6, 10.0.0.2:80x, 10.0.0.1"], "10.0.0.1"),
            (&["6.6.6.6, [::1, 10.0.0.1"], "10.0.0.1"),
            (&["\", 203.0.113.9"], "203.0.113.9"),
            (&["\u{fe}, 203.0.113.9"], "203.0.113.9"),
        ];
        for (lines, expected) in cases {
            assert_eq!(client_by_x_forwarded_for(lines), *expected, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_from_the_right() {
        let cases: &[(&[&str], &str)] = &[
            (&["for=203.0.113.9"], "203.0.113.9"),
            (&["for=6.6.6.6, For=203.0.113.9;proto=https, by=10.0.0.9; for=10.1.2.3"], "203.0.113.9"),
            (&["for=\"[2001:db8::9]:4711\"", "for=\"10.0.0.1:_port\""], "2001:db8::9"),
            (&["for=\"[2001:db8::9]\", for=\"10.0.0.\\1\""], "2001:db8::9"),
            // Unlike in X-Forwarded-For, an IPv6 address without brackets may be an address and a
            // port.
            (&["for=2001:db8::9, for=10.0.0.1"], "10.0.0.1"),
            (&["for=6.6.6.6, for=unknown, for=10.0.0.1"], "10.0.0.1"),
            (&["for=6.6.6.6, for=_hidden, for=10.0.0.1"], "10.0.0.1"),
            (&["for=6.6.6.6, for=\"_hidden:80\", for=10.0.0.1"], "10.0.0.1"),
            (&["for=6.6.6.6, proto=https, for=10.0.0.1"], "10.0.0.1"),
            (&["for=6.6.6.6, 203.0.113.9"], "none"),
            // A quote that the client opened or closed, followed by what the trusted proxy
            // appended.
            (&["for=\"6.6.6.6, for=203.0.113.9"], "203.0.113.9"),
            (&["for=6.6.6.6\", for=\"203.0.113.9\""], "203.0.113.9"),
            (&["for=\"6.6.6.6\\\", for=\"203.0.113.9\""], "203.0.113.9"),
            (&["for=6.6.6.6, for=\"203.0.113.9\";by=\"a,b;for=6.6.6.6\", for=10.0.0.1"], "203.0.113.9"),
        ];
        for (lines, expected) in cases {
            assert_eq!(client_by_forwarded(lines), *expected, "{lines:?}");
        }
    }

    #[test]
    fn only_the_dialect_of_the_proxy_counts() {
        let both = [("Forwarded", "for=6.6.6.6;proto=https"), ("X-Forwarded-For", "203.0.113.9")];
        assert_eq!(asked(ForwardedHeader::XForwarded, &both).0, "203.0.113.9");
        assert_eq!(asked(ForwardedHeader::XForwarded, &both).1, "http");
        assert_eq!(asked(ForwardedHeader::Rfc7239, &both).0, "6.6.6.6");
        assert_eq!(asked(ForwardedHeader::Rfc7239, &both).1, "https");
    }

    #[test]
    fn https_is_served_over_tls_or_for_a_trusted_proxy() {
        let mut app = App::new();
        app.get("/", |_| "here");
        app.fallback(|_| "elsewhere");
        let ask = |app: &App, method, target: &str| {
            let reply = app.test().request(method, target).send();
            (reply.status().as_u16(), reply.text().to_owned())
        };
        for (method, target) in [("GET", "https://a/"), ("GET", "HTTPS://a:443/x"), ("OPTIONS", "https://a")] {
            assert_eq!(ask(&app, method, target).0, 421, "{method} {target}");
        }
        assert_eq!(ask(&app, "GET", "http://a/"), (200, "here".to_owned()));
        app.trusted_proxies(["unix"]);
        assert_eq!(ask(&app, "GET", "https://a/"), (200, "here".to_owned()));
        assert_eq!(ask(&app, "GET", "https://a/x"), (200, "elsewhere".to_owned()));
    }

    #[test]
    fn scheme_and_host_come_with_the_client() {
        let x = |name, value| asked(ForwardedHeader::XForwarded, &[("Host", "inner"), (name, value)]);
        for (value, scheme) in [
            ("https", "https"),
            ("http, HTTPS", "https"),
            ("https, http", "http"),
            ("wss", "https"),
            ("WSS", "https"),
            ("https, ws", "http"),
            ("https,", "https"),
            ("wss , ,\t,", "https"),
            ("gopher", "http"),
            ("", "http"),
            (",", "http"),
        ] {
            assert_eq!(x("X-Forwarded-Proto", value).1, scheme, "{value}");
            let quoted =
                asked(ForwardedHeader::Rfc7239, &[("Forwarded", &format!("for=203.0.113.9;proto=\"{value}\""))]);
            assert!(value.contains(',') || quoted.1 == scheme, "{value}");
        }
        for (value, host) in [
            ("a.example:8443", "a.example:8443"),
            ("b, a", "a"),
            ("shop.example,", "shop.example"),
            (",,b,, ,", "b"),
            ("", "inner"),
            (",", "inner"),
            ("a/b", "inner"),
            ("a b", "inner"),
        ] {
            assert_eq!(x("X-Forwarded-Host", value).2, host, "{value}");
        }
        let lines = [("Host", "inner"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Proto", "")];
        assert_eq!(asked(ForwardedHeader::XForwarded, &lines).1, "https");
        for value in ["proto=wss", ";proto=wss;", "for=203.0.113.9;proto=https, ,"] {
            assert_eq!(asked(ForwardedHeader::Rfc7239, &[("Forwarded", value)]).1, "https", "{value}");
        }
        let line = "for=6.6.6.6;proto=http;host=forged, for=203.0.113.9;proto=https;host=\"a.example:80\", for=10.0.0.1;proto=http;host=b";
        assert_eq!(
            asked(ForwardedHeader::Rfc7239, &[("Forwarded", line)]),
            ("203.0.113.9".into(), "https".into(), "a.example:80".into())
        );
        let hidden = asked(ForwardedHeader::Rfc7239, &[("Forwarded", "for=_hidden;proto=https")]);
        assert_eq!(hidden.1, "https");
    }

    #[test]
    fn no_forwarded_field_is_trusted_by_default() {
        let fields = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "forged")];
        for trust in [vec![], vec!["127.0.0.1"], vec!["0.0.0.0/0", "::/0"]] {
            let mut app = App::new();
            if !trust.is_empty() {
                app.trusted_proxies(trust).host();
            }
            app.get("/", |req| format!("{:?} {} {:?}", req.client_addr(), req.scheme(), req.client_host()));
            let client = app.test();
            let request = fields.iter().fold(client.get("/"), |request, (name, value)| request.header(name, value));
            assert_eq!(request.send().text(), "None http Some(\"localhost\")");
        }
        let mut app = App::new();
        app.trusted_proxies(["unix"]);
        app.get("/", |req| req.client_host().unwrap_or_default().into_owned());
        assert_eq!(app.test().get("/").header("X-Forwarded-Host", "forged").send().text(), "localhost");
    }

    #[test]
    fn a_list_of_any_length_costs_32_hops() {
        for entries in [1, 2, 31, 32, 33, 100, 1000] {
            let list = vec!["10.0.0.1"; entries - 1].join(",");
            let expected = if entries <= MAX_HOPS { "203.0.113.9" } else { "10.0.0.1" };
            assert_eq!(client_by_x_forwarded_for(&[&format!("203.0.113.9,{list}")]), expected, "{entries} entries");
        }
        assert_eq!(client_by_x_forwarded_for(&[&format!("203.0.113.9{}", ",".repeat(40))]), "none");
    }

    #[test]
    fn ranges() {
        let range = |text| Network::parse(text).unwrap();
        let address = |text: &str| text.parse::<IpAddr>().unwrap().to_canonical();
        let cases = [
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "127.0.0.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
        ];
        for (network, client, expected) in cases {
            assert_eq!(range(network).contains(address(client)), expected, "{network} {client}");
        }
        for wrong in [
            "",
            "unixx",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/-1",
            "10.0.0/8",
            "a.example",
            " ::1",
        ] {
            assert!(Network::parse(wrong).is_none(), "{wrong:?}");
        }
    }

    #[test]
    #[should_panic(expected = "trusted_proxies: \"10.0.0.1/8\" is not an address")]
    fn a_wrong_range_is_found_at_start_up() {
        App::new().trusted_proxies(["127.0.0.1", "10.0.0.1/8"]);
    }

    proptest! {
        /// Whatever a client sends, the result is the entry that the trusted proxy appends.
        #[test]
        fn no_forgery_moves_the_client(forged in "[ -~]{0,60}") {
            prop_assert_eq!(client_by_x_forwarded_for(&[&format!("{forged}, 203.0.113.9")]), "203.0.113.9");
            prop_assert_eq!(client_by_x_forwarded_for(&[&forged, "203.0.113.9"]), "203.0.113.9");
            prop_assert_eq!(client_by_forwarded(&[&format!("{forged}, for=\"203.0.113.9:80\"")]), "203.0.113.9");
        }
    }
}
