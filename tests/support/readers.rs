//! Every reader of a client's bytes, each with the request that makes it work hardest; measures nothing.
//!
//! The bench prints what they cost in time, a test counts the instructions: one list, so that neither can forget a reader.

use std::collections::BTreeMap;

use wirelight::middleware::{AccessLog, BasicAuth, BearerAuth, Cors, Csrf, Format, Gzip, Keyring, RequestId, Sessions};
use wirelight::{App, Request, Result, Router, TrailingSlash};

/// One reader and the input that it gets.
pub struct Case {
    /// What is read, and how often.
    pub name: &'static str,
    /// The part of a request that grows; the default limits bound it.
    pub grows: Grows,
    /// A request with about so many bytes of it.
    pub request: fn(usize) -> Vec<u8>,
    /// The status of its response.
    pub status: u16,
    /// Bytes that arrive at a time; none: all of them.
    pub piece: Option<usize>,
}

/// What of a request grows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Grows {
    /// The request line, up to 8 KiB.
    Target,
    /// The head, up to 16 KiB.
    Head,
    /// The body, up to 1 MiB.
    Body,
}

impl Grows {
    /// A quarter of what the default limits allow.
    pub fn quarter(self) -> usize {
        match self {
            Grows::Target => 1_900,
            Grows::Head => 3_500,
            Grows::Body => 250_000,
        }
    }
}

const fn target(name: &'static str, request: fn(usize) -> Vec<u8>) -> Case {
    Case { name, grows: Grows::Target, request, status: 200, piece: None }
}

const fn head(name: &'static str, request: fn(usize) -> Vec<u8>) -> Case {
    Case { name, grows: Grows::Head, request, status: 200, piece: None }
}

const fn body(name: &'static str, request: fn(usize) -> Vec<u8>) -> Case {
    Case { name, grows: Grows::Body, request, status: 200, piece: None }
}

const fn refused(case: Case, status: u16) -> Case {
    Case { status, ..case }
}

const fn bytewise(case: Case) -> Case {
    Case { piece: Some(1), ..case }
}

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";
const JSON: &str = "application/json";

