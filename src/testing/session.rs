//! A test client that keeps cookies and follows redirects, as a browser does.

use std::sync::Mutex;

use super::{TestClient, TestRequest, TestResponse};
use crate::sync::lock;

/// Redirects that are followed: browsers stop after 20.
const MAX_REDIRECTS: usize = 20;

/// What a session keeps between its requests.
#[derive(Default)]
pub(super) struct KeptCookies {
    /// Names and values, without regard to paths and domains: all requests go to one application.
    cookies: Mutex<Vec<(String, String)>>,
}

impl<'a> TestClient<'a> {
    /// Keeps cookies from one request to the next, and follows redirects.
    ///
    /// A cookie is sent until its `Max-Age` is 0 or its value is empty. A redirect is followed to a
    /// path of this application: with GET after 303 unless the request is a HEAD, and after 301 and
    /// 302 if it is a POST, as browsers do (RFC 9110 §15.4). [`TestResponse::status`] is that of the
    /// last response.
    ///
    /// ```
    /// use wirelight::{App, Cookie, Redirect, Response};
    ///
    /// let mut app = App::new();
    /// app.post("/login", |_| Response::from(Redirect::see_other("/")).cookie(Cookie::new("user", "zoe")));
    /// app.get("/", |req| format!("Hello, {}!", req.cookie("user").unwrap_or("stranger")));
    ///
    /// let client = app.test().session();
    /// assert_eq!(client.post("/login").send().text(), "Hello, zoe!");
    /// assert_eq!(client.get("/").send().text(), "Hello, zoe!");
    /// assert_eq!(app.test().get("/").send().text(), "Hello, stranger!");
    /// ```
    #[must_use]
    pub fn session(mut self) -> TestClient<'a> {
        self.session = Some(KeptCookies::default());
        self
    }
}

impl TestRequest<'_> {
    /// Adds pairs to the query of the target, encoded.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/search", |req| req.query("q").map(|q| q.into_owned()));
    /// assert_eq!(app.test().get("/search").query(&[("q", "a&b c"), ("page", "2")]).send().text(), "a&b c");
    /// ```
    #[must_use]
    pub fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        let separator = if self.target.contains('?') { "&" } else { "?" };
        self.target += separator;
        self.target += &form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        self
    }

    /// Sends the request in its session, if there is one.
    pub(super) fn send_in_session(mut self) -> TestResponse {
        let Some(session) = &self.client.session else { return self.send_once("") };
        for _ in 0..MAX_REDIRECTS {
            let response = self.send_once(&session.cookie_field());
            session.keep(&response);
            let Some(location) = response.header("location").filter(|_| response.status().is_redirection()) else {
                return response;
            };
            let Some(target) = self.resolve(location) else { return response };
            let status = response.status().as_u16();
            if status == 303 && self.method != "HEAD" || matches!(status, 301 | 302) && self.method == "POST" {
                (self.method, self.body) = ("GET".to_owned(), None);
                self.drop_content_fields();
            }
            self.target = target;
        }
        self.send_once(&session.cookie_field())
    }

    /// Returns the target of a location in this application: a path, or a query.
    fn resolve(&self, location: &str) -> Option<String> {
        let location = location.split('#').next().unwrap_or_default();
        match location.as_bytes() {
            [b'/', b'/', ..] => None,
            [b'/', ..] => Some(location.to_owned()),
            [b'?', ..] => Some(format!("{}{location}", self.target.split('?').next().unwrap_or_default())),
            _ => None,
        }
    }
}

impl KeptCookies {
    fn cookie_field(&self) -> String {
        let cookies = lock(&self.cookies);
        let pairs: Vec<_> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { String::new() } else { format!("Cookie: {}\r\n", pairs.join("; ")) }
    }

    /// Keeps the cookies that a response sets.
    fn keep(&self, response: &TestResponse) {
        let mut cookies = lock(&self.cookies);
        for (_, line) in response.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")) {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let Some((name, value)) = pair.split_once('=') else { continue };
            let expired = attributes.split(';').any(|attribute| attribute.trim().eq_ignore_ascii_case("max-age=0"));
            cookies.retain(|(kept, _)| kept != name);
            if !expired && !value.is_empty() {
                cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{App, Cookie, Redirect, Response};

    #[test]
    fn a_session_ends_where_a_browser_would() {
        let mut app = App::new();
        app.get("/loop", |_| Redirect::found("/loop"));
        app.get("/away", |_| Redirect::found("https://example.org/"));
        app.get("/away-too", |_| Redirect::found("//example.org/"));
        app.get("/query", |req| match req.query("a") {
            Some(a) => Response::from(a.into_owned()),
            None => Response::from(Redirect::found("?a=b#c")),
        });
        app.post("/keep", |_| Redirect::temporary("/echo"));
        app.post("/drop", |_| Redirect::found("/echo"));
        app.get("/echo", |req| format!("GET {:?} {}", req.content_type(), req.body().len()));
        app.post("/echo", |req| format!("POST {:?} {}", req.content_type(), req.body().len()));
        let client = app.test().session();
        let get = |path: &str| client.get(path).send().status().as_u16();
        assert_eq!([get("/loop"), get("/away"), get("/away-too")], [302; 3]);
        assert_eq!(client.get("/query").send().text(), "b");
        let post = |path: &str| client.post(path).body("text/plain", "body").send().text().to_owned();
        assert_eq!(post("/keep"), "POST Some(\"text/plain\") 4");
        assert_eq!(post("/drop"), "GET None 0");
    }

    #[test]
    fn a_cookie_is_kept_until_it_expires() {
        let mut app = App::new();
        app.get("/set", |_| {
            Response::default()
                .cookie(Cookie::new("a", "1"))
                .cookie(Cookie::new("b", "2"))
                .cookie(Cookie::new("a", "3"))
        });
        app.get("/expire", |_| Response::default().cookie(Cookie::new("b", "x").max_age(Duration::ZERO)));
        app.get("/", |req| req.header("Cookie").unwrap_or("none").to_owned());
        let client = app.test().session();
        let cookies = || client.get("/").send().text().to_owned();
        assert_eq!(cookies(), "none");
        client.get("/set").send();
        assert_eq!(cookies(), "b=2; a=3");
        client.get("/expire").send();
        assert_eq!(cookies(), "a=3");
    }
}
