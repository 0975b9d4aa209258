//! Exchanges, byte for byte: these bytes in, exactly these responses out, for every split and after other requests.

#[path = "corpus/reader.rs"]
mod reader;
#[path = "corpus/routes.rs"]
mod routes;
#[path = "corpus/split.rs"]
mod split;

use reader::{Framing, read_one, text};
use split::{Delivery, pieces, random_deliveries};
use wirelight::TestClient;

/// One exchange or several pipelined ones.
struct Exchange {
    /// RFC section and what it shows.
    name: &'static str,
    sent: Vec<u8>,
    /// In order: the method of the request, the status, the body where it is the point.
    answers: Vec<(&'static str, u16, Option<&'static [u8]>)>,
    /// Whether the server closes afterwards.
    closes: bool,
}

const HELLO: Option<&[u8]> = Some(b"Hello, World!");
const NOTHING: Option<&[u8]> = Some(b"");

/// A sentence that starts with the section, the bytes, the answers; the connection stays open.
fn open(
    name: &'static str,
    sent: impl Into<Vec<u8>>,
    answers: &[(&'static str, u16, Option<&'static [u8]>)],
) -> Exchange {
    Exchange { name, sent: sent.into(), answers: answers.to_vec(), closes: false }
}

/// … one answer, then the server closes.
fn closed(name: &'static str, sent: impl Into<Vec<u8>>, status: u16, body: Option<&'static [u8]>) -> Exchange {
    Exchange { name, sent: sent.into(), answers: vec![("GET", status, body)], closes: true }
}

/// A request that must be refused with 400, after which nothing on the connection can be trusted.
fn bad(name: &'static str, sent: impl Into<Vec<u8>>) -> Exchange {
    closed(name, sent, 400, None)
}

fn plain(head: &str) -> String {
    format!("GET /plaintext HTTP/1.1\r\nHost: a\r\n{head}\r\n")
}

fn post(rest: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: a\r\n{rest}")
}

