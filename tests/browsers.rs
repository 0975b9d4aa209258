//! Requests of a browser are parsed as the URL Standard parses them: its own parser computes the expected values.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use wirelight::{App, Html, Request};

mod support;

use support::bounded;
use support::server::TestServer;

const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];
const FLAGS: &[&str] =
    &["--headless", "--no-sandbox", "--no-proxy-server", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];

/// Asks for every ASCII character and some escapes in a path and in a query, and reports what did not come back as it should.
/// In a path, a `%` that begins no escape is 400, and a segment that is not UTF-8 matches no parameter of text.
const PAGE: &str = r##"<!doctype html><script>(async () => {
    const texts = [..." !\"#$%&'()*+,-./0:;<=>?@A[\\]^_`a{|}~\u00e9\u20ac"];
    texts.push("%4", "%zz", "%41", "%E9", "%00", "100%", "%%41");
    const wrong = [];
    for (const text of texts) {
        const query = new URL("/query?value=a" + text + "b", location);
        const answer = await fetch(query);
        const expected = query.searchParams.get("value");
        const seen = await answer.text();
        if (answer.status !== 200 || seen !== expected) wrong.push([query.href, answer.status, seen, expected]);
        const path = new URL("/path/a" + text + "b", location);
        const lone = /%(?![0-9a-f]{2})/i.test(path.pathname);
        const status = (await fetch(path)).status;
        const expectedStatus = lone ? 400 : text === "%E9" ? 404 : 200;
        if (status !== expectedStatus) wrong.push([path.href, status]);
    }
    await fetch("/report", { method: "POST", body: JSON.stringify(wrong) });
})()</script>"##;

fn app(report: Sender<String>) -> App {
    let report = Mutex::new(report);
    let mut app = App::new();
    app.get("/", |_| Html(PAGE));
    app.get("/query", |req| req.query("value").unwrap_or_default().into_owned());
    app.get("/path/{text:path}", |_| "served");
    app.post("/report", move |req: &Request| report.lock().unwrap().send(req.text_body().unwrap().to_owned()).unwrap());
    app
}

/// Returns whether the browser loads a page that needs no server. On some machines it is installed
/// and does not start.
fn starts(name: &str, profile: &Path) -> bool {
    let mut command = Command::new(name);
    command.args(FLAGS).arg(format!("--user-data-dir={}", profile.display())).env("HOME", profile);
    let output = bounded::output(command.args(["--dump-dom", "data:text/html,started"]));
    String::from_utf8_lossy(&output.stdout).contains("started")
}

#[test]
fn what_chromium_sends_is_served() {
    let Some(name) = NAMES.iter().find(|name| Command::new(name).arg("--version").output().is_ok()) else {
        println!("skipped: Chromium is not installed");
        return;
    };
    let profile = std::env::temp_dir().join(format!("wirelight-browsers-{}", std::process::id()));
    if !starts(name, &profile) {
        println!("skipped: {name} is installed, but does not start");
        return;
    }
    let (sender, reports) = channel();
    let server = TestServer::start(app(sender));
    let mut browser = Command::new(name)
        .args(FLAGS)
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(format!("http://{}/", server.address))
        .env("HOME", &profile)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let report = reports.recv_timeout(bounded::BOUND);
    let _ = browser.kill(); // it may have ended by itself
    bounded::exited(&mut browser);
    let _ = std::fs::remove_dir_all(&profile);
    assert_eq!(report.as_deref(), Ok("[]"));
}

/// The same without a browser: the bytes that it puts on the wire, and what `URLSearchParams` reads in them.
#[test]
fn a_query_means_what_the_url_standard_says() {
    let (sender, _reports) = channel();
    let app = app(sender);
    for (raw, value) in [
        ("100%", "100%"),
        ("%", "%"),
        ("%4", "%4"),
        ("%zz", "%zz"),
        ("%%41", "%A"),
        ("%4%41", "%4A"),
        ("50%+of+%c3%a9", "50% of é"),
        ("%25", "%"),
        ("!$%()*,-./:;=?@[\\]^_`{|}~'", "!$%()*,-./:;=?@[\\]^_`{|}~'"),
    ] {
        let request = format!("GET /query?value={raw} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let reply = String::from_utf8(app.test().raw(request.as_bytes())).unwrap();
        assert!(reply.starts_with("HTTP/1.1 200 "), "{raw}: {reply}");
        assert_eq!(reply.split_once("\r\n\r\n").unwrap().1, value, "{raw}");
    }
    for target in
        ["/path/100%", "/path/%zz?a", "/query?value=\"", "/query?value=%\u{e9}", "/query?value=% ", "/query?%#"]
    {
        let request = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(app.test().raw(request.as_bytes()).starts_with(b"HTTP/1.1 400 "), "{target}");
    }
}
