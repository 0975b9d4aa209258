//! Fuzzes a whole application: all readers of a request and all writers of a response, without sockets.

use std::cell::RefCell;
use std::io::Read;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use wirelight::{App, Cookie, Error, IntoResponse, Method, Page, Redirect, Request, Response, StatusCode, TestClient};

use crate::responses::{self, FinalResponse};

/// Built once, because requests do not change its state.
pub(crate) static APP: LazyLock<App> = LazyLock::new(app);

/// The same application behind a proxy that sends `Forwarded` instead of `X-Forwarded-*`.
static FORWARDED: LazyLock<App> = LazyLock::new(|| {
    let mut app = app();
    app.trusted_proxies(["unix", "10.0.0.0/8"]).host().forwarded();
    app
});

thread_local! {
    /// The methods of the requests that the application received.
    static METHODS: RefCell<Vec<Method>> = const { RefCell::new(Vec::new()) };
}

const BODY: &[u8] = b"The quick brown fox jumps over the lazy dog.\n";
const TAG: &str = "v1";

/// Fields, and the path whose handler reads them.
const READERS: &[(&str, &str)] = &[
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

/// The parts of a response that a text is written to.
const WRITERS: &[&str] = &["field", "name", "cookie", "tag", "redirect", "vary", "error", "challenge", "cache", "json"];

/// Between two pieces of a slow client.
const PAUSE: Duration = Duration::from_secs(3);

/// Checks that the responses do not depend on how the bytes are split or how slowly the client reads, and that a strict client
/// accepts them, also if timeouts pass.
pub fn application(data: &[u8]) {
    let Some((&step, input)) = data.split_first() else { return };
    let step = usize::from(step).max(1);
    let client = APP.test();
    let whole = exchange(&client, input, input.len().max(1), Duration::ZERO, usize::MAX);
    let pieces = exchange(&client, input, step, Duration::ZERO, usize::MAX);
    assert!(expects(input) || pieces == whole, "in pieces of {step}: {pieces:?}, whole: {whole:?}");
    assert_eq!(
        exchange(&client, input, input.len().max(1), Duration::ZERO, step),
        whole,
        "taken {step} bytes at a time"
    );
    // Some timeouts pass, depending on the number of pieces.
    exchange(&client, input, step, PAUSE, usize::MAX);
}

/// Returns whether a request may expect 100: then the responses depend on when its body arrives (RFC 9110 §10.1.1).
pub(crate) fn expects(input: &[u8]) -> bool {
    input.to_ascii_lowercase().windows(7).any(|window| window == b"expect:")
}

/// Fuzzes the value of a field, or a text that a response is made of.
pub fn field(data: &[u8]) {
    let Some((&choice, value)) = data.split_first() else { return };
    let choice = usize::from(choice) % (READERS.len() + WRITERS.len());
    let request = match READERS.get(choice) {
        Some((name, path)) => {
            [format!("GET {path} HTTP/1.1\r\nHost: a\r\n{name}: ").as_bytes(), value, b"\r\n\r\n"].concat()
        }
        None => {
            let text = percent_encoding::percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            format!("GET /write/{}?text={text} HTTP/1.1\r\nHost: a\r\n\r\n", WRITERS[choice - READERS.len()])
                .into_bytes()
        }
    };
    for app in [&APP, &FORWARDED] {
        for response in exchange(&app.test(), &request, request.len(), Duration::ZERO, usize::MAX) {
            check_range(&response);
        }
    }
}

/// Returns the responses to bytes that are sent in pieces, with a pause after each, if the client reads `capacity` bytes at a time.
fn exchange(
    client: &TestClient<'_>,
    input: &[u8],
    step: usize,
    pause: Duration,
    capacity: usize,
) -> Vec<FinalResponse> {
    METHODS.take();
    let mut connection = client.connect();
    connection.set_write_capacity(capacity);
    for piece in input.chunks(step) {
        connection.send(piece);
        connection.advance(pause);
    }
    connection.half_close();
    let mut taken = 0;
    while capacity < usize::MAX && taken < connection.received().len() {
        taken = connection.received().len();
        connection.set_write_capacity(capacity);
    }
    let received = connection.received().to_vec();
    assert!(connection.is_over(), "the client has closed and has read everything");
    responses::read(&received, &METHODS.take())
}

fn app() -> App {
    let mut app = App::new();
    // A test connection has no address, as one of a unix socket.
    app.trusted_proxies(["unix", "10.0.0.0/8"]).host();
    app.before(|req| {
        METHODS.with_borrow_mut(|methods| methods.push(req.method()));
        Ok(())
    });
    app.get("/read", read);
    app.get("/file", file);
    app.get("/stream", |_| Response::new(StatusCode::OK).chunks(["one", "", "three"]));
    app.post("/echo", |req| req.body().to_vec());
    app.post("/form", |req| format!("{} {}", req.files().count(), req.form_pairs().count()));
    app.put("/echo", |req| req.body().to_vec()).max_body(9);
    app.get("/users/{id:int}", |req| req.param::<u64>("id").map(|id| id.to_string()));
    app.get("/write/{way}", write);
    app.post("/guard", |_| "in").require(|_| Err(Error::forbidden("no")));
    app.post("/blocking", |req| req.body().to_vec()).blocking().max_body(9).require(|_| Ok(()));
    app.post("/streaming", |req| req.body_reader().bytes().collect::<std::io::Result<Vec<u8>>>()).streaming();
    app.on_error(403, |_, _| Response::default().chunks(["no", "t here"]));
    app.on_error(408, |_, _| Response::default().chunks(["too ", "late"]));
    app
}

/// Checks that parts of a request occur in it, and that text has no controls.
fn read(req: &Request<'_>) -> wirelight::Result<String> {
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
    Response::new(StatusCode::OK)
        .bytes(BODY)
        .etag(TAG)
        .last_modified(UNIX_EPOCH + Duration::from_secs(784_111_777))
        .accept_ranges()
}

/// Checks that a 206 has the bytes that it names, and the required fields of 304 and 416 (RFC 9110 §14.4, §15.4.5, §15.5.17).
fn check_range(response: &FinalResponse) {
    let range: Vec<_> = response.values("content-range").collect();
    match (response.status, range.as_slice()) {
        (206, [range]) => {
            let range = String::from_utf8_lossy(range);
            let numbers: Vec<usize> = range.split([' ', '-', '/']).filter_map(|number| number.parse().ok()).collect();
            let [first, last, length] = numbers[..] else { unreachable!("{range}") };
            assert_eq!((BODY.get(first..=last), length), (Some(&response.body[..]), BODY.len()), "{range}");
        }
        (416, [range]) => assert_eq!(*range, format!("bytes */{}", BODY.len()).as_bytes()),
        (304, []) => assert_eq!(response.values("etag").collect::<Vec<_>>(), [b"\"v1\""]),
        (206 | 416, _) => unreachable!("{response:?}"),
        (_, range) => assert!(range.is_empty(), "{response:?}"),
    }
}

/// Writes the text to a part of the response: it is sent unchanged, or the response is a 500.
fn write(req: &Request<'_>) -> wirelight::Result<Response> {
    let text = req.query_required::<String>("text")?;
    let mut response = Response::new(StatusCode::OK);
    match req.param::<String>("way")?.as_str() {
        "field" => response.set_header("X-Text", &text),
        "name" => response.append_header(&text, "value"),
        "cookie" => {
            response.set_cookie(Cookie::new("c", text.clone()));
            response.set_cookie(Cookie::new(text.clone(), "v").path(text.clone()).domain(text));
        }
        "tag" => response = response.weak_etag(&text),
        "redirect" => response = Redirect::found(text).into_response(),
        "vary" => response.add_vary(&text),
        "error" => return Err(Error::bad_request(text.clone()).with_header("X-Text", text)),
        "challenge" => return Err(Error::unauthorized(text.clone(), text)),
        "cache" => response = response.cache_control(&text),
        _ => response.set_json(&[text]),
    }
    Ok(response)
}
