//! The article's programs as their readers meet them: each example runs, and is asked what the article asks with curl.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader};

use serde_json::{Value, json};
use tungstenite::protocol::CloseFrame;

mod support;

use support::bounded;
use support::example::{Example, command};

const NOT_FOUND: &str = "There is nothing at this path.";

#[test]
fn hello() {
    let hello = Example::run("hello");
    hello.get("/hello?name=Venki").is(200, json!({ "message": "Hello, Venki!" }));
    hello.get("/hello").is(200, json!({ "message": "Hello, World!" }));
    hello.get("/hello?name=").is(200, json!({ "message": "Hello, !" }));
    hello.get("/hello?name=Zo%C3%AB+B&name=x").is(200, json!({ "message": "Hello, Zoë B!" }));
    assert_eq!(hello.ask("POST", "/hello", &[], "").allow(), ["GET", "HEAD", "OPTIONS"]);
    assert_eq!(hello.get("/hello/").status, 404);
    assert_eq!(hello.stop(), "");
}

#[test]
fn echo() {
    let echo = Example::run("echo");
    for (method, path) in [("POST", "/"), ("PUT", "/a/b"), ("DELETE", "/a/b"), ("PATCH", "/")] {
        let reply = echo.ask(method, path, &[], "hello");
        assert_eq!((reply.status, reply.text.as_str()), (200, "hello"), "{method} {path}");
    }
    assert_eq!(echo.get("/").text, "");
    assert_eq!(echo.stop(), "");
}

