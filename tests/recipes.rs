//! The recipes of `docs/recipes/`, each run as its readers run it, and asked what its page promises.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::{digest, hmac};
use serde_json::{Value, json};
use wirelight::{App, Method, Request, Response, StatusCode};

mod support;

use support::bounded;
use support::example::{Example, Reply, command};
use support::folder::Folder;
use support::server::TestServer;

#[test]
fn exporter() {
    let folder = Folder::new();
    for (name, text) in [("a", "1"), ("b", "22")] {
        fs::write(folder.file(name), text).unwrap();
    }
    let exporter = Example::listening(command("exporter").env("PORT", "0").env("FOLDER", folder.file("")));
    let scrape = exporter.get("/metrics");
    assert_eq!(scrape.field("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let start = "# TYPE spool_files gauge\n# HELP spool_files Files that wait.\nspool_files 2\n";
    assert!(scrape.text.starts_with(start) && scrape.text.ends_with("\n# EOF\n"), "{}", scrape.text);
    assert!(scrape.text.contains("\nspool_size_bytes 3\n"), "{}", scrape.text);
    if let Ok(status) = fs::read_to_string(format!("/proc/{}/status", exporter.id())) {
        let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap().trim();
        assert_eq!(threads, "1", "{status}");
    }
    exporter.stop();
}

#[test]
fn mock() {
    let output = bounded::output(&mut command("mock"));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.ends_with("stopped\n"), "{printed}");
}

/// A login that waits for its callback.
struct Login {
    authorize: HashMap<String, String>,
    stdout: BufReader<std::process::ChildStdout>,
    child: std::process::Child,
    _leash: bounded::Leash,
}

impl Login {
    fn start(issuer: &TestServer) -> Login {
        let url = format!("http://{}", issuer.address);
        let mut command = command("oauth_callback");
        command.env("AUTHORIZE_URL", format!("{url}/authorize")).env("TOKEN_URL", format!("{url}/token"));
        let (mut child, leash) = bounded::leashed(command.env("CLIENT_ID", "cli").stdout(Stdio::piped()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let query = line.trim().split_once('?').unwrap().1;
        let authorize = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Login { authorize, stdout, child, _leash: leash }
    }

    fn port(&self) -> u16 {
        let redirect = self.authorize["redirect_uri"].strip_prefix("http://localhost:").unwrap();
        redirect.strip_suffix("/callback").unwrap().parse().unwrap()
    }

    /// Sends the browser back with this query. Returns the page, and the connection, which stays open.
    fn call_back(&self, host: &str, query: &str) -> (String, BufReader<TcpStream>) {
        let mut stream = BufReader::new(bounded::connect(format!("{host}:{}", self.port())));
        let request = format!("GET /callback?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut page = String::new();
        while !page.contains(".\u{a}") && !page.ends_with("window.") && !page.ends_with("answer.") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            page.push(char::from(byte[0]));
        }
        (page, stream)
    }

    fn end(mut self) -> (ExitStatus, String) {
        let mut printed = String::new();
        self.stdout.read_to_string(&mut printed).unwrap();
        (bounded::exited(&mut self.child), printed)
    }
}

/// An issuer that gives a token for the code `good` and the verifier of the challenge.
fn issuer() -> (TestServer, mpsc::Receiver<HashMap<String, String>>) {
    let (told, forms) = mpsc::channel();
    let mut app = App::new();
    app.post("/token", move |req| {
        told.send(req.form_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()).unwrap();
        json!({ "access_token": "secret", "token_type": "Bearer", "expires_in": 3600 })
    });
    (TestServer::start(app), forms)
}

#[test]
fn oauth_callback() {
    let (issuer, forms) = issuer();
    let login = Login::start(&issuer);
    let asked = |name: &str| login.authorize[name].clone();
    assert_eq!(
        (asked("response_type"), asked("code_challenge_method"), asked("client_id")),
        ("code".into(), "S256".into(), "cli".into())
    );
    let state = asked("state");
    for stray in ["", "code=evil", "code=evil&state=", "code=evil&state=guess", &format!("state={state}")] {
        assert!(login.call_back("127.0.0.1", stray).0.ends_with("not the expected answer."), "{stray}");
    }
    let host =
        if TcpStream::connect_timeout(&format!("[::1]:{}", login.port()).parse().unwrap(), bounded::BOUND).is_ok() {
            "[::1]"
        } else {
            "127.0.0.1"
        };
    let (page, kept_open) = login.call_back(host, &format!("code=good&state={state}"));
    assert!(page.ends_with("You can close this window."), "{page}");
    let form = bounded::received(&forms);
    let challenge = digest::digest(&digest::SHA256, form["code_verifier"].as_bytes());
    assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(challenge), asked("code_challenge"));
    assert_eq!((form["code"].as_str(), &form["redirect_uri"]), ("good", &asked("redirect_uri")));
    let (status, printed) = login.end();
    assert!(status.success() && printed.contains("with a token for 3600 s"), "{printed}");
    assert!(!printed.contains("secret"));
    drop(kept_open); // the program has ended although the browser kept its connection
}

#[test]
fn an_oauth_login_that_is_refused_ends_the_program() {
    let (issuer, _forms) = issuer();
    let login = Login::start(&issuer);
    let state = login.authorize["state"].clone();
    let (page, _kept) = login.call_back("127.0.0.1", &format!("error=access_denied&state={state}"));
    assert!(page.ends_with("You can close this window."), "{page}");
    assert!(!login.end().0.success());
}

const SECRET: &[u8] = b"a secret that both sides have...";

/// Sends a message as its sender does, with changes to the fields.
fn deliver(hook: &Example, id: &str, age: i64, signed: &[u8], body: &[u8]) -> u16 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() as i64;
    let time = (now - age).to_string();
    let message = [id.as_bytes(), b".", time.as_bytes(), b".", signed].concat();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), &message);
    let old = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"old"), &message);
    let signatures = [old, signature].map(|signature| format!("v1,{}", BASE64_STANDARD.encode(signature))).join(" ");
    let fields = [("webhook-id", id), ("webhook-timestamp", &time), ("webhook-signature", &signatures)];
    hook.ask("POST", "/hook", &fields, body).status
}

