//! The `wirelight` command as a process: output, responses, exit code.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

mod support;

use support::{Program, bounded};

/// The command, without what the environment of the tests may say to it.
fn wirelight(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirelight"));
    for name in ["HOST", "PORT", "WORKERS", "RUST_LOG", "RUST_LOG_STYLE"] {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

impl Program {
    /// The lines that it prints when it listens, up to the last command to try.
    fn welcome(&mut self) -> Vec<String> {
        let mut welcome = vec![self.first_line.clone()];
        while welcome.last().is_none_or(|line| !line.contains("wrk ")) {
            let mut line = String::new();
            assert_ne!(self.stdout.read_line(&mut line).unwrap(), 0, "stdout ended: {welcome:?}");
            welcome.push(line);
        }
        welcome
    }

    fn request(&self, head: &str, body: &str) -> Reply {
        Reply::to(&self.address, head, body)
    }
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    /// One request on a connection of its own, as curl makes it.
    fn to(address: &str, head: &str, body: &str) -> Reply {
        let mut stream = bounded::connect(address);
        let (line, fields) = head.split_once('\n').unwrap_or((head, "Accept: */*"));
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        let request =
            format!("{line} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{fields}\r\n{length}\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        Reply { status: head[9..12].parse().unwrap(), head: head.to_owned(), body: body.to_owned() }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

fn finished(command: &mut Command) -> Output {
    bounded::output(command)
}

/// Checks that it fails with code 2 and prints one sentence, on stderr; returns the sentence.
fn refused(command: &mut Command) -> String {
    let output = finished(command.env("RUST_LOG", "off"));
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{sentence}");
    assert_eq!(output.stdout, b"", "{sentence}");
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    assert!(sentence.starts_with("wirelight: "), "{sentence}");
    sentence
}

const JSON: &str = "Content-Type: application/json";

/// A browser that opens the server is told where the view is, without its token. Other clients get what they always get.
#[test]
fn a_browser_is_told_where_the_wire_view_is() {
    const BROWSER: &str = "GET /\nAccept: text/html,application/xhtml+xml,*/*;q=0.8";
    let mut server = Program::start(&mut wirelight(&["--wire", "--port", "0"]));
    let mut url = String::new();
    while !url.starts_with("wire view: ") {
        url.clear();
        assert_ne!(server.stdout.read_line(&mut url).unwrap(), 0, "no address of the view");
    }
    let token = url.trim_end().split_once("?k=").unwrap().1;
    let page = server.request(BROWSER, "");
    assert!(page.head.contains("text/html") && page.body.contains("at the address that your terminal shows"));
    assert!(page.body.lines().count() <= 12 && !page.body.contains(token) && !page.head.contains(token));
    assert_eq!(server.request("GET /", "").body, "Hello!\n");
    server.stop("-TERM");
    let server = Program::start(&mut wirelight(&["--port", "0"]));
    assert_eq!(server.request(BROWSER, "").body, "Hello!\n");
}

#[test]
fn serves_the_demo_until_it_is_told_to_stop() {
    for (arguments, signal) in [(&["--port", "0"][..], "-TERM"), (&["serve", "--port=0", "--workers", "2"], "-INT")] {
        let server = Program::start(&mut wirelight(arguments));
        assert!(server.first_line.starts_with("listening on http://127.0.0.1:"), "{}", server.first_line);
        let hello = server.request("GET /hello?name=Zo%C3%AB", "");
        assert_eq!((hello.status, hello.json()["message"].as_str()), (200, Some("Hello, Zoë!")));
        assert_eq!(server.request("GET /hello", "").json()["message"], "Hello, World!");
        let health = server.request("GET /health", "").json();
        assert_eq!(health["status"], "ok");
        assert!(health["uptime_ms"].as_u64().unwrap() < 600_000, "the time since the start, not the date: {health}");
        let (code, out, _) = server.stop(signal);
        assert_eq!(code, Some(0));
        assert!(out.lines().last().unwrap().starts_with("stopped after "), "{out}");
    }
}

#[test]
fn users_are_made_shown_changed_and_removed() {
    let server = Program::start(&mut wirelight(&["--port", "0"]));
    let post = format!("POST /users\n{JSON}");
    let made = server.request(&post, r#"{"name": "Ada", "email": "ada@example.com"}"#);
    assert_eq!(made.status, 201);
    assert!(made.head.contains("\r\nLocation: /users/1\r\n"), "{}", made.head);
    let ada = serde_json::json!({ "id": 1, "name": "Ada", "email": "ada@example.com" });
    assert_eq!(made.json(), ada);
    assert_eq!(server.request("GET /users/1", "").json(), ada);
    assert_eq!(server.request("GET /users", "").json(), serde_json::json!([ada]));
    let patched = server.request(&format!("PATCH /users/1\n{JSON}"), r#"{"name": "Ada Lovelace"}"#);
    assert_eq!(
        (patched.status, &patched.json()["name"], &patched.json()["email"]),
        (200, &"Ada Lovelace".into(), &ada["email"])
    );
    let put = server.request(&format!("PUT /users/1\n{JSON}"), r#"{"name": "Bob", "email": "bob@example.com"}"#);
    assert_eq!(
        (put.status, put.json()),
        (200, serde_json::json!({ "id": 1, "name": "Bob", "email": "bob@example.com" }))
    );
    let removed = server.request("DELETE /users/1", "");
    assert_eq!((removed.status, &*removed.body), (204, ""));
    assert_eq!(
        server.request(&post, r#"{"name": "Eve", "email": "bob@example.com"}"#).json()["id"],
        2,
        "ids are not used twice"
    );
}

#[test]
fn what_is_wrong_is_told_by_its_status() {
    let server = Program::start(&mut wirelight(&["--port", "0"]));
    let (post, put, patch) = ("POST /users", "PUT /users/1", "PATCH /users/1");
    let with = |line: &str| format!("{line}\n{JSON}");
    assert_eq!(server.request(&with(post), r#"{"name": "Ada", "email": "ada@example.com"}"#).status, 201);
    assert_eq!(server.request(&with(post), r#"{"name": "Bob", "email": "bob@example.com"}"#).status, 201);
    let cases: &[(&str, &str, u16)] = &[
        ("GET /users/7", "", 404),
        ("GET /users/-1", "", 404),
        ("GET /users/99999999999999999999999", "", 404),
        ("GET /users/", "", 404),
        ("GET /nothing", "", 404),
        ("DELETE /users/7", "", 404),
        ("DELETE /users", "", 405),
        ("POST /health", "", 405),
        (post, r#"{"name": "Eve", "email": "eve@example.com"}"#, 415),
        (&with(post), r#"{"name": "Eve""#, 400),
        (&with(post), r#"[1, 2]"#, 422),
        (&with(post), r#""Eve""#, 422),
        (&with(post), r#"{}"#, 422),
        (&with(post), r#"{"name": 7, "email": "eve@example.com"}"#, 422),
        (&with(post), r#"{"name": " ", "email": "eve@example.com"}"#, 422),
        (&with(post), r#"{"name": "Eve", "email": "eve"}"#, 422),
        (&with(post), r#"{"name": "Eve", "email": "ADA@example.com"}"#, 409),
        (&with(put), r#"{"name": "Ada"}"#, 422),
        (&with(put), r#"{"name": "Ada", "email": "bob@example.com"}"#, 409),
        (&with(put), r#"{"name": "Ada", "email": "ada@example.com"}"#, 200),
        (&with(patch), r#"{"email": "@"}"#, 422),
        (&with(patch), r#"{"email": "bob@example.com"}"#, 409),
        (&with("PATCH /users/7"), r#"{}"#, 404),
        (&with(patch), r#"{}"#, 200),
    ];
    for (head, body, status) in cases {
        let reply = server.request(head, body);
        assert_eq!(reply.status, *status, "{head} {body}: {}", reply.body);
        assert!(reply.json().is_object(), "errors are JSON: {head} {body}");
    }
    let all = server.request(&with(post), r#"{"name": 7}"#).json();
    assert_eq!(all["details"], serde_json::json!({ "name": "must be a string", "email": "is required" }));
}

#[test]
fn the_environment_decides_what_options_leave_open() {
    let mut command = wirelight(&[]);
    command.env("HOST", "localhost").env("PORT", "0").env("WORKERS", "2").env("RUST_LOG", "");
    let server = Program::start(&mut command);
    assert!(server.first_line.contains(" with 2 workers"), "{}", server.first_line);
    let mut command = wirelight(&["--port", "0", "--host=127.0.0.1"]);
    command.env("HOST", "no such host").env("PORT", "x").env("WORKERS", "");
    assert_eq!(Program::start(&mut command).request("GET /health", "").status, 200);
}

#[test]
fn a_socket_that_is_a_file_is_served_and_gone_at_the_end() {
    let path = std::env::temp_dir().join(format!("wirelight-{}'s.sock", std::process::id()));
    let host = format!("unix:{}", path.display());
    let mut command = wirelight(&["--host", &host]);
    let (mut child, _leash) = bounded::leashed(command.env("PORT", "x").stdout(Stdio::piped()).stderr(Stdio::null()));
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(out.next().unwrap(), format!("listening on {host} with 1 worker; Ctrl-C stops it"));
    let ask = out.find(|line| line.contains("/health")).unwrap();
    assert!(ask.trim().starts_with("curl --unix-socket '/") && ask.contains("'\\''s.sock'"), "{ask}");
    let mut client = UnixStream::connect(&path).unwrap();
    client.set_read_timeout(Some(bounded::BOUND)).unwrap();
    client.write_all(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(refused(&mut wirelight(&["--host", &host])).contains("another program listens there"));
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    assert!(bounded::exited(&mut child).success());
    assert!(!path.exists());
}

#[test]
fn a_wild_card_address_is_told_as_one_that_can_be_pasted() {
    let mut server = Program::start(&mut wirelight(&["--host", "0.0.0.0", "--port", "0"]));
    let port = server.address.rsplit(':').next().unwrap().to_owned();
    assert_eq!(Reply::to(&format!("127.0.0.1:{port}"), "GET /health", "").status, 200);
    let welcome = server.welcome();
    let commands: Vec<_> = welcome.iter().filter(|line| line.contains("curl ") || line.contains("wrk ")).collect();
    assert!(commands.len() >= 2);
    for command in commands {
        assert!(command.contains(&format!("http://127.0.0.1:{port}/")), "{command}");
    }
}

#[test]
fn every_curl_command_of_the_welcome_gets_what_it_asks_for() {
    if Command::new("curl").arg("--version").output().is_err() {
        return println!("skipped: no curl");
    }
    let mut server = Program::start(&mut wirelight(&["--port", "0"]));
    let mut statuses = Vec::new();
    for line in server.welcome().iter().map(|line| line.trim()).filter(|line| line.starts_with("curl ")) {
        let output = bounded::output(Command::new("sh").args(["-c", line]));
        let text = String::from_utf8(output.stdout).unwrap();
        statuses.push(text[9..12].to_owned());
    }
    assert_eq!(statuses, ["200", "200", "201", "200", "200", "200", "204"]);
    assert_eq!(server.stop("-TERM").0, Some(0));
}

#[test]
fn the_ten_steps_are_logged_as_they_are_taken() {
    let server = Program::start(wirelight(&["--port", "0"]).env("RUST_LOG", "wirelight=debug"));
    server.request("GET /health", "");
    server.request("BAD", "");
    let (_, _, log) = server.stop("-TERM");
    let mut from = 0;
    for step in
        ["step 1, socket", "step 2, bind", "step 3, listen", "step 4, accept", "step 10, close", "step 6, parse"]
    {
        let at = log[from..].find(step).unwrap_or_else(|| panic!("{step} is missing or too early:\n{log}"));
        from += at + step.len();
    }
    assert!(!log.contains('\u{1b}'), "no colours into a pipe");
}

#[test]
fn the_log_is_quiet_about_connections_by_default() {
    let server = Program::start(&mut wirelight(&["--port", "0"]));
    server.request("GET /health", "");
    let (_, _, log) = server.stop("-TERM");
    assert!(log.contains("step 3, listen"), "{log}");
    assert!(!log.contains("step 4, accept:"), "{log}");
}

#[test]
fn help_and_version_are_answers() {
    for (arguments, words, absent) in [
        (&["--help"][..], &["serve", "poke", "explain", "replay", "export", "routes", "--version"][..], "--host"),
        (&["-h"], &["Commands:"], "--host"),
        (&["serve", "--help"], &["--host", "--port", "--workers", "RUST_LOG"], "--suite"),
        (&["--trace", "--help"], &["--host", "--trace"], "--suite"),
        (&["poke", "--help"], &["--at", "--experiment", "--suite"], "--workers"),
        (&["help"], &["Commands:"], "--host"),
        (&["help", "poke"], &["--at", "--experiment", "--suite"], "--workers"),
        (&["explain", "-h"], &["--show-secrets"], "--workers"),
        (&["replay", "--help"], &["CAPTURE"], "--workers"),
        (&["export", "--help"], &["--format", "har"], "--workers"),
        (&["routes", "--help"], &["routes"], "--workers"),
    ] {
        let output = finished(&mut wirelight(arguments));
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        for word in words {
            assert!(text.contains(word), "{arguments:?}: {word}: {text}");
        }
        assert!(!text.contains(absent), "{arguments:?}: {absent}: {text}");
    }
    let output = finished(&mut wirelight(&["--version"]));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("wirelight {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_route_table_is_printed_without_a_server() {
    let output = finished(&mut wirelight(&["routes"]));
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
    let text = String::from_utf8(output.stdout).unwrap();
    for (method, path) in [
        ("GET", "/health"),
        ("GET", "/hello"),
        ("POST", "/users"),
        ("DELETE", "/users/{id:int}"),
        ("POST", "/echo"),
        ("GET", "/sleep"),
        ("GET", "/big"),
        ("GET", "/limited"),
    ] {
        let listed = text.lines().any(|line| line.contains(method) && line.split_whitespace().any(|word| word == path));
        assert!(listed, "{method} {path}: {text}");
    }
}

/// The address of the page says that it is for a classroom.
#[test]
fn a_classroom_has_an_address_of_its_own() {
    for (arguments, is_classroom) in [(&["--wire"][..], false), (&["--wire", "--classroom"], true)] {
        let mut server = Program::start(wirelight(arguments).args(["--port", "0"]).env("RUST_LOG", "off"));
        let mut line = String::new();
        while !line.starts_with("wire view: ") {
            line.clear();
            assert_ne!(server.stdout.read_line(&mut line).unwrap(), 0, "it has no address");
        }
        assert!(line.starts_with(&format!("wire view: http://{}/_wire/?k=", server.address)), "{line}");
        assert_eq!(line.ends_with("&classroom\n"), is_classroom, "{line}");
    }
}

#[test]
fn mistakes_get_one_sentence_and_code_2() {
    let cases: &[(&[&str], &str)] = &[
        (&["--colour"], "--colour"),
        (&["-x"], "-x"),
        (&["fly"], "fly"),
        (&["serve", "now"], "now"),
        (&["routes", "--port", "1"], "--port"),
        (&["--port"], "--port"),
        (&["--classroom"], "--classroom changes the page of --wire, so it needs --wire"),
        (&["--wire", "--classroom=yes"], "--classroom"),
        (&["--port", "99999"], "--port must be a number from 0 to 65535, not \"99999\""),
        (&["--port", "http"], "--port"),
        (&["--port=-1"], "--port"),
        (&["--workers", "0"], "--workers must be a number from 1 to 256"),
        (&["--host", ""], "--host"),
        (&["--host", "two words"], "--host"),
        (&["--host", "http://localhost/"], "--host"),
        (&["--host", "unix:"], "--host must name a file"),
        (&["--host", "unix:/run/a.sock", "--port", "1"], "has no --port"),
        (&["--host", "unix:/no such folder/a.sock"], "cannot listen on unix:/no such folder/a.sock"),
    ];
    for (arguments, word) in cases {
        let sentence = refused(&mut wirelight(arguments));
        assert!(sentence.contains(word), "{arguments:?}: {sentence}");
    }
    // What drives a terminal does not come back out of a mistake.
    let evil = "\x1b[2J\u{9b}31m\u{202e}";
    let places: [&[&str]; 9] = [
        &[evil],
        &["--port", evil],
        &["--host", evil],
        &["--record", "/none/\x1b[2J"],
        &["explain", evil],
        &["replay", evil],
        &["export", "--format", "txt", evil],
        &["poke", evil, "x"],
        &["poke", "--experiment", evil],
    ];
    for arguments in places {
        let sentence = refused(&mut wirelight(arguments));
        let drives = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!sentence.chars().any(drives), "{arguments:?}: {sentence:?}");
    }
    for (name, value) in [("PORT", "99999"), ("PORT", "x"), ("HOST", "not a host"), ("WORKERS", "many")] {
        let sentence = refused(wirelight(&[]).env(name, value));
        assert!(sentence.contains(&format!("{name} must be ")) && sentence.contains(value), "{sentence}");
    }
}

#[test]
fn a_port_in_use_is_said_so() {
    let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = other.local_addr().unwrap().port().to_string();
    let sentence = refused(&mut wirelight(&["--port", &port]));
    assert!(
        sentence.contains(&port) && sentence.contains("another program listens there; --port 0 takes"),
        "{sentence}"
    );
    // Also when it is one of us, although our listeners could share the port.
    let first = Program::start(&mut wirelight(&["--port", "0"]));
    let port = first.address.rsplit(':').next().unwrap();
    assert!(refused(&mut wirelight(&["--port", port])).contains("another program listens there"));
}

#[test]
fn an_address_of_another_machine_is_said_so() {
    let sentence = refused(&mut wirelight(&["--host", "192.0.2.1", "--port", "0"]));
    assert!(sentence.contains("this machine has no such address"), "{sentence}");
}

/// Every command and option that both READMEs name is in the help.
#[test]
fn the_commands_of_the_readmes_exist() {
    let help = |command: Option<&str>| {
        let arguments: Vec<_> = command.into_iter().chain(["--help"]).collect();
        let output = bounded::output(&mut wirelight(&arguments));
        assert!(output.status.success(), "wirelight {}", arguments.join(" "));
        String::from_utf8(output.stdout).unwrap()
    };
    let mut named = 0;
    for readme in [include_str!("../../README.md"), include_str!("../README.md")] {
        let in_blocks = readme.lines().filter(|line| line.starts_with("wirelight ") && !line.contains(" = "));
        for line in readme.split('`').filter(|text| text.starts_with("wirelight ")).chain(in_blocks) {
            let words = line.split("  #").next().unwrap().split_whitespace().skip(1);
            let words: Vec<_> = words.take_while(|word| !word.starts_with("```")).collect();
            let command = words.first().copied().filter(|word| !word.starts_with('-'));
            let text = help(command) + &help(Some("serve"));
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let name = option.split('=').next().unwrap();
                assert!(text.contains(name), "{line}: {name} is in no help");
            }
            named += 1;
        }
    }
    assert!(named >= 12, "{named} commands");
}
