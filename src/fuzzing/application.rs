//! A whole application: every reader of a request and every writer of a response, with strangers' bytes in each; no socket, no thread.

use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use super::answers::{self, Answer};
use crate::app::App;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::request::cookie::Cookie;
use crate::request::pagination::Page;
use crate::response::Response;
use crate::response::error::Error;
use crate::response::into_response::IntoResponse;
use crate::response::redirect::Redirect;
use crate::testing::TestClient;

/// Built once: it has no state that a request changes.
pub(super) static APP: LazyLock<App> = LazyLock::new(app);

/// The same behind a proxy that speaks the other dialect.
static FORWARDED: LazyLock<App> = LazyLock::new(|| {
    let mut app = app();
    app.trusted_proxies(["unix", "10.0.0.0/8"]).host().forwarded();
    app
});

thread_local! {
    /// The methods that the application was asked with.
    static ASKED: RefCell<Vec<Method>> = const { RefCell::new(Vec::new()) };
}

const BODY: &[u8] = b"The quick brown fox jumps over the lazy dog.\n";
const TAG: &str = "v1";

/// Fields whose values are read, and the path where they are.
const READ: &[(&str, &str)] = &[
    ("Cookie", "/read"),
    ("Accept", "/read"),
    ("Accept-Encoding", "/read"),
    ("Accept-Language", "/read"),
    ("Forwarded", "/read"),
    ("X-Forwarded-For", "/read"),
    ("X-Forwarded-Host", "/read"),
    ("X-Forwarded-Proto", "/read"),
    ("Authorization", "/read"),
    ("Content-Type", "/read"),
    ("Range", "/file"),
    ("Range: bytes=1-2\r\nIf-Range", "/file"),
    ("If-None-Match", "/file"),
    ("If-Match", "/file"),
    ("If-Modified-Since", "/file"),
    ("If-Unmodified-Since", "/file"),
    ("Connection", "/stream"),
    ("Expect", "/echo"),
    ("Transfer-Encoding", "/echo"),
    ("Content-Length", "/echo"),
];

/// Ways out for a text.
const WRITTEN: &[&str] = &["field", "name", "cookie", "tag", "redirect", "vary", "error", "challenge", "cache", "json"];

/// However the bytes come and however slowly the answers are taken, they are the same, and a strict client can read them.
pub fn application(data: &[u8]) {
    let Some((&step, input)) = data.split_first() else { return };
    let step = usize::from(step).max(1);
    let client = APP.test();
    let whole = asked(&client, input, input.len().max(1), usize::MAX);
    let pieces = asked(&client, input, step, usize::MAX);
    assert!(expects(input) || pieces == whole, "in pieces of {step}: {pieces:?}, whole: {whole:?}");
    assert_eq!(asked(&client, input, input.len().max(1), step), whole, "taken {step} bytes at a time");
}

/// Whether a client may have said that it waits for 100: whether it does depends on whether its body is here (RFC 9110 §10.1.1).
pub(super) fn expects(input: &[u8]) -> bool {
    input.to_ascii_lowercase().windows(7).any(|window| window == b"expect:")
}

/// One field's value, or one text that an answer is made of.
pub fn field(data: &[u8]) {
    let Some((&choice, value)) = data.split_first() else { return };
    let choice = usize::from(choice) % (READ.len() + WRITTEN.len());
    let request = match READ.get(choice) {
        Some((name, path)) => {
            [format!("GET {path} HTTP/1.1\r\nHost: a\r\n{name}: ").as_bytes(), value, b"\r\n\r\n"].concat()
        }
        None => {
            let text = percent_encoding::percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            format!("GET /write/{}?text={text} HTTP/1.1\r\nHost: a\r\n\r\n", WRITTEN[choice - READ.len()]).into_bytes()
        }
    };
    for app in [&APP, &FORWARDED] {
        for answer in asked(&app.test(), &request, request.len(), usize::MAX) {
            parts_fit(&answer);
        }
    }
}

/// What came back to bytes in pieces of `step`, when the client takes `room` bytes at a time.
fn asked(client: &TestClient<'_>, input: &[u8], step: usize, room: usize) -> Vec<Answer> {
    ASKED.take();
    let mut connection = client.connect();
    connection.room(room);
    input.chunks(step).for_each(|piece| connection.send(piece));
    connection.half_close();
    let mut taken = 0;
    while room < usize::MAX && taken < connection.received().len() {
        taken = connection.received().len();
        connection.room(room);
    }
    let received = connection.received().to_vec();
    assert!(connection.is_over(), "the client has closed, and has taken everything");
    answers::read(&received, &ASKED.take())
}

