//! Builds the URL of a request in the form that Flask shows.

use crate::request::Request;

/// Characters that stay escaped in a path, because decoded they would end the path or a segment.
const PATH_KEEPS: &[u8] = b"/?#";

/// Characters that stay escaped in a query, because decoded they would end a name or a value, or
/// mean a space.
const QUERY_KEEPS: &[u8] = b"&=+#";

impl Request<'_> {
    /// Returns the whole URL: `http://localhost:8000/demo?page=2`, Flask's `request.url`.
    ///
    /// Decodes unnecessary escapes, as browsers show them: `?name=Zo%C3%AB` becomes `?name=Zoë`,
    /// while a space stays `%20`. Decoding the result returns what arrived. A `%2F` or `%25` in the
    /// path stays too; Flask shows `/` and `%`, which is another URL. The client chooses the host:
    /// do not build a link for an e-mail from it.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/demo", |req| req.url());
    /// let reply = app.test().get("/demo?name=Zo%C3%AB&tag=a%20b").header("Host", "Localhost:80").send();
    /// assert_eq!(reply.text(), "http://localhost/demo?name=Zoë&tag=a%20b");
    /// ```
    pub fn url(&self) -> String {
        match self.query_string() {
            "" => self.base_url(),
            query => format!("{}?{}", self.base_url(), decode_for_display(query, QUERY_KEEPS)),
        }
    }

    /// Returns the URL without its query: `http://localhost:8000/demo`.
    pub fn base_url(&self) -> String {
        let path = if self.is_server_wide() { "" } else { self.raw_path() }; // RFC 9112 §3.3
        format!("{}://{}{}", self.scheme(), self.authority(), decode_for_display(path, PATH_KEEPS))
    }

    /// Returns the host in lower case and without the scheme's default port (RFC 3986 §6.2.2.1,
    /// §6.2.3). HTTP/1.0 may omit it; RFC 9112 §3.3 then lets the server choose the default name.
    fn authority(&self) -> String {
        let host = self.client_host().unwrap_or("localhost".into());
        without_default_port(&host, self.scheme()).to_ascii_lowercase()
    }
}

/// Returns the authority without the default port of the scheme, which proxies write and browsers
/// do not (RFC 9110 §4.2.3).
pub(crate) fn without_default_port<'a>(authority: &'a str, scheme: &str) -> &'a str {
    let port = if scheme == "https" { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

/// Decodes escapes, except those of `kept`, of controls, of the space, of `%`, and of invalid
/// UTF-8. A `%` that does not begin an escape becomes `%25`: decoded text after it could otherwise
/// complete an escape.
fn decode_for_display(raw: &str, kept: &[u8]) -> String {
    let mut pieces = raw.split('%');
    let mut bytes = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        let escape = piece.split_at_checked(2).filter(|(hex, _)| hex.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some((hex, rest)) = escape else {
            bytes.extend([b"%25", piece.as_bytes()].concat());
            continue;
        };
        let byte = u8::from_str_radix(hex, 16).ok();
        match byte.filter(|byte| *byte > b' ' && !b"%\x7f".contains(byte) && !kept.contains(byte)) {
            Some(byte) => bytes.push(byte),
            None => bytes.extend([b"%", hex.as_bytes()].concat()),
        }
        bytes.extend(rest.as_bytes());
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| format!("%{byte:02X}")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::App;
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    /// Flask 3.1 returns the same for each, unless noted otherwise.
    #[test]
    fn urls() {
        let mut app = App::new();
        app.get("/{path:path}", |req| format!("{} {}", req.base_url(), req.url()));
        for (target, base, url) in [
            ("/demo?page=2&tag=a%20b", "/demo", "/demo?page=2&tag=a%20b"),
            ("/demo?tag=a+b", "/demo", "/demo?tag=a+b"),
            ("/demo?", "/demo", "/demo"),
            ("/demo?a=%2F&x=%C3%A9", "/demo", "/demo?a=/&x=é"),
            ("/demo?a=%26%3D%2B%23%3F", "/demo", "/demo?a=%26%3D%2B%23?"),
            ("/demo?a=%00%0A%7F%20%ff", "/demo", "/demo?a=%00%0A%7F%20%FF"),
            ("/demo?a=[x]|^\\{}`'", "/demo", "/demo?a=[x]|^\\{}`'"),
            ("/demo?a=%5B%7C%22%3C%3E%7E", "/demo", "/demo?a=[|\"<>~"),
            ("/demo?a=100%", "/demo", "/demo?a=100%25"),
            ("/demo?a=%%34%31&b=%+1", "/demo", "/demo?a=%2541&b=%25+1"),
            ("/caf%C3%A9/a%20b", "/café/a%20b", "/café/a%20b"),
            ("/a;b=c,d!$&'()*+:@~", "/a;b=c,d!$&'()*+:@~", "/a;b=c,d!$&'()*+:@~"),
            ("/%3Fx%23y", "/%3Fx%23y", "/%3Fx%23y"),
            ("/a%2Fb", "/a%2Fb", "/a%2Fb"), // Flask: /a/b, another resource
            ("/%252F", "/%252F", "/%252F"), // Flask: /%2F, another resource
            ("http://Other:8000/demo?a=b", "/demo", "/demo?a=b"),
        ] {
            let host = if target.starts_with('/') { "LocalHost:8000" } else { "Other:8000" };
            let reply = app.test().get(target).header("Host", host).send();
            let host = host.to_ascii_lowercase();
            assert_eq!(reply.text(), format!("http://{host}{base} http://{host}{url}"), "{target}");
        }
    }

    #[test]
    fn hosts() {
        let mut app = App::new();
        app.get("/", |req| req.url());
        for (host, url) in [
            ("example.com:80", "http://example.com/"),
            ("example.com:8080", "http://example.com:8080/"),
            ("[::1]:8000", "http://[::1]:8000/"),
            ("[::1]", "http://[::1]/"),
            ("", "http://localhost/"),
        ] {
            assert_eq!(app.test().get("/").header("Host", host).send().text(), url, "{host}");
        }
        app.after(|req, res| res.set_text(req.url()));
        for target in ["*", "http://a"] {
            // RFC 9112 §3.3: the server as a whole has no path.
            assert_eq!(app.test().request("OPTIONS", target).header("Host", "a").send().text(), "http://a", "{target}");
        }
        let old = app.test().raw(b"GET / HTTP/1.0\r\n\r\n");
        assert!(old.ends_with(b"\r\n\r\nhttp://localhost/"), "{}", old.escape_ascii());
    }

    proptest! {
        #[test]
        fn a_readable_text_means_the_same(raw in "([a-c/?&=+é\u{0}]|%[0-9a-fA-F]{0,2}){0,12}") {
            let decoded: Vec<u8> = percent_decode_str(&raw).collect();
            for kept in [PATH_KEEPS, QUERY_KEEPS] {
                let text = decode_for_display(&raw, kept);
                prop_assert_eq!(percent_decode_str(&text).collect::<Vec<u8>>(), decoded.clone(), "{}", text);
            }
        }
    }
}