/// All of them.
pub const CASES: &[Case] = &[
    // The head.
    head("one long field", |n| get("/", &format!("X: {}\r\n", "v".repeat(n)))),
    head("short fields", |n| get("/", &short_fields(n))),
    bytewise(head("short fields, byte by byte", |n| get("/", &short_fields(n)))),
    bytewise(head("one long field, byte by byte", |n| get("/", &format!("X: {}\r\n", "v".repeat(n))))),
    refused(head("a bad byte at the end", |n| get("/", &format!("X: {}\0\r\n", "v".repeat(n)))), 400),
    refused(
        head("a bad host at its end", |n| raw(&format!("GET / HTTP/1.1\r\nHost: {}\"\r\n\r\n", "h".repeat(n)))),
        400,
    ),
    head("Host", |n| raw(&format!("GET /host HTTP/1.1\r\nHost: {}\r\n\r\n", "h".repeat(n)))),
    head("Host, where hosts have routes", |n| raw(&format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "h.".repeat(n / 2)))),
    head("Connection", |n| get("/", &list("Connection", "a, ", n))),
    head("Expect", |n| get("/", &list("Expect", "100-continue, ", n))),
    refused(head("Transfer-Encoding", |n| get("/", &list("Transfer-Encoding", "chunked, ", n))), 400),
    refused(head("Content-Length", |n| get("/", &format!("Content-Length: {}\r\n", "0".repeat(n)))), 200),
    // The target.
    target("path", |n| get(&format!("/path/{}", "%41".repeat(n / 3)), "")),
    target("path of many segments", |n| get(&format!("/path/{}", "a/".repeat(n / 2)), "")),
    refused(target("path that only the tree can refuse", |n| get(&"/a".repeat(n / 2), "")), 404),
    target("path of a fallback", |n| get(&format!("/rest/{}", "a/".repeat(n / 2)), "")),
    target("path, into a type", |n| get(&format!("/params/{}", "%41".repeat(n / 3)), "")),
    refused(target("path of many slashes", |n| get(&"/".repeat(n), "")), 308),
    refused(target("path of a file, many segments", |n| get(&format!("/files/{}x", "a/".repeat(n / 2)), "")), 404),
    refused(target("a bad byte in a path", |n| get(&format!("/{}\"", "a".repeat(n)), "")), 400),
    refused(target("a bad byte in a query", |n| get(&format!("/?{}\u{e9}", "%".repeat(n)), "")), 400),
    target("URL", |n| get(&format!("/url?{}", "%C3%A9%".repeat(n / 7)), "")),
    target("query, a name of each", |n| get(&format!("/query?{}", pairs(n)), "")),
    target("query, pairs", |n| get(&format!("/query/pairs?{}", "a&".repeat(n / 2)), "")),
    target("query, one name many times", |n| get(&format!("/query?{}", "a=1&".repeat(n / 4)), "")),
    target("query of escapes", |n| get(&format!("/query?a={}", "%41".repeat(n / 3)), "")),
    target("query, into a type", |n| get(&format!("/query/as?{}", pairs(n)), "")),
    // Fields that the application reads.
    head("Cookie, a name of each", |n| {
        get("/cookies", &format!("Cookie: {}\r\n", many(n, 8, |k| format!("{k:05x}=1;"))))
    }),
    head("Cookie, empty members", |n| get("/cookies", &list("Cookie", ";=", n))),
    head("Accept", |n| get("/accept", &list("Accept", "text/x;q=0.5, ", n))),
    head("Accept, parameters", |n| get("/accept", &format!("Accept: text/html{}\r\n", ";a=b".repeat(n / 4)))),
    head("Accept, open quotes", |n| get("/accept", &list("Accept", "a/b;c=\"\\\\, ", n))),
    head("Accept-Encoding", |n| get("/gzip", &list("Accept-Encoding", "br;q=.5, ", n))),
    head("Accept-Language", |n| get("/accept", &list("Accept-Language", "de-CH;q=.5, ", n))),
    head("Authorization", |n| get("/authorization", &format!("Authorization: Basic {}\r\n", "a".repeat(n)))),
    refused(head("a password", |n| get("/basic", &format!("Authorization: Basic {}\r\n", "YTph".repeat(n / 4)))), 401),
    refused(head("a token", |n| get("/bearer", &format!("Authorization: Bearer {}\r\n", "a".repeat(n)))), 401),
    head("a session", |n| get("/session", &format!("Cookie: session={}\r\n", "A".repeat(n)))),
    refused(head("If-Match", |n| get("/etag", &list("If-Match", "\"x\", ", n))), 412),
    head("If-None-Match", |n| get("/etag", &list("If-None-Match", "W/\"x\", ", n))),
    head("If-Modified-Since", |n| get("/etag", &format!("If-Modified-Since: {}\r\n", "Sun, ".repeat(n / 5)))),
    head("If-Range", |n| get("/etag", &format!("Range: bytes=0-1\r\n{}", list("If-Range", "\"x\", ", n)))),
    head("Range", |n| get("/etag", &list("Range", "bytes=0-0,", n))),
    head("X-Forwarded-For", |n| get("/client", &list("X-Forwarded-For", "10.0.0.1, ", n))),
    head("X-Forwarded-Proto, empty members", |n| get("/client", &list("X-Forwarded-Proto", ",", n))),
    head("Forwarded", |n| get("/client", &list("Forwarded", "for=10.0.0.1;proto=https, ", n))),
    head("Forwarded, open quotes", |n| get("/client", &list("Forwarded", "for=\"\\\\\\\", ", n))),
    head("Forwarded, parameters", |n| get("/client", &list("Forwarded", "a=b;", n))),
    refused(
        head("Upgrade", |n| get("/upgrade", &format!("Connection: upgrade\r\n{}", list("Upgrade", "a, ", n)))),
        426,
    ),
    head("Last-Event-ID", |n| get("/events", &format!("Last-Event-ID: {}\r\n", "1-".repeat(n / 2)))),
    head("Origin", |n| get("/cors", &format!("Origin: {}\r\n", "o".repeat(n)))),
    refused(
        head("Origin, of a form", |n| {
            raw(&format!("POST /form-of-a-page HTTP/1.1\r\nHost: a\r\nOrigin: {}\r\n\r\n", "o".repeat(n)))
        }),
        403,
    ),
    head("X-Request-ID", |n| get("/id", &format!("X-Request-ID: {}\r\n", "i".repeat(n)))),
    head("fields of the access log", |n| get("/log", &format!("User-Agent: {}\r\n", "\u{e9}".repeat(n / 2)))),
    head("Content-Type, asked ten times", |n| post("/is-form", &parameters(MULTIPART, n), "")),
    head("Content-Type, a quoted boundary", |n| {
        post("/is-form", &format!("multipart/form-data; boundary=\"{}\"", "\\\"%22".repeat(n / 5)), "")
    }),
    // Bodies.
    body("body", |n| post("/body", "text/plain", &"x".repeat(n))),
    body("chunks of one byte", |n| chunked(n, "1\r\nx\r\n")),
    body("chunk extensions", |n| chunked(n, &format!("3e8;a=b;c=\"d\"\r\n{}\r\n", ".".repeat(1_000)))),
    Case { piece: Some(13), ..body("chunks of one byte, 13 bytes at a time", |n| chunked(n, "1\r\nx\r\n")) },
    body("text", |n| post("/text", "text/plain", &"\u{e9}".repeat(n / 2))),
    body("JSON, an array", |n| post("/json", JSON, &format!("[{}0]", "0,".repeat(n / 2)))),
    body("JSON, names", |n| post("/json", JSON, &format!("{{{}\"\":0}}", many(n, 11, |k| format!("\"{k:06x}\":0,"))))),
    body("JSON, a text of escapes", |n| post("/json", JSON, &format!("\"{}\"", "\\u00e9".repeat(n / 6)))),
    refused(body("JSON, a long number", |n| post("/json", JSON, &"9".repeat(n))), 400),
    refused(body("JSON, too deep", |n| post("/json", JSON, &"[".repeat(n))), 400),
    refused(
        body("JSON, every field wrong", |n| {
            post("/json/as", JSON, &format!("{{{}\"\":0}}", many(n, 13, |k| format!("\"{k:06x}\":\"x\","))))
        }),
        422,
    ),
    body("form, into a type", |n| post("/form/as", URLENCODED, &pairs(n))),
    body("form, a name of each", |n| post("/form", URLENCODED, &pairs(n))),
    body("form, one name many times", |n| post("/form", URLENCODED, &"a=1&".repeat(n / 4))),
    body("form of escapes, asked ten times", |n| post("/form/ten", URLENCODED, &format!("a={}", "%41".repeat(n / 3)))),
    body("multipart, asked ten times", |n| post("/form/ten", MULTIPART, &part(&"x".repeat(n)))),
    body("multipart, a name of each", |n| post("/form", MULTIPART, &parts(n))),
    refused(body("multipart, heads of many parameters", |n| post("/parts", MULTIPART, &heavy_heads(n))), 400),
    body("multipart, almost boundaries", |n| post("/parts", MULTIPART, &part(&"\r\n--bx\r\n--b \tx".repeat(n / 14)))),
    body("multipart, part by part", |n| post("/multipart", MULTIPART, &part(&"\r\n--bx\r\n--b \tx".repeat(n / 14)))),
    refused(body("multipart, no end", |n| post("/parts", MULTIPART, &"\r\n--b--x".repeat(n / 8))), 400),
];