fn app() -> App {
    let mut app = App::new();
    // A test's connection comes from nowhere, as one on a unix socket does.
    app.trusted_proxies(["unix", "10.0.0.0/8"]).host();
    app.before(|req| {
        ASKED.with_borrow_mut(|asked| asked.push(req.method()));
        Ok(())
    });
    app.get("/read", read);
    app.get("/file", file);
    app.get("/stream", |_| {
        let mut response = Response::new(StatusCode::OK);
        response.chunks(["one", "", "three"]);
        response
    });
    app.post("/echo", |req| req.body().to_vec());
    app.post("/form", |req| format!("{} {}", req.files().count(), req.form_pairs().count()));
    app.put("/echo", |req| req.body().to_vec()).max_body(9);
    app.get("/users/{id:int}", |req| req.param::<u64>("id").map(|id| id.to_string()));
    app.get("/write/{way}", write);
    app
}

/// Whatever a request says, its parts are parts of it, and text is fit to be shown.
fn read(req: &Request<'_>) -> crate::Result<String> {
    for (name, _) in req.cookies() {
        let first = req.cookies().find(|(other, _)| *other == name).map(|(_, value)| value);
        assert_eq!(req.cookie(name), first);
    }
    let offers = ["text/html", "application/json;v=1"];
    assert!(req.accepts(&offers).is_none_or(|offer| offers.contains(&offer)));
    let offers = ["gzip", "identity"];
    assert!(req.accepts_encoding(&offers).is_none_or(|offer| offers.contains(&offer)));
    let offers = ["de-CH", "en"];
    assert!(req.accepts_language(&offers).is_none_or(|offer| offers.contains(&offer)));
    assert!(["http", "https"].contains(&req.scheme()));
    for text in [req.url(), req.base_url(), req.client_host().unwrap_or_default().into_owned()] {
        assert!(!text.contains(|c: char| c.is_control() || c == ' '), "{text:?}");
    }
    assert!(req.url().starts_with(req.base_url().trim_end_matches('/')), "{} {}", req.url(), req.base_url());
    let page = Page::from(req, 10, 100);
    assert!(page.number >= 1 && (1..=100).contains(&page.per_page));
    assert!(page.slice(0..1000).count() <= 100);
    assert!(!page.links(1000).contains(|c: char| c.is_control()));
    let address = req.client_addr().map(|address| address.to_string()).unwrap_or_default();
    let known = [req.authorization().is_some(), req.is_json(), req.is_form(), req.json_value().is_ok()];
    Ok(format!("{address} {known:?}"))
}

fn file(_: &Request<'_>) -> Response {
    let mut response = Response::new(StatusCode::OK);
    response.bytes(BODY);
    response.etag(TAG);
    response.last_modified(UNIX_EPOCH + Duration::from_secs(784_111_777));
    response.accept_ranges();
    response
}

/// A 206 has the bytes that it names, a 304 and a 416 have what makes them useful (RFC 9110 §14.4, §15.4.5, §15.5.17).
fn parts_fit(answer: &Answer) {
    let range: Vec<_> = answer.values("content-range").collect();
    match (answer.status, range.as_slice()) {
        (206, [range]) => {
            let range = String::from_utf8_lossy(range);
            let numbers: Vec<usize> = range.split([' ', '-', '/']).filter_map(|number| number.parse().ok()).collect();
            let [first, last, length] = numbers[..] else { unreachable!("{range}") };
            assert_eq!((BODY.get(first..=last), length), (Some(&answer.body[..]), BODY.len()), "{range}");
        }
        (416, [range]) => assert_eq!(*range, format!("bytes */{}", BODY.len()).as_bytes()),
        (304, []) => assert_eq!(answer.values("etag").collect::<Vec<_>>(), [b"\"v1\""]),
        (206 | 416, _) => unreachable!("{answer:?}"),
        (_, range) => assert!(range.is_empty(), "{answer:?}"),
    }
}

/// Puts a stranger's text into every place of an answer that takes text: it arrives as it is, or the answer is a 500.
fn write(req: &Request<'_>) -> crate::Result<Response> {
    let text = req.query_required::<String>("text")?;
    let mut response = Response::new(StatusCode::OK);
    match req.param::<String>("way")?.as_str() {
        "field" => response.header("X-Text", &text),
        "name" => response.append_header(&text, "value"),
        "cookie" => {
            response.set_cookie(Cookie::new("c", text.clone()));
            response.set_cookie(Cookie::new(text.clone(), "v").path(text.clone()).domain(text));
        }
        "tag" => response.weak_etag(&text),
        "redirect" => Redirect::found(text).into_response(&mut response),
        "vary" => response.vary(&text),
        "error" => return Err(Error::bad_request(text.clone()).with_header("X-Text", text)),
        "challenge" => return Err(Error::unauthorized(text.clone(), text)),
        "cache" => response.cache_control(&text),
        _ => response.json(&[text]),
    }
    Ok(response)
}