#[test]
fn webhook() {
    let secret = format!("whsec_{}", BASE64_STANDARD.encode(SECRET));
    let hook = Example::listening(command("webhook").env("PORT", "0").env("WEBHOOK_SECRET", secret));
    let body = b"{ \"a\":  1.0 }".as_slice();
    assert_eq!(deliver(&hook, "msg_1", 0, body, body), 202);
    assert_eq!(deliver(&hook, "msg_1", 10, body, body), 200, "once more");
    assert_eq!(deliver(&hook, "msg_2", 200, b"\xff\0", b"\xff\0"), 202, "any bytes, within the tolerance");
    for (id, age, signed) in [
        ("msg_3", 0, b"{\"a\":1.0}".as_slice()),
        ("msg_3", 400, body),
        ("msg_3", -400, body),
        (&"x".repeat(129), 0, body),
    ] {
        assert_eq!(deliver(&hook, id, age, signed, body), 403, "{id} {age}");
    }
    let id = ("webhook-id", "msg_3");
    for fields in [
        &[][..],
        &[id, ("webhook-timestamp", "0"), ("webhook-signature", "v1,")],
        &[id, ("webhook-timestamp", "soon"), ("webhook-signature", "v1,AAAA")],
        &[id, ("webhook-signature", "v1,AAAA")],
        &[id, ("webhook-timestamp", "99999999999999999999"), ("webhook-signature", "v2,AAAA v1 , v1a,")],
    ] {
        let refused = hook.ask("POST", "/hook", fields, body);
        assert_eq!((refused.status, &refused.json["message"]), (403, &json!("The signature is not valid.")));
    }
    assert_eq!(deliver(&hook, "msg_4", 0, body, &vec![b'x'; 65 * 1024]), 413);
    assert_eq!(deliver(&hook, "msg_3", 0, body, body), 202, "what was refused is not remembered");
    let log = hook.stop();
    assert_eq!(log, "msg_1: 13 bytes\nmsg_2: 2 bytes\nmsg_3: 13 bytes\n");
}