impl Case {
    /// Sends the request on a connection of its own and returns what came back.
    pub fn exchange(&self, app: &App, request: &[u8]) -> Vec<u8> {
        let client = app.test();
        let mut connection = client.connect();
        request.chunks(self.piece.unwrap_or(usize::MAX)).for_each(|piece| connection.send(piece));
        connection.take_received().to_vec()
    }

    /// The application that reads it: `Forwarded` is read where proxies are known to set it.
    pub fn app(&self) -> App {
        let mut app = app(self.name.starts_with("Forwarded"));
        if self.name.starts_with("Host, ") {
            app.host("*.example.org", Router::new());
        }
        app
    }
}

/// An application in which each of them has its route.
fn app(forwarded: bool) -> App {
    let mut app = App::new();
    let proxies = app.trusted_proxies(["unix", "10.0.0.0/8"]).host();
    if forwarded {
        proxies.forwarded();
    }
    app.trailing_slash(TrailingSlash::Redirect);
    app.get("/", |_| "");
    app.post("/", |_| "");
    app.get("/host", |req| req.url());
    app.get("/a/{b}/{c:int}/d", |_| "");
    app.get("/a/{b}/{c}/{d}/{e:int}", |_| "");
    app.get("/path/{rest:path}", |req| req.param::<String>("rest").map(|rest| format!("{rest}{}", req.path())));
    app.get("/params/{rest:path}", |req| req.params_as::<BTreeMap<String, String>>().map(|_| ""));
    app.files("/files", concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    app.get("/url", |req| req.url());
    app.get("/query", |req| {
        ask(req.query_pairs().map(|(name, _)| name.into_owned()), |name| req.query(name).is_some())
    });
    app.get("/query/as", |req| req.query_as::<BTreeMap<String, String>>().map(|_| ""));
    app.get("/query/pairs", |req| req.query_pairs().count().to_string());
    app.get("/cookies", |req| ask(req.cookies().map(|(name, _)| name.to_owned()), |name| req.cookie(name).is_some()));
    app.get("/accept", |req| {
        let kind = req.accepts(&["application/json", "text/html", "text/html;a=b"]);
        format!("{kind:?} {:?}", req.accepts_language(&["en", "fr"]))
    });
    app.get("/gzip", |req| req.accepts_encoding(&["br", "gzip", "identity"]).unwrap_or_default().to_owned());
    app.get("/authorization", |req| req.authorization().is_some().to_string());
    app.get("/etag", |_| wirelight::Response::default().text("0123456789").etag("v1").accept_ranges());
    app.get("/client", |req| format!("{:?} {} {:?}", req.client_addr(), req.scheme(), req.client_host()));
    app.get("/upgrade", |req| wirelight::Response::upgrade(req, "websocket", |_, _| {}));
    let events = wirelight::events::Broadcast::new();
    app.get("/events", move |req| {
        drop(events.subscribe(req));
        "subscribed"
    });
    app.post("/is-form", |req| (0..10).filter(|_| req.is_form()).count().to_string());
    app.post("/body", |req| req.body().len().to_string());
    app.post("/text", |req| req.text_body().map(|text| text.len().to_string()));
    app.post("/json", |req| req.json_value().map(|_| ""));
    app.post("/form", |req| ask(req.form_pairs().map(|(name, _)| name.into_owned()), |name| req.form(name).is_some()));
    app.post("/json/as", |req| req.json::<BTreeMap<String, u8>>().map(|_| ""));
    app.post("/form/as", |req| req.form_as::<BTreeMap<String, String>>().map(|_| ""));
    app.post("/form/ten", |req| (0..10).filter(|_| req.form("a").is_some()).count().to_string());
    app.post("/parts", |req: &Request| -> Result<String> { Ok(req.parts()?.len().to_string()) });
    app.post("/multipart", |req: &Request| -> Result<String> {
        let (mut form, mut size) = (req.multipart()?, 0);
        while let Some(mut part) = form.next_part()? {
            size += std::io::copy(&mut part, &mut std::io::sink())?;
        }
        Ok(size.to_string())
    });
    nest(&mut app);
    app
}

/// Routes whose readers are middleware.
fn nest(app: &mut App) {
    let mut router = Router::new();
    Cors::new(["https://app.example"]).add_to(&mut router);
    router.get("/cors", |_| "");
    app.nest("", router);
    let mut router = Router::new();
    RequestId::new().add_to(&mut router);
    Gzip::new().add_to(&mut router);
    router.get("/id", |_| "");
    app.nest("", router);
    let mut router = Router::new();
    router.fallback(|req| req.param::<String>("path"));
    app.nest("/rest", router);
    app.get("/basic", |_| "").require(BasicAuth::new([("a", "b")]).guard());
    app.get("/bearer", |_| "").require(BearerAuth::new([("a-secret-token", "a")]).guard());
    app.post("/form-of-a-page", |_| "").require(Csrf::new().guard());
    let mut router = Router::new();
    Sessions::new(Keyring::new(["one secret of thirty-two bytes or more"])).add_to(&mut router);
    router.get("/session", |req| req.session().get::<u8>("n").is_some().to_string());
    app.nest("", router);
    let mut router = Router::new();
    AccessLog::new(Format::Combined).to(std::io::sink()).add_to(&mut router);
    router.get("/log", |_| "");
    app.nest("", router);
}

/// Looks up every name that was read.
fn ask(names: impl Iterator<Item = String>, found: impl Fn(&str) -> bool) -> String {
    let names: Vec<_> = names.collect();
    assert!(names.iter().all(|name| found(name)), "a name that was read is not found");
    names.len().to_string()
}

fn raw(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn get(target: &str, fields: &str) -> Vec<u8> {
    raw(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

fn post(target: &str, media_type: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    raw(&format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

fn chunked(n: usize, chunk: &str) -> Vec<u8> {
    let chunks = chunk.repeat(n / chunk.len());
    raw(&format!("POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"))
}

/// About `n` bytes of pieces that have `size` bytes each.
fn many(n: usize, size: usize, piece: impl Fn(usize) -> String) -> String {
    (0..n / size.max(1)).map(piece).collect()
}

/// Up to 90 fields of the same size: there may not be more than 100.
fn short_fields(n: usize) -> String {
    let size = (n / 90).max(20);
    many(n, size, |number| format!("{number:03}: {}\r\n", "v".repeat(size - 7)))
}

/// A field whose value has about `n` bytes of the same member.
fn list(name: &str, member: &str, n: usize) -> String {
    format!("{name}: {}\r\n", member.repeat(n / member.len()))
}

fn pairs(n: usize) -> String {
    many(n, 8, |number| format!("{number:05x}=1&"))
}

fn parameters(start: &str, n: usize) -> String {
    start.to_owned() + &many(n, 9, |number| format!("; {number:05x}=1"))
}

fn part(data: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n{data}\r\n--b--\r\n")
}

/// Up to 1,000 parts: they grow when there may not be more.
fn parts(n: usize) -> String {
    let count = (n / 250).min(1_000);
    let data = "x".repeat((n / count.max(1)).saturating_sub(70));
    let parts: String = (0..count)
        .map(|k| format!("--b\r\nContent-Disposition: form-data; name=\"{k:05}\"\r\n\r\n{data}\r\n"))
        .collect();
    parts + "--b--\r\n"
}

/// Parts whose heads are as long as they may be, and full of parameters.
fn heavy_heads(n: usize) -> String {
    let parameters = many(7_900, 9, |number| format!("; {number:05x}=1"));
    let part = format!("--b\r\nContent-Disposition: form-data; name=a{parameters}\r\n\r\n\r\n");
    part.repeat((n / part.len()).max(1)) + "--b--\r\n"
}