fn messages() -> Vec<Exchange> {
    let get = plain("");
    vec![
        open("9110 9.3.1: GET", get.as_str(), &[("GET", 200, HELLO)]),
        open("9110 9.3.2: HEAD has no body", "HEAD /plaintext HTTP/1.1\r\nHost: a\r\n\r\n", &[("HEAD", 200, NOTHING)]),
        open("9112 9.3.2: pipelined", [get.as_str(), get.as_str()].concat(), &[("GET", 200, HELLO); 2]),
        open("9112 2.2: one empty line before a request", format!("\r\n{get}"), &[("GET", 200, HELLO)]),
        open(
            "9112 6.2: a body by its length",
            post("Content-Length: 5\r\n\r\nhello"),
            &[("POST", 200, Some(b"hello"))],
        ),
        open("9112 6.2: an empty body", post("Content-Length: 0\r\n\r\n"), &[("POST", 200, NOTHING)]),
        open("9112 6.3: no framing field, no body", post("\r\n"), &[("POST", 200, NOTHING)]),
        open(
            "9112 6.3: bytes of a body are not a request",
            post("Content-Length: 18\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
            &[("POST", 200, Some(b"GET / HTTP/1.1\r\n\r\n"))],
        ),
        open(
            "9112 7.1: chunks, an extension, a trailer",
            post("Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n00b\r\n, the world\r\n0\r\nX: y\r\n\r\n"),
            &[("POST", 200, Some(b"hello, the world"))],
        ),
        open(
            "9112 7: the coding's name has no case",
            post("transfer-encoding: CHUNKED\r\n\r\n0\r\n\r\n"),
            &[("POST", 200, NOTHING)],
        ),
    ]
}

fn resources_and_persistence() -> Vec<Exchange> {
    let get = plain("");
    vec![
        open(
            "9112 9.3: a body that nobody reads ends before the next request",
            format!("POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello{get}"),
            &[("POST", 404, None), ("GET", 200, HELLO)],
        ),
        open(
            "9110 15.5.6: a method that the resource lacks",
            format!("DELETE /plaintext HTTP/1.1\r\nHost: a\r\n\r\n{get}"),
            &[("DELETE", 405, None), ("GET", 200, HELLO)],
        ),
        open("9110 15.5.5: nothing there", "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", &[("GET", 404, None)]),
        open("9110 15.3.5: no content", "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", &[("GET", 204, NOTHING)]),
        open(
            "9112 3.2.2: absolute-form",
            "GET http://b/plaintext?q HTTP/1.1\r\nHost: a\r\n\r\n",
            &[("GET", 200, HELLO)],
        ),
        open("9112 3.2.4: asterisk-form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", &[("OPTIONS", 200, NOTHING)]),
        open(
            "9112 5.1: a field value needs no space",
            "GET /plaintext HTTP/1.1\r\nhOST:a\r\nX:\r\n\r\n",
            &[("GET", 200, HELLO)],
        ),
        open("9110 2.5: a later minor version", "GET /plaintext HTTP/1.2\r\nHost: a\r\n\r\n", &[("GET", 200, HELLO)]),
        open(
            "9112 9.3: HTTP/1.0 may ask to go on",
            "GET /plaintext HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            &[("GET", 200, HELLO)],
        ),
        open(
            "9112 9.3: elements of Connection have no case",
            plain("Connection: foo, Keep-Alive\r\n"),
            &[("GET", 200, HELLO)],
        ),
        open(
            "9110 10.1.1: Expect",
            post("Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"),
            &[("POST", 200, Some(b"hello"))],
        ),
        closed("9112 9.6: the client closes", plain("Connection: close\r\n"), 200, HELLO),
        closed("9112 9.3: HTTP/1.0 closes", "GET /plaintext HTTP/1.0\r\n\r\n", 200, HELLO),
        closed("9112 9.6: close outranks keep-alive", plain("Connection: keep-alive, close\r\n"), 200, HELLO),
    ]
}

fn refused() -> Vec<Exchange> {
    let long = |n: usize| "x".repeat(n);
    vec![
        bad("9112 3.2: no Host", "GET /plaintext HTTP/1.1\r\n\r\n"),
        bad("9112 3.2: two of them", plain("Host: a\r\n")),
        bad("9112 3.2: not a host", "GET /plaintext HTTP/1.1\r\nHost: a b\r\n\r\n"),
        bad("9112 2.2: a bare LF ends no line", "GET /plaintext HTTP/1.1\nHost: a\n\n"),
        bad("9112 2.2: a bare CR", plain("X: a\rb\r\n")),
        bad("9112 2.2: whitespace before the first field", "GET /plaintext HTTP/1.1\r\n Host: a\r\n\r\n"),
        bad("9112 3: two spaces", "GET  /plaintext HTTP/1.1\r\nHost: a\r\n\r\n"),
        bad("9112 3.2: a space in the target", "GET /plain text HTTP/1.1\r\nHost: a\r\n\r\n"),
        bad("9112 3.2: a relative target", "GET plaintext HTTP/1.1\r\nHost: a\r\n\r\n"),
        bad("9112 2.3: no version", "GET /plaintext\r\nHost: a\r\n\r\n"),
        bad("9112 5.1: whitespace before the colon", plain("X : y\r\n")),
        bad("9112 5.1: no name", plain(": y\r\n")),
        bad("9112 5.2: a folded line", plain("X: y\r\n z\r\n")),
        bad("9110 5.5: NUL in a value", plain("X: \0\r\n")),
        bad("9112 6.2: a sign", post("Content-Length: +5\r\n\r\nhello")),
        bad("9112 6.2: two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello")),
        bad(
            "9112 6.3: a length and a coding",
            post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        bad("9112 6.1: a coding in HTTP/1.0", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        bad("9112 7.1: not a size", post("Transfer-Encoding: chunked\r\n\r\n-1\r\n")),
        bad("9112 7.1: an empty size", post("Transfer-Encoding: chunked\r\n\r\n\r\n")),
        bad("9112 7.1: a size beyond 64 bits", post("Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\n")),
        bad("9112 7.1: data longer than its size", post("Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n")),
        bad("9112 7.1: a bare LF after the size", post("Transfer-Encoding: chunked\r\n\r\n2\nab\r\n0\r\n\r\n")),
        bad("9112 7.1.2: a trailer that is no field", post("Transfer-Encoding: chunked\r\n\r\n0\r\nX y\r\n\r\n")),
        closed("9110 15.5.14: a body beyond the limit", post("Content-Length: 107374182400\r\n\r\n"), 413, None),
        closed("9112 3: a request line beyond the limit", format!("GET /{} HTTP/1.1\r\n", long(8 * 1024)), 414, None),
        closed("6585 5: a head beyond the limit", plain(&format!("X: {}\r\n", long(16 * 1024))), 431, None),
        closed("6585 5: more fields than the limit", plain(&"X: y\r\n".repeat(100)), 431, None),
        closed("9112 6.1: an unknown coding", post("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501, None),
        closed("9110 15.6.6: another major version", "GET /plaintext HTTP/2.0\r\nHost: a\r\n\r\n", 505, None),
    ]
}

#[test]
fn whole() {
    each(|client, exchange| check(client, exchange, Delivery::Whole));
}

#[test]
fn byte_by_byte() {
    each(|client, exchange| check(client, exchange, Delivery::ByteByByte));
}

#[test]
fn in_pieces_of_random_sizes() {
    each(|client, exchange| random_deliveries().into_iter().try_for_each(|how| check(client, exchange, how)));
}

/// Long messages are cut at every 61st place only: what makes them long is one repeated byte.
#[test]
fn cut_in_two_at_every_place() {
    each(|client, exchange| {
        let step = if exchange.sent.len() > 2048 { 61 } else { 1 };
        let mut places = (1..exchange.sent.len()).step_by(step);
        places.try_for_each(|at| check(client, exchange, Delivery::CutAt(at)))
    });
}

#[test]
fn twice_after_another_request() {
    each(|client, exchange| {
        let times = if exchange.closes { 1 } else { 2 };
        let behind = Exchange {
            sent: [plain("").as_bytes(), &exchange.sent, &exchange.sent].concat(),
            answers: [vec![("GET", 200, HELLO)], exchange.answers.repeat(times)].concat(),
            ..*exchange
        };
        check(client, &behind, Delivery::Whole)
    });
}

fn each(run: impl Fn(&TestClient<'_>, &Exchange) -> Result<(), String>) {
    let app = routes::routes(std::time::Duration::ZERO);
    let client = app.test();
    let all: Vec<_> = [messages(), resources_and_persistence(), refused()].into_iter().flatten().collect();
    let failures: Vec<_> =
        all.iter().filter_map(|one| run(&client, one).err().map(|why| format!("{}: {why}", one.name))).collect();
    assert!(failures.is_empty(), "{} of {} failed:\n{}", failures.len(), all.len(), failures.join("\n"));
}

/// Delivers the bytes and compares everything that came back.
fn check(client: &TestClient<'_>, exchange: &Exchange, how: Delivery) -> Result<(), String> {
    let mut wire = client.connect();
    pieces(&exchange.sent, how).into_iter().for_each(|piece| wire.send(piece));
    let (closed, stream) = (wire.is_closed(), wire.received());
    problem(exchange, stream, closed).map_or(Ok(()), |problem| {
        let end = if closed { "closed" } else { "left open" };
        Err(format!("{how:?}: {problem} -- got {:?}, then {end}", text(&stream[..stream.len().min(400)])))
    })
}

/// What is wrong with the answers to an exchange.
fn problem(exchange: &Exchange, stream: &[u8], closed: bool) -> Option<String> {
    let continues = text(&exchange.sent).contains("100-continue");
    let mut at = 0;
    for (method, status, body) in &exchange.answers {
        let (response, next) = match read_one(stream, at, method, closed) {
            Ok(one) => one,
            Err(why) => return Some(format!("no {status}, but {why:?}")),
        };
        let interim = response.interim.is_empty() || continues && response.interim == [100];
        if response.status != *status || !interim {
            return Some(format!("{:?} {}, wanted {status}", response.interim, response.status));
        }
        if let Some(body) = body.filter(|body| *body != response.body) {
            return Some(format!("wanted the body {:?}", text(body)));
        }
        if response.framing == Framing::Close {
            return Some("only the close delimits the body".to_owned());
        }
        at = next;
    }
    if at != stream.len() {
        return Some("bytes after the last response".to_owned());
    }
    (closed != exchange.closes).then(|| format!("closed must be {}", exchange.closes))
}