/// The thread that works stands still while nobody reads what it prints: its pipe is full, and then the queue.
#[test]
fn a_webhook_that_finds_no_place_in_the_queue_comes_again() {
    let secret = BASE64_STANDARD.encode(SECRET);
    let mut hook = Example::listening(command("webhook").env("PORT", "0").env("WEBHOOK_SECRET", secret));
    let id = |number: usize| format!("{number:0128}");
    let mut taken = 0;
    while taken < 5_000 && deliver(&hook, &id(taken), 0, b"", b"") == 202 {
        taken += 1;
    }
    assert!((100..5_000).contains(&taken), "{taken} messages were taken");
    let refused = id(taken);
    assert_eq!(deliver(&hook, &id(0), 0, b"", b""), 200, "what was taken is remembered");
    assert_eq!(deliver(&hook, &refused, 0, b"signed", b"sent"), 403, "a full queue hides no bad signature");
    let mut printed = String::new();
    for _ in 0..100 {
        hook.stdout.read_line(&mut printed).unwrap();
    }
    bounded::eventually("a place in the queue", || match deliver(&hook, &refused, 0, b"", b"") {
        202 => Ok(()),
        status => Err(status.to_string()),
    });
    assert_eq!(deliver(&hook, &refused, 0, b"", b""), 200);
    assert!(printed.starts_with(&format!("{}: 0 bytes\n{}: 0 bytes\n", id(0), id(1))), "{printed}");
}

#[test]
fn status_page() {
    let busy = Example::listening(command("status_page").env("PORT", "0").env("JOBS", "1000000"));
    let page = busy.get("/");
    assert!(page.text.contains("of 1000000</title>") && !page.text.contains("<job"), "{}", page.text);
    assert_eq!(busy.get("/status.json").json["jobs"], 1_000_000);
    drop(busy);
    let output = bounded::output(command("status_page").env("PORT", "0").env("JOBS", "1"));
    assert!(output.status.success(), "it ends with its last job");
    assert!(String::from_utf8(output.stdout).unwrap().ends_with("\nall done\n"));
}

#[test]
fn live() {
    let auction = Example::run("live");
    let mut stream = bounded::connect(auction.url.strip_prefix("http://").unwrap());
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let mut next = || lines.by_ref().take(100).find(|line| line.starts_with("data: ")).unwrap();
    assert_eq!(next(), "data: <ol></ol>");
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(auction.ask("POST", "/bids", &[form], "name=%3Cb%3EZo%C3%AB&amount=7").status, 303);
    let row = "<ol><li>&lt;b&gt;Zoë: 7</li></ol>";
    assert_eq!(next(), format!("data: {row}"));
    assert!(auction.get("/").text.contains(row));
    let elsewhere = [form, ("Origin", "https://evil.example")];
    assert_eq!(auction.ask("POST", "/bids", &elsewhere, "name=eve&amount=9").status, 403);
    for amount in 1..=20 {
        auction.ask("POST", "/bids", &[form], format!("name=a&amount={amount}"));
    }
    assert_eq!(auction.get("/").text.matches("<li>").count(), 10);
    auction.stop();
}