#[test]
fn openapi() {
    let notes = Example::run("openapi");
    let key = [("Content-Type", "application/json"), ("X-API-Key", "secret")];
    let tea = json!({ "id": 1, "title": "Tea", "tags": ["a"] });
    notes.ask("POST", "/notes", &key, r#"{"title": "Tea", "tags": ["a"]}"#).is(201, tea.clone());
    let soup = json!({ "id": 2, "title": "Soup", "tags": [] });
    notes.ask("POST", "/notes", &key, r#"{"title": "Soup"}"#).is(201, soup.clone());
    assert_eq!(notes.json("POST", "/notes", r#"{"title": "Tea"}"#).status, 401);
    let wrong = notes.ask("POST", "/notes", &key, r#"{"tags": [1, "b", null]}"#);
    let text = "Must be a string";
    assert_eq!(
        (wrong.status, &wrong.json["details"]),
        (422, &json!({ "tags.0": text, "tags.2": text, "title": "Required" }))
    );
    notes.get("/notes?order=newest").is(200, json!([soup, tea]));
    notes.get("/notes?tag=a&skip=0").is(200, json!([tea]));
    let wrong = notes.get("/notes?skip=-1&order=random&tag=a&tag=b");
    let details = json!({
        "skip": format!("Must be an integer from 0 to {}", usize::MAX),
        "order": "Must be one of: oldest, newest",
        "tag": "Must be given once",
    });
    assert_eq!((wrong.status, &wrong.json["details"]), (422, &details));
    notes.get("/notes/1").is(200, tea);
    assert_eq!(notes.ask("DELETE", "/notes/1", &key, "").status, 204);
    assert_eq!(notes.get("/notes/1").status, 404);
    let document = notes.get("/docs/openapi.json").json;
    assert_eq!(document["paths"].as_object().unwrap().keys().collect::<Vec<_>>(), ["/notes", "/notes/{id}"]);
    assert!(notes.get("/docs/").text.starts_with("<!doctype html>"));
}

#[test]
fn users() {
    let users = Example::run("users");
    let venki = json!({ "id": 1, "name": "Venki", "email": "v@example.com" });
    users.get("/users").is(200, json!([]));
    users.json("POST", "/users", r#"{"name": "Venki", "email": "v@example.com"}"#).is(201, venki.clone());
    users.get("/users/1").is(200, venki.clone());
    users.get("/users/01").is(200, venki.clone());
    users.get("/users").is(200, json!([venki]));
    let renamed = json!({ "id": 1, "name": "Venkatesh", "email": "v@example.com" });
    users.json("PATCH", "/users/1", r#"{"name": "Venkatesh"}"#).is(200, renamed);
    let replaced = json!({ "id": 1, "name": null, "email": ["any"] });
    users.json("PUT", "/users/1", r#"{"name": null, "email": ["any"], "id": 7}"#).is(200, replaced.clone());
    let incomplete = json!({ "error": "name and email are required" });
    for body in ["{}", "null", "[]", "7", "\"name email\"", r#"{"name": "x"}"#, r#"["name", "email"]"#] {
        users.json("POST", "/users", body).is(400, incomplete.clone());
        users.json("PUT", "/users/1", body).is(400, incomplete.clone());
    }
    let number = "123456789012345678901234567890";
    let large = users.json("PATCH", "/users/1", &format!("{{\"name\": {number}}}"));
    assert_eq!(large.text, format!("{{\"id\":1,\"name\":{number},\"email\":[\"any\"]}}"), "as Python keeps it");
    users.json("PUT", "/users/1", r#"{"name": null, "email": ["any"]}"#).is(200, replaced.clone());
    assert_eq!(users.json("PATCH", "/users/1", "[1]").status, 400);
    assert_eq!(users.json("PATCH", "/users/1", "{").status, 400);
    assert_eq!(users.ask("POST", "/users", &[("Content-Type", "text/plain")], "{}").status, 415);
    users.get("/users/1").is(200, replaced);
    let removed = users.ask("DELETE", "/users/1", &[], "");
    assert_eq!((removed.status, removed.field("content-length")), (204, ""));
    for target in ["/users/1", "/users/99999999999999999999", "/users/-1", "/users/x", "/users/"] {
        users.get(target).is(404, json!({ "error": "Not Found", "message": NOT_FOUND }));
    }
    assert_eq!(users.json("PUT", "/users/1", "{").status, 404, "what is not there is not looked at");
    let methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "PUT"];
    assert_eq!(users.ask("POST", "/users/1", &[], "").allow(), methods);
    assert_eq!(users.json("POST", "/users", r#"{"name": "a", "email": "b"}"#).json["id"], 2, "ids are not used twice");
}

#[test]
fn request_demo() {
    let demo = Example::run("request_demo");
    let host = demo.url.strip_prefix("http://").unwrap().to_owned();
    let reply = demo.json("POST", "/demo?page=2&limit=x&tag=a&tag=b%20c", r#"{"a": [1, null]}"#);
    let mut whole = json!({
        "page": 2, "limit": 10, "tags": ["a", "b c"], "json": { "a": [1, null] }, "username": null, "raw_len": 16,
        "content_type": "application/json", "method": "POST", "host": host, "path": "/demo",
        "url": format!("{}/demo?page=2&limit=x&tag=a&tag=b%20c", demo.url), "base_url": format!("{}/demo", demo.url),
        "remote_addr": "127.0.0.1", "authorization": null,
    });
    reply.is(200, whole.clone());
    for (name, value) in [("json", json!(null)), ("raw_len", json!(1))] {
        whole[name] = value;
    }
    demo.json("POST", "/demo?page=2&limit=x&tag=a&tag=b%20c", "{").is(200, whole);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let reply = demo.ask("POST", "/demo", &[form, ("Authorization", "Bearer x")], "username=Zo%C3%AB+B&username=x");
    let told = ["username", "authorization", "raw_len", "page", "tags"].map(|name| reply.json[name].clone());
    assert_eq!(told, [json!("Zoë B"), json!("Bearer x"), json!(0), json!(1), json!([])]);
    assert_eq!(demo.get("/demo?page=-3&limit=+5").json["page"], -3);
    assert_eq!(demo.get("/demo?page=-3&limit=+5").json["limit"], 5, "a plus is a space");
    let large = demo.json("POST", "/demo?page=99999999999999999999", "-18446744073709551617").text;
    assert!(
        large.contains("\"page\":99999999999999999999,") && large.contains("\"json\":-18446744073709551617,"),
        "{large}"
    );
    assert_eq!(demo.ask("POST", "/demo", &[form], "&&").json["raw_len"], 0, "a form without fields is a form");
}

#[test]
fn errors() {
    let errors = Example::run("errors");
    errors.get("/nothing").is(404, json!({ "error": "Not Found", "message": NOT_FOUND }));
    errors.get("/abort/404").is(404, json!({ "error": "Not Found", "message": NOT_FOUND }));
    let bad = "The request is malformed. Check its syntax and its parameters.";
    for reply in [errors.get("/abort/400"), errors.json("POST", "/json", "{")] {
        reply.is(400, json!({ "error": "Bad Request", "message": bad }));
    }
    let teapot = json!({
        "error": "I'm a teapot", "message": "A teapot brews tea only.", "status_code": 418,
    });
    errors.get("/abort/418").is(418, teapot);
    assert_eq!(errors.ask("POST", "/json", &[("Content-Type", "text/plain")], "{}").json["status_code"], 415);
    errors.json("POST", "/json", "[1]").is(200, json!({ "got": [1] }));
    // Whole numbers of any length, and what no float holds, come back as they went in.
    for number in
        ["18446744073709551616", "-123456789012345678901234567890", "1e400", "3.141592653589793238462643383279"]
    {
        assert_eq!(errors.json("POST", "/json", number).text, format!("{{\"got\":{number}}}"));
    }
    for code in ["0", "200", "599", "65536", "18446744073709551616", &"9".repeat(300)] {
        assert_eq!(errors.get(&format!("/abort/{code}")).status, 500, "{code} is not an error status");
    }
    let wrong_method = errors.ask("DELETE", "/ok", &[], "");
    wrong_method.is(405, json!({ "error": "Method Not Allowed" }));
    assert_eq!(wrong_method.allow(), ["GET", "HEAD", "OPTIONS"], "a page of the program's own does not lose it");
    for target in ["/boom", "/abort/200"] {
        errors.get(target).is(500, json!({ "error": "Internal Server Error" }));
    }
    errors.get("/ok").is(200, json!({ "ok": true }));
}

#[test]
fn blueprints() {
    let blueprints = Example::run("blueprints");
    for (list, name) in [("/users/", "users"), ("/products/", "products")] {
        blueprints.get(list).is(200, json!({ name: [] }));
        blueprints.get(&format!("{list}007")).is(200, json!({ "id": 7 }));
        let redirect = blueprints.get(&format!("/{name}?page=2"));
        assert_eq!((redirect.status, redirect.field("location")), (308, &*format!("/{name}/?page=2")));
        assert_eq!(blueprints.get(&format!("{list}7/")).status, 404);
    }
}

#[test]
fn middleware() {
    let middleware = Example::run("middleware");
    let mut ids = Vec::new();
    for (target, status) in [("/hello", 200), ("/nothing", 404), ("/hello?x", 200)] {
        let reply = middleware.get(target);
        assert_eq!(reply.status, status);
        assert!(reply.field("x-response-time").strip_suffix("ms").is_some_and(|ms| ms.parse::<f64>().is_ok()));
        ids.push(reply.field("x-request-id").to_owned());
    }
    assert!(ids.iter().all(|id| id.len() == 36) && ids[0] != ids[1], "{ids:?}");
    let log = middleware.stop();
    assert_eq!(log.lines().count(), 3, "{log}");
    assert!(log.starts_with(&format!("[{}] GET /hello 200 ", ids[0])), "{log}");
}

#[test]
fn api_key() {
    let api = Example::run("api_key");
    for fields in [&[][..], &[("X-API-Key", "wrong")], &[("X-API-Key", "")], &[("X-API-Key", "KEY_ABC123")]] {
        let refused = api.ask("GET", "/protected", fields, "");
        refused.is(401, json!({ "error": "Unauthorized" }));
        assert!(!refused.field("www-authenticate").is_empty());
    }
    for (key, user) in [("key_abc123", "user_1"), ("key_xyz789", "user_2")] {
        let answer = json!({ "message": format!("Hello, {user}!"), "data": "This is private data." });
        api.ask("GET", "/protected", &[("x-api-key", key)], "").is(200, answer);
    }
}

#[test]
fn rate_limit() {
    let limits = Example::run("rate_limit");
    for (target, amount) in [("/expensive", 5), ("/public", 10)] {
        for _ in 0..amount {
            assert_eq!(limits.get(target).status, 200, "{target}");
        }
        let refused = limits.get(target);
        assert_eq!((refused.status, &refused.json["error"]), (429, &json!("Too Many Requests")));
        assert!((1..=60).contains(&refused.field("retry-after").parse::<u32>().unwrap()));
    }
    assert_eq!(limits.get("/nothing").status, 404);
}

#[test]
fn upload() {
    let photos = Example::run("upload");
    assert!(photos.get("/").text.contains("enctype=multipart/form-data"));
    let send = |title: &str, name: &str, data: &[u8]| {
        let part = |disposition: String| format!("--a b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        let title = part("name=title".into()) + title + "\r\n";
        let photo = part(format!("name=\"photo\"; filename=\"{name}\"\r\nContent-Type: image/png"));
        let body = [title.as_bytes(), photo.as_bytes(), data, b"\r\n--a b--\r\n"].concat();
        photos.ask("POST", "/photos", &[("Content-Type", "multipart/form-data; boundary=\"a b\"")], body)
    };
    let saved = json!({ "title": "Zoë", "photos": [{ "number": 0, "name": "passwd", "size": 6 }] });
    send("Zoë", "../../etc/passwd", b"\x89PNG\r\n").is(201, saved);
    let photo = photos.get("/photos/0");
    assert_eq!((photo.status, photo.field("content-type"), &*photo.text), (200, "image/png", "\u{fffd}PNG\r\n"));
    assert_eq!(photos.get("/photos/1").status, 404);
    for (reply, status) in [
        (send(" ", "a.png", b"\x89PNG"), 400),
        (send("a", "a.png", b"GIF89a"), 400),
        (photos.ask("POST", "/photos", &[("Content-Type", "multipart/form-data; boundary=a")], "--a\r\n"), 400),
        (photos.json("POST", "/photos", "{}"), 415),
    ] {
        assert_eq!(reply.status, status, "{}", reply.text);
    }
}

#[test]
fn design() {
    let design = Example::run("design");
    let invalid = json!({ "error": "Request body must be valid JSON" });
    for body in ["", "{", "null"] {
        design.json("POST", "/v1/users", body).is(400, invalid.clone());
    }
    design.ask("POST", "/v1/users", &[("Content-Type", "text/plain")], "{}").is(400, invalid);
    let (name, email) = ("Required, must be a string", "Required, must be a valid email");
    for (body, details) in [
        ("{}", json!({ "name": name, "email": email })),
        (r#"{"name": 7, "email": "a@b"}"#, json!({ "name": name })),
        (r#"{"name": "Ada", "email": "nowhere"}"#, json!({ "email": email })),
    ] {
        design.json("POST", "/v1/users", body).is(422, json!({ "error": "Validation failed", "details": details }));
    }
    assert_eq!(design.json("POST", "/v1/users", "[1]").status, 422);
    for id in 1..=25 {
        let made = design.json("POST", "/v1/users", r#"{"name": "Ada", "email": "ada@example.com"}"#);
        made.is(201, json!({ "id": id, "name": "Ada", "email": "ada@example.com" }));
    }
    for (query, page, per_page, entries) in [
        ("", 1, 20, 20),
        ("?page=2", 2, 20, 5),
        ("?per_page=1000", 1, 100, 25),
        ("?per_page=-1", 1, 1, 1),
        ("?page=0&per_page=x", 1, 20, 20),
        ("?page=9", 9, 20, 0),
    ] {
        let reply = design.get(&format!("/v1/users{query}"));
        let told = ["page", "per_page", "total"].map(|name| reply.json[name].as_u64().unwrap());
        assert_eq!(told, [page, per_page, 25], "{query}");
        assert_eq!(reply.json["data"].as_array().unwrap().len(), entries, "{query}");
    }
    assert_eq!(design.get("/v2/users").status, 404);
}

/// One reason for each status, on the articles of one API.
#[test]
fn rest() {
    let rest = Example::run("rest");
    let (editor, reader) = (("X-API-Key", "key_editor"), ("X-API-Key", "key_reader"));
    let content = ("Content-Type", "application/json");
    let first = rest.get("/articles/1");
    first.is(200, json!({ "id": 1, "title": "Framing", "revision": 1 }));
    assert_eq!((first.field("etag"), first.field("cache-control")), ("\"1\"", "max-age=60"));
    assert_eq!(rest.ask("GET", "/articles/1", &[("If-None-Match", "\"1\"")], "").status, 304);
    let moved = rest.get("/posts/1");
    assert_eq!((moved.status, moved.field("location")), (301, "/articles/1"));
    let made = rest.ask("POST", "/articles", &[editor, content], r#"{"title": "Routing"}"#);
    assert_eq!((made.status, made.field("location")), (201, "/articles/2"));
    for (fields, body, status) in [
        (&[content][..], "{}", 401),
        (&[editor, content], r#"{"title": "Routing"}"#, 409),
        (&[editor, content], "{", 400),
        (&[editor, content], r#"{"title": 7}"#, 422),
        (&[editor], "{}", 415),
    ] {
        assert_eq!(rest.ask("POST", "/articles", fields, body).status, status, "{body}");
    }
    // The same PUT twice has the effect of one; the client that knows the old state gets 412.
    for _ in 0..2 {
        let bodies = rest.ask("PUT", "/articles/1", &[editor, content], r#"{"title": "Bodies"}"#);
        bodies.is(200, json!({ "id": 1, "title": "Bodies", "revision": 2 }));
    }
    let stale = [editor, content, ("If-Match", "\"1\"")];
    assert_eq!(rest.ask("PUT", "/articles/1", &stale, r#"{"title": "X"}"#).status, 412);
    assert_eq!(rest.ask("DELETE", "/articles/1", &[reader], "").status, 403);
    assert_eq!(rest.ask("DELETE", "/articles/1", &stale, "").status, 412);
    assert_eq!([204, 404], [(); 2].map(|()| rest.ask("DELETE", "/articles/1", &[editor], "").status));
    // The next article is another resource than the last that is gone.
    assert_eq!(rest.ask("DELETE", "/articles/2", &[editor, ("If-Match", "\"1\"")], "").status, 204);
    let next = rest.ask("POST", "/articles", &[editor, content], r#"{"title": "Caches"}"#);
    assert_eq!(next.field("location"), "/articles/3");
    assert_eq!(rest.ask("PATCH", "/articles/1", &[], "").status, 405);
    assert_eq!([200, 200, 429], [(); 3].map(|()| rest.get("/search").status));
    assert_eq!(["/boom", "/report"].map(|target| rest.get(target).status), [500, 503]);
    assert_eq!(rest.get("/greet.js").field("content-type"), "text/javascript");
    rest.stop();
}

#[test]
fn design_mistakes() {
    let api = Example::run("design_mistakes");
    assert_eq!(api.get("/before/deleteUser?id=1").text, "1 user deleted\n", "by a GET");
    api.get("/before/users/1").is(200, json!({ "error": "user not found" }));
    assert_eq!(api.get("/v1/users/1").status, 404);
    assert_eq!(api.ask("DELETE", "/v1/users/2", &[], "").status, 204);
    for (target, names) in
        [("/before/profile", &["first", "last"][..]), ("/v1/profile", &["name"]), ("/v2/profile", &["first", "last"])]
    {
        let profile = api.get(target).json;
        assert_eq!(profile.as_object().unwrap().keys().collect::<Vec<_>>(), names, "{target}");
    }
    assert_eq!(api.get("/before/users").json.as_array().unwrap().len(), 998);
    let page = api.get("/v1/users?per_page=2");
    assert_eq!((page.json["data"].as_array().unwrap().len(), &page.json["total"]), (2, &json!(998)));
    assert!(page.field("link").contains("</v1/users?page=2&per_page=2>; rel=\"next\""), "{}", page.field("link"));
    let nonsense = r#"{"nme": 7}"#;
    assert_eq!(api.json("POST", "/before/users", nonsense).status, 201);
    let refused = api.json("POST", "/v1/users", nonsense);
    let wrong: Vec<_> = refused.json["details"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((refused.status, wrong), (422, vec!["email", "name"]));
    let made = api.json("POST", "/v1/users", r#"{"name": "Ada", "email": "ada@example.com"}"#);
    assert_eq!((made.status, made.field("location")), (201, "/v1/users/1002"));
    for (target, leaks) in [("/before/report", true), ("/v1/report", false)] {
        let report = api.get(target);
        assert_eq!((report.status, report.text.contains("10.0.3.7")), (500, leaks), "{target}");
    }
    api.stop();
}

#[test]
fn template() {
    let template = Example::run("template");
    let health = template.get("/health");
    assert_eq!((health.status, &health.json["status"]), (200, &json!("ok")));
    assert!(health.json["uptime_ms"].as_u64().unwrap() < 600_000, "the time since the start, not the date");
    let missing = template.get("/nothing%22%0A");
    let id = missing.field("x-request-id");
    missing.is(404, json!({ "error": "Not Found", "message": NOT_FOUND, "request_id": id }));
    assert_eq!(id.len(), 36);
    let id = id.to_owned();
    let log = template.stop();
    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(entries.len(), 2, "{log}");
    assert_eq!((&entries[1]["status"], &entries[1]["request_id"]), (&json!(404), &json!(id)));
}

#[test]
fn consume() {
    let output = bounded::output(&mut command("consume"));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{printed}");
    for line in [
        "200: Ada has 7 public repositories",
        "no answer in time",
        "no connection",
        "HTTP error: 404",
        "not what it should be",
        "3 requests without a session: 3 connections",
        "3 requests of one session: 1 connection",
    ] {
        assert!(printed.contains(line), "{line:?} is missing:\n{printed}");
    }
}

/// An invalid host or port is reported before anything listens.
#[test]
fn the_environment_is_checked() {
    for (name, value, what) in [
        ("PORT", "http", "a number from 0 to 65535"),
        ("PORT", "65536", "a number from 0 to 65535"),
        ("WORKERS", "many", "a number"),
    ] {
        let output = bounded::output(command("hello").env(name, value));
        let told = String::from_utf8(output.stderr).unwrap();
        let names_both = told.contains(&format!("{name} must be {what}, ")) && told.contains(value);
        assert!(!output.status.success() && names_both, "{told}");
    }
}

#[test]
fn websocket() {
    let echo = Example::run("websocket");
    let address = echo.url.strip_prefix("http://").unwrap();
    let stream = bounded::connect(address);
    let (mut socket, reply) = tungstenite::client(format!("ws://{address}/echo"), stream).unwrap();
    assert_eq!(reply.status().as_u16(), 101);
    for text in ["hi", "", &"long ".repeat(100_000)] {
        socket.send(tungstenite::Message::text(text)).unwrap();
        assert_eq!(socket.read().unwrap(), tungstenite::Message::text(text));
    }
    socket.close(None).unwrap();
    assert!((0..100).any(|_| socket.read().is_err()), "it sends on after the close");
    // Frames that are wrong, and the code of the close (RFC 6455 §7.4.1). The last is the head of one
    // of 17 MiB, which the server does not wait for.
    let huge = [&[0x82, 0xff][..], &(17_u64 << 20).to_be_bytes(), &[0; 4]].concat();
    let long_ping = [&b"\x89\xfe\0\x7e"[..], &[0; 4 + 126]].concat();
    for (frame, code) in [
        (&b"\x81\x02hi"[..], 1002), // not masked
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x80\x80\0\0\0\0", 1002),
        (&long_ping, 1002),
        (b"\x81\x82\0\0\0\0\xff\xfe", 1007),
        (b"\x88\x83\0\0\0\0\x03\xe8\xff", 1007),
        (&huge, 1009),
    ] {
        let stream = bounded::connect(address);
        let (mut socket, _) = tungstenite::client(format!("ws://{address}/echo"), stream).unwrap();
        std::io::Write::write_all(socket.get_mut(), frame).unwrap();
        let told = socket.read().map(|message| format!("{message:?}"));
        let close = tungstenite::Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() }));
        assert_eq!(told.unwrap(), format!("{close:?}"), "{}", frame.escape_ascii());
    }
    assert_eq!(echo.get("/echo").status, 400);
    echo.stop();
}

#[test]
fn events() {
    let chat = Example::run("events");
    let mut stream = bounded::connect(chat.url.strip_prefix("http://").unwrap());
    std::io::Write::write_all(&mut stream, b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.by_ref().take(100).any(|line| line == "event: present"));
    assert_eq!(chat.ask("POST", "/say", &[], "hello").status, 204);
    assert!(lines.by_ref().take(100).any(|line| line == "data: hello"));
    chat.stop();
}

#[test]
fn the_environment_may_name_a_socket_that_is_a_file() {
    let host =
        format!("unix:{}", std::env::temp_dir().join(format!("wirelight-{}.sock", std::process::id())).display());
    let example = Example::listening(command("errors").env("HOST", &host));
    assert_eq!(example.url, host);
    let mut stream = std::os::unix::net::UnixStream::connect(host.strip_prefix("unix:").unwrap()).unwrap();
    stream.set_read_timeout(Some(bounded::BOUND)).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    assert!(std::io::read_to_string(stream).unwrap().starts_with("HTTP/1.1 404 "));
    example.stop();
}
