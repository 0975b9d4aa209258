//! Responses built in one expression, branches of different types, errors of other libraries, bodies of a declared length.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::error::Error as StdError;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context;
use wirelight::{
    App, Cookie, Error, Html, IntoResponse, Json, Redirect, Request, Response, Result, StatusCode, TestConnection, json,
};

mod support;

use support::recorded::Recorded;

/// The response to a request, without its Date.
fn raw(app: &App, method: &str, path: &str) -> String {
    let bytes = app.test().recorded().raw(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    let text = String::from_utf8(bytes).unwrap();
    text.split_inclusive("\r\n").filter(|line| !line.starts_with("Date: ")).collect()
}

#[test]
fn a_response_is_one_expression() {
    let mut app = App::new();
    app.get("/", |_| {
        Response::new(StatusCode::CREATED)
            .header("Location", "/a")
            .header("location", "/b")
            .cookie(Cookie::new("a", "1"))
            .cookie(Cookie::new("b", "2"))
            .cache_control("private")
            .no_store()
            .vary("Accept")
            .vary("Origin")
            .last_modified(UNIX_EPOCH + Duration::from_secs(784_111_777))
            .text("made")
            .with_status(StatusCode::ACCEPTED)
    });
    let expected = "HTTP/1.1 202 Accepted\r\nContent-Type: text/plain; charset=utf-8\r\nlocation: /b\r\n\
                    Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/\r\nCache-Control: no-store\r\n\
                    Vary: Accept, Origin\r\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 4\r\n\r\nmade";
    assert_eq!(raw(&app, "GET", "/"), expected);
}

#[test]
fn what_cannot_be_sent_is_a_500_wherever_it_stands_in_the_chain() {
    let mut app = App::new();
    app.get("/split", |_| Response::default().header("X-A", "a\r\nb: c").text("ok"));
    app.get("/tag", |_| Response::default().text("ok").etag("a b").with_status(StatusCode::CREATED));
    app.get("/cookie", |_| Response::from(Json(1)).cookie(Cookie::new("a;b", "c")));
    for path in ["/split", "/tag", "/cookie"] {
        assert!(raw(&app, "GET", path).starts_with("HTTP/1.1 500 "), "{path}");
    }
}

#[test]
fn branches_have_one_type() {
    let mut app = App::new();
    app.get("/{kind}", |req| match req.param::<String>("kind").unwrap().as_str() {
        "text" => Response::from("text"),
        "json" => Json([1]).into_response().no_store(),
        "html" => Response::from(Html("<p>")),
        "redirect" => Response::from(Redirect::found("/text")),
        "none" => Response::from(None::<&str>),
        "empty" => ().into_response(),
        "tuple" => (StatusCode::CREATED, [("X-A", "b")], "made").into_response(),
        "response" => Response::from(Response::from("twice")),
        _ => Response::from(Err::<(), _>(Error::conflict("taken"))),
    });
    for (path, status, body) in [
        ("/text", 200, "text"),
        ("/json", 200, "[1]"),
        ("/html", 200, "<p>"),
        ("/redirect", 302, ""),
        ("/none", 404, "{\"error\":\"Not Found\",\"message\":\"There is nothing at this path.\"}"),
        ("/empty", 204, ""),
        ("/tuple", 201, "made"),
        ("/response", 200, "twice"),
        ("/other", 409, "{\"error\":\"Conflict\",\"message\":\"taken\"}"),
    ] {
        let response = app.test().get(path).send();
        assert_eq!((response.status().as_u16(), response.text()), (status, body), "{path}");
    }
}

/// A type of a program.
struct Receipt(u64);

impl IntoResponse for Receipt {
    fn write_to(self, response: &mut Response) {
        (StatusCode::CREATED, Json(json!({ "receipt": self.0 }))).write_to(response);
    }
}

#[test]
fn a_hook_changes_a_response_in_place() {
    let mut app = App::new();
    app.get("/", |_| Receipt(7));
    app.after(|_, res| {
        let wrapped = format!("[{}]", String::from_utf8_lossy(res.body()));
        res.set_text(wrapped);
        res.set_header("X-Wrapped", "yes");
    });
    app.after(|req, res| {
        if req.query("replaced").is_some() {
            *res = Response::new(StatusCode::OK).text("replaced");
        }
    });
    let response = app.test().get("/").send();
    assert_eq!((response.status().as_u16(), response.text()), (201, "[{\"receipt\":7}]"));
    assert_eq!(response.header("X-Wrapped"), Some("yes"));
    assert_eq!(app.test().get("/?replaced").send().text(), "replaced");
}

/// An error of another library that is a box, as `anyhow::Error` is.
struct Boxed(Box<dyn StdError + Send + Sync>);

impl From<Boxed> for Box<dyn StdError + Send + Sync> {
    fn from(error: Boxed) -> Self {
        error.0
    }
}

/// A program's error with statuses of its own.
struct Denied;

impl From<Denied> for Error {
    fn from(_: Denied) -> Error {
        Error::forbidden("denied")
    }
}

fn number(req: &Request) -> anyhow::Result<String> {
    let number: u8 = req.query_required("n").map_err(Error::into_std).context("no number").context("no answer")?;
    anyhow::ensure!(number != 13, "unlucky");
    let halves: f32 = "0.5".parse::<f32>()?;
    Ok((f32::from(number) * halves).to_string())
}

fn mixed(req: &Request) -> Result<String> {
    if req.query("denied").is_some() {
        Err(Denied)?;
    }
    Ok(number(req)?)
}

#[test]
fn a_handler_returns_the_errors_of_any_library() {
    let mut app = App::new();
    app.get("/anyhow", number);
    app.get("/mixed", mixed);
    app.get("/string", |_| Err::<(), String>("secret".to_owned()));
    app.get("/str", |_| Err::<(), &str>("secret"));
    app.get("/boxed", |_| Err::<(), _>(Boxed("secret".into())));
    app.get("/own", |_| Err::<(), _>(Denied));
    app.get("/io", |_| std::fs::read_to_string("/nowhere/secret"));
    for (path, status) in [
        ("/anyhow?n=8", 200),
        ("/anyhow", 400),
        ("/anyhow?n=x", 400),
        ("/anyhow?n=13", 500),
        ("/mixed?n=8", 200),
        ("/mixed", 400),
        ("/mixed?n=13", 500),
        ("/mixed?denied", 403),
        ("/string", 500),
        ("/str", 500),
        ("/boxed", 500),
        ("/own", 403),
        ("/io", 500),
    ] {
        let response = app.test().get(path).send();
        assert_eq!(response.status().as_u16(), status, "{path}: {}", response.text());
        assert!(!response.text().contains("secret") && !response.text().contains("unlucky"), "{path}");
    }
    let missing = app.test().get("/anyhow").send();
    assert!(missing.json::<serde_json::Value>()["message"].as_str().unwrap().contains("\"n\""), "{}", missing.text());
}

/// An application whose bodies end after `pieces` of two bytes, where six bytes are declared.
fn declared() -> App {
    let mut app = App::new();
    app.get("/chunks/{pieces:int}", |req| -> Result<Response> {
        let pieces: usize = req.param("pieces")?;
        Ok(Response::default().content_length(6).chunks(std::iter::repeat_n("ab", pieces)))
    });
    app.get("/stream/{pieces:int}", |req| -> Result<Response> {
        let pieces: usize = req.param("pieces")?;
        let (sender, response) = wirelight::stream(4096);
        (0..pieces).try_for_each(|_| sender.try_send("ab"))?;
        Ok(response.header("Content-Length", "6")) // as a proxy copies it
    });
    app.get("/reader/{pieces:int}", |req| -> Result<Response> {
        let bytes = "ab".repeat(req.param("pieces")?).into_bytes();
        Ok(Response::default().reader(std::io::Cursor::new(bytes), None).content_length(6))
    });
    app
}

fn ask(connection: &mut TestConnection<'_>, method: &str, path: &str) -> String {
    connection.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    String::from_utf8_lossy(connection.take_received()).into_owned()
}

#[test]
fn a_stream_of_a_known_length_has_a_content_length() {
    let app = declared();
    for kind in ["chunks", "stream", "reader"] {
        let client = app.test();
        let mut connection = client.connect();
        for pieces in [3, 4, 1000] {
            let path = format!("/{kind}/{pieces}");
            let get = ask(&mut connection, "GET", &path);
            let (head, body) = get.split_once("\r\n\r\n").unwrap();
            assert_eq!((head.matches("Content-Length: 6").count(), body), (1, "ababab"), "{path}: {get}");
            assert!(!head.contains("Transfer-Encoding"), "{get}");
            let (without_date, _) = head.split_once("\r\nDate: ").unwrap();
            let head_response = ask(&mut connection, "HEAD", &path);
            assert!(head_response.starts_with(without_date) && head_response.contains("Content-Length: 6\r\n"));
            assert!(head_response.ends_with("\r\n\r\n"), "HEAD has no body: {head_response}");
            assert!(!connection.is_closed(), "{path}");
        }
    }
}

#[test]
fn a_stream_that_ends_before_its_length_is_not_taken_as_complete() {
    let app = declared();
    for kind in ["chunks", "stream", "reader"] {
        for pieces in [0, 1, 2] {
            let client = app.test();
            let mut connection = client.connect();
            let get = ask(&mut connection, "GET", &format!("/{kind}/{pieces}"));
            assert!(get.contains("Content-Length: 6\r\n"), "{get}");
            assert!(!get.ends_with("ababab") && connection.is_over(), "{kind} {pieces}: {get}");
        }
    }
}

#[test]
fn a_declared_length_says_nothing_of_a_body_in_memory() {
    let mut app = App::new();
    app.get("/", |_| Response::default().content_length(6).text("four"));
    app.get("/after", |_| Response::default().text("four").header("Content-Length", "6"));
    app.get("/no-number", |_| Response::default().header("Content-Length", "six").chunks(["four"]));
    for path in ["/", "/after"] {
        assert!(raw(&app, "GET", path).ends_with("Content-Length: 4\r\n\r\nfour"));
    }
    assert!(raw(&app, "GET", "/no-number").ends_with("Transfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n"));
}