/// A state has the ten best bids, so the sum of a later one is not smaller.
#[test]
fn pages_of_two_workers_see_the_states_in_order() {
    const BIDS: u32 = 1_000;
    let auction = Example::listening(command("live").env("PORT", "0").env("WORKERS", "2"));
    let mut stream = bounded::connect(auction.url.strip_prefix("http://").unwrap());
    stream.write_all(b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let states = BufReader::new(stream).lines().map(Result::unwrap).filter(|line| line.starts_with("data: "));
    let amounts =
        |state: &str| state.split("a: ").skip(1).filter_map(|row| row.split('<').next()?.parse::<u32>().ok()).sum();
    let mut sums = states.map(|state| amounts(&state));
    assert_eq!(sums.next(), Some(0));
    let bid = |amount: u32| {
        let fields = [("Content-Type", "application/x-www-form-urlencoded"), ("Connection", "close")];
        auction.ask("POST", "/bids", &fields, format!("name=a&amount={amount}"));
    };
    thread::scope(|scope| {
        for first in 1..=4 {
            scope.spawn(move || (first..=BIDS).step_by(4).for_each(bid));
        }
        let sums: Vec<u32> = sums.take(BIDS as usize).collect();
        assert!(sums.is_sorted(), "{sums:?}");
    });
    auction.stop();
}

#[test]
fn export() {
    let export = Example::run("export");
    let csv = export.get("/orders.csv?rows=5");
    assert_eq!(csv.field("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!((csv.field("transfer-encoding"), csv.field("content-disposition")), ("chunked", "attachment"));
    let expected = [
        "id,customer,note",
        "1,Zoë 1,\"two boxes, \"\"large\"\"\"",
        "2,Zoë 2,'=SUM(A1:A9)",
        "3,Zoë 3,\"first line\nsecond line\"",
        "4,Zoë 4,",
        "5,Zoë 5,\"two boxes, \"\"large\"\"\"",
        "",
    ];
    assert_eq!(csv.text, expected.join("\r\n"));
    assert_eq!(export.get("/orders.csv?rows=0").text, "id,customer,note\r\n");
    assert_eq!(export.get("/orders.jsonl?rows=0").text, "");
    let lines = export.get("/orders.jsonl?rows=2001").text;
    let orders: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (orders.len(), &orders[2000]["id"], &orders[2]["note"]),
        (2001, &json!(2001), &json!("first line\nsecond line"))
    );
    for rows in ["x", "-1", "1.5", "99999999999999999999"] {
        assert_eq!(export.get(&format!("/orders.csv?rows={rows}")).status, 400, "{rows}");
    }
    export.stop();
}

/// A server that says what it was asked.
fn upstream() -> TestServer {
    fn tell(req: &Request) -> Response {
        let mut fields: Vec<String> =
            req.headers().map(|(name, value)| format!("{name}: {}", value.escape_ascii())).collect();
        fields.sort();
        let mut response = Response::new(StatusCode::from_u16(req.query_or("status", 200)).unwrap());
        response.append_header("Set-Cookie", "a=1");
        response.append_header("Set-Cookie", "b=2");
        response.append_header("Keep-Alive", "timeout=5");
        response.json(&json!({ "target": req.target(), "fields": fields, "body": req.body().len() }))
    }
    let mut app = App::new();
    app.get("/{path:path}", tell);
    app.post("/echo", |req| req.body().to_vec()).max_body(8 << 20);
    app.route(Method::POST, "/{path:path}", tell);
    app.get("/stream", |_| Response::default().chunks((0..3).map(|number| format!("{number}\n"))));
    TestServer::start(app)
}

#[test]
fn proxy() {
    let upstream = upstream();
    let url = format!("http://{}", upstream.address);
    let proxy = Example::listening(command("proxy").env("PORT", "0").env("UPSTREAM", &url));
    let sent = [
        ("X-Own", "1"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6"),
        ("Connection", "X-Secret"),
        ("X-Secret", "for the proxy alone"),
        ("Accept-Encoding", "br"),
        ("Via", "1.1 outer"),
    ];
    let reply = proxy.ask("GET", "/a%2Fb//c?x=%20+&status=404", &sent, "");
    assert_eq!((reply.status, &reply.json["target"]), (404, &json!("/a%2Fb//c?x=%20+&status=404")));
    let fields: Vec<&str> = reply.json["fields"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let has = |line: &str| fields.iter().any(|field| field.eq_ignore_ascii_case(line));
    assert!(has("x-own: 1") && has("accept-encoding: br") && has("x-forwarded-for: 127.0.0.1"), "{fields:?}");
    assert!(has("x-forwarded-proto: http") && has(&format!("host: {}", upstream.address)), "{fields:?}");
    let via: Vec<&str> = fields.iter().copied().filter(|field| field.starts_with("via:")).collect();
    assert_eq!(via, ["via: 1.1 outer", "via: 1.1 wirelight"]);
    assert!(fields.iter().all(|field| !field.contains("6.6.6.6") && !field.contains("alone")), "{fields:?}");
    assert_eq!((reply.field("keep-alive"), reply.field("set-cookie")), ("", "b=2"));
    assert_eq!(reply.field("content-length"), reply.text.len().to_string());

    let mut stream = bounded::connect(proxy.url.strip_prefix("http://").unwrap());
    let body = "5\r\nhello\r\n".repeat(20_000);
    let request = format!(
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{body}0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with(&"hello".repeat(20_000)), "{:.300}", answer);
    assert_eq!(proxy.ask("POST", "/echo", &[], "x".repeat(3 << 20)).text.len(), 3 << 20);
    let streamed = proxy.get("/stream");
    assert_eq!((streamed.text.as_str(), streamed.field("transfer-encoding")), ("0\n1\n2\n", "chunked"));
    let head: Reply = proxy.ask("HEAD", "/page", &[], "");
    assert_eq!((head.status, head.text.as_str(), head.field("content-length").is_empty()), (200, "", false));

    // A target may be a whole URI (RFC 9112 §3.2.2); the upstream gets what it asks for.
    for (target, asked) in [("http://a/x?", "/x?"), ("http://b:99/x%2Fy?a=%20", "/x%2Fy?a=%20"), ("HTTP://a/z", "/z")] {
        let mut stream = bounded::connect(proxy.url.strip_prefix("http://").unwrap());
        let host = target.get("http://".len()..).unwrap().split('/').next().unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let answer = std::io::read_to_string(stream).unwrap();
        assert!(answer.contains(&format!("\"target\":\"{asked}\"")), "{target}: {answer}");
    }

    drop(upstream);
    assert_eq!(proxy.get("/").status, 502);
    proxy.stop();
}

/// What an upstream sends, and what the client gets of it after status and date.
#[test]
fn a_proxy_passes_on_what_an_odd_upstream_means() {
    // None of the connections is used again.
    let cases = [
        // A Transfer-Encoding overrides a Content-Length (RFC 9112 §6.3).
        ("200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3|5\r\nhello\r\n0\r\n\r\n", 200, "hello"),
        ("103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2|ok", 200, "ok"),
        ("200 OK|until the end", 200, "until the end"),
        ("101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x|", 502, "Bad Gateway"),
        ("600 Odd\r\nContent-Length: 2|ok", 502, "Bad Gateway"),
        ("200 OK\r\nContent-Length: 2\r\nContent-Length: 3|abc", 502, "Bad Gateway"),
        // Nobody asked for a coding (the proxy drops TE), and ureq removes the chunks alone.
        ("200 OK\r\nTransfer-Encoding: gzip, chunked|5\r\nhello\r\n0\r\n\r\n", 502, "unknown transfer coding"),
        (
            "200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked|5\r\nhello\r\n0\r\n\r\n",
            502,
            "unknown transfer coding",
        ),
        ("200 OK\r\nTransfer-Encoding: gzip|until the end", 502, "unknown transfer coding"),
        ("200 OK\r\nTransfer-Encoding: CHUNKED|5\r\nhello\r\n0\r\n\r\n", 200, "hello"),
    ];
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let proxy = Example::listening(command("proxy").env("PORT", "0").env("UPSTREAM", &url));
    let upstream = thread::spawn(move || {
        for (sent, ..) in cases {
            let (mut stream, _) = listener.accept().unwrap();
            stream.set_read_timeout(Some(bounded::BOUND)).unwrap();
            let mut head = BufReader::new(&stream).lines().map(Result::unwrap);
            assert!(head.any(|line| line.is_empty()), "a head");
            write!(stream, "HTTP/1.1 {}", sent.replace('|', "\r\nConnection: close\r\n\r\n")).unwrap();
        }
    });
    for (sent, status, text) in cases {
        let reply = proxy.get("/");
        assert!(reply.status == status && reply.text.contains(text), "{sent:?}: {} {}", reply.status, reply.text);
        let typed = !reply.field("content-type").is_empty();
        assert_eq!(typed, status == 502, "{sent:?}: the proxy does not know what it is");
    }
    bounded::joined(upstream).unwrap();
    proxy.stop();
}

/// Starts of an answer that does not come to its end.
#[test]
fn a_proxy_says_504_for_an_upstream_that_is_too_slow() {
    for start in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: "] {
        let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", upstream.local_addr().unwrap());
        let proxy = Example::listening(command("proxy").env("PORT", "0").env("TIMEOUT", "1").env("UPSTREAM", &url));
        let slow = thread::spawn(move || {
            let (mut stream, _) = upstream.accept().unwrap();
            stream.write_all(start.as_bytes()).unwrap();
            stream.set_read_timeout(Some(bounded::BOUND)).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap() // until the proxy has had enough
        });
        let reply = proxy.ask("POST", "/report", &[], "body");
        reply.is(504, json!({ "error": "Gateway Timeout", "message": "The upstream server did not answer in time." }));
        assert!(bounded::joined(slow).unwrap() > 0, "{start:?}: the proxy has sent the request");
        proxy.stop();
    }
}

#[test]
fn receive() {
    let folder = Folder::new();
    let store = Example::listening(command("receive").env("PORT", "0").env("FOLDER", folder.file("files")));
    let large: Vec<u8> = (0..3 << 20).map(|number: u32| number.to_le_bytes()[1]).collect();
    let mut places = Vec::new();
    for body in [&large[..], b"", b"small"] {
        let made = store.ask("POST", "/files", &[], body);
        assert_eq!(made.status, 201);
        let place = made.field("location").to_owned();
        let name = place.strip_prefix("/files/").unwrap();
        assert_eq!(fs::read(folder.file("files").join(name)).unwrap(), body);
        assert_eq!(store.get(&place).field("content-length"), body.len().to_string());
        places.push(place);
    }
    places.dedup();
    assert_eq!(places.len(), 3);
    let names = || -> Vec<_> {
        let entries = fs::read_dir(folder.file("files")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    };
    let mut stream = bounded::connect(store.url.strip_prefix("http://").unwrap());
    stream.write_all(b"POST /files HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst bytes").unwrap();
    let part = bounded::eventually("a part", || {
        names().into_iter().find(|name| name.starts_with('.')).ok_or_else(|| format!("{:?}", names()))
    });
    assert_eq!(store.get(&format!("/files/{part}")).status, 404, "not before it is whole");
    drop(stream);
    bounded::eventually("the part is removed", || match names().len() {
        3 => Ok(()),
        _ => Err(format!("{:?}", names())),
    });

    let part = |disposition: &str, data: &str| {
        format!("--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{data}\r\n")
    };
    let form = part("name=title", "Lake")
        + &part("name=photo; filename=\"../../a.jpg\"", "first")
        + &part("name=other", "skipped")
        + &part("name=photo; filename=\"\"", "");
    let multipart = ("Content-Type", "multipart/form-data; boundary=x");
    let saved = store.ask("POST", "/forms", &[multipart], format!("{form}--x--"));
    assert_eq!((saved.status, &saved.json["title"]), (201, &json!("Lake")), "{}", saved.text);
    let files = saved.json["files"].as_array().unwrap();
    let told: Vec<_> = files.iter().map(|file| (file["name"].as_str().unwrap(), &file["size"])).collect();
    assert_eq!(told, [("../../a.jpg", &json!(5)), ("", &json!(0))]);
    assert_eq!(store.get(files[0]["location"].as_str().unwrap()).text, "first");
    assert_eq!(names().len(), 5);
    // Neither a form without its end nor one with a title that is too long leaves a file.
    for (body, status) in [(form.clone(), 400), (form + &part("name=title", &"a".repeat(1_001)) + "--x--", 413)] {
        assert_eq!(store.ask("POST", "/forms", &[multipart], body).status, status);
        assert_eq!(names().len(), 5, "{:?}", names());
    }
    store.stop();
}

#[test]
fn mcp() {
    let notes = Example::run("mcp");
    let accept = ("Accept", "application/json, text/event-stream");
    let mut stream = bounded::connect(notes.url.strip_prefix("http://").unwrap());
    let port = notes.url.rsplit(':').next().unwrap();
    write!(stream, "GET /mcp HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: text/event-stream\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.by_ref().take(20).any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")));

    let call = |message: Value| {
        notes.ask("POST", "/mcp", &[accept, ("Content-Type", "application/json")], message.to_string())
    };
    let request = |method: &str, params: Value| {
        call(json!({ "jsonrpc": "2.0", "id": "a", "method": method, "params": params })).json
    };
    let hello = request("initialize", json!({ "protocolVersion": "2025-03-26", "capabilities": {} }));
    assert_eq!((&hello["id"], &hello["result"]["protocolVersion"]), (&json!("a"), &json!("2025-06-18")));
    let initialized = call(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    assert_eq!((initialized.status, initialized.text.as_str()), (202, ""));
    assert_eq!(request("tools/list", json!({}))["result"]["tools"][0]["name"], "note");
    let noted = request("tools/call", json!({ "name": "note", "arguments": { "text": "hello" } }));
    assert_eq!(noted["result"]["content"][0]["text"], "1 notes");
    let line = lines.by_ref().take(20).find(|line| line.starts_with("data: ")).unwrap();
    let event: Value = serde_json::from_str(line.strip_prefix("data: ").unwrap()).unwrap();
    assert_eq!((&event["method"], &event["params"]["data"]), (&json!("notifications/message"), &json!(1)));

    for (method, params, code) in [
        ("tools/call", json!({ "name": "note" }), -32602),
        ("tools/call", json!({ "name": "rm" }), -32602),
        ("tools/call", json!([]), -32602),
        ("resources/list", json!({}), -32601),
        ("", json!(null), -32601),
    ] {
        assert_eq!(request(method, params)["error"]["code"], code, "{method}");
    }
    // An answer to a request of the server, which has sent none, gets none itself.
    for answer in [json!({ "result": {} }), json!({ "error": { "code": -1, "message": "" } })] {
        let mut message = json!({ "jsonrpc": "2.0", "id": 1 });
        message.as_object_mut().unwrap().extend(answer.as_object().unwrap().clone());
        let answered = call(message);
        assert_eq!((answered.status, answered.text.as_str()), (202, ""), "{answer}");
    }
    for broken in
        [json!([]), json!(null), json!("x"), json!({ "id": 1, "method": "ping" }), json!({ "jsonrpc": "1.0" })]
    {
        assert_eq!(call(broken.clone()).status, 400, "{broken}");
    }
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let with =
        |name, value| notes.ask("POST", "/mcp", &[("Content-Type", "application/json"), (name, value)], &ping).status;
    assert_eq!(with("Origin", "https://evil.example"), 403);
    assert_eq!(with("MCP-Protocol-Version", "2024-11-05"), 400);
    assert_eq!(with("MCP-Protocol-Version", "2025-06-18"), 200);
    notes.stop();
}

#[test]
fn mcp_is_for_programs_on_this_machine() {
    let notes = Example::run("mcp");
    let ping = json!({ "jsonrpc": "2.0", "id": 1, "method": "ping" }).to_string();
    let as_host = |host: &str| {
        let mut stream = bounded::connect(notes.url.strip_prefix("http://").unwrap());
        let head = format!("POST /mcp HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nConnection: close");
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{ping}", ping.len()).unwrap();
        std::io::read_to_string(stream).unwrap()
    };
    for host in ["localhost", "localhost:8000", "127.0.0.1", "[::1]", "[::1]:8000"] {
        assert!(as_host(host).starts_with("HTTP/1.1 200 "), "{host}");
    }
    for host in ["evil.example:8000", "evil.example", "[::2]", "localhost.evil.example"] {
        assert!(as_host(host).starts_with("HTTP/1.1 403 "), "DNS rebinding: {host}");
    }
    notes.stop();
}

#[test]
fn login() {
    let secret = "0123456789abcdef0123456789abcdef";
    let site = Example::listening(command("login").env("PORT", "0").env("SECRET", secret));
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let page = |cookie: &str| {
        let page = site.ask("GET", "/", &[("Cookie", cookie)], "");
        let token = page.text.split_once("value=").unwrap().1.split('>').next().unwrap().to_owned();
        let cookie = page.field("set-cookie").split(';').next().filter(|cookie| !cookie.is_empty()).unwrap_or(cookie);
        (cookie.to_owned(), token, page.text)
    };
    let (cookie, token, _) = page("");
    let post = |target: &str, cookie: &str, body: &str| site.ask("POST", target, &[form, ("Cookie", cookie)], body);
    let right = format!("user=ada&password=engine&csrf_token={token}");
    for (cookie, body, why) in [
        (&*cookie, "user=ada&password=engine".to_owned(), "no token"),
        (&cookie, right.replace(&token, &token[1..]), "a token that is cut"),
        ("", right.clone(), "no session"),
        (&cookie, right.replace("engine", "guess"), "a wrong password"),
    ] {
        assert_eq!(post("/login", cookie, &body).status, 403, "{why}");
    }
    let elsewhere = [form, ("Cookie", &*cookie), ("Sec-Fetch-Site", "cross-site")];
    assert_eq!(site.ask("POST", "/login", &elsewhere, &right).status, 403);
    assert_eq!(site.ask("GET", "/account", &[("Cookie", &cookie)], "").status, 403);

    let entered = post("/login", &cookie, &right);
    assert_eq!((entered.status, entered.field("location")), (303, "/"));
    let set = entered.field("set-cookie");
    assert!(set.contains("; HttpOnly") && set.contains("; SameSite=Lax") && set.starts_with("session="), "{set}");
    let session = set.split(';').next().unwrap().to_owned();
    let (session, token, text) = page(&session);
    assert!(text.contains("Hello, ada!"), "{text}");
    assert_eq!(site.ask("GET", "/account", &[("Cookie", &session)], "").text, "the account of ada");
    assert_eq!(post("/logout", &session, "").status, 403);
    let left = post("/logout", &session, &format!("csrf_token={token}"));
    assert!(left.field("set-cookie").contains("Max-Age=0"));
    site.stop();
    let weak = bounded::output(command("login").env("PORT", "0").env("SECRET", "short"));
    assert!(!weak.status.success());
}
