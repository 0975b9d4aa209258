//! The example `notes`: its API by token, its page by session, and what keeps them apart.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead, BufReader, Write};

use serde_json::json;

mod support;

use support::bounded;
use support::example::{Example, command};
use support::folder::Folder;

const ADA: (&str, &str) = ("Authorization", "Bearer token-of-ada");
const GRACE: (&str, &str) = ("Authorization", "Bearer token-of-grace");
const JSON: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

fn start(folder: &Folder) -> Example {
    let mut command = command("notes");
    let secret = "0123456789abcdef0123456789abcdef";
    Example::listening(command.env("PORT", "0").env("SECRET", secret).env("FOLDER", folder.file("")))
}

#[test]
fn programs_have_a_token_and_see_their_own_notes() {
    let folder = Folder::new();
    let notes = start(&folder);
    let refused = notes.get("/api/notes");
    assert_eq!((refused.status, refused.field("www-authenticate")), (401, "Bearer realm=\"api\""));
    let tea = json!({ "id": 1, "title": "Tea", "tags": [], "file": null });
    let written = notes.ask("POST", "/api/notes", &[ADA, JSON], r#"{"title": "Tea"}"#);
    written.is(201, tea.clone());
    assert_eq!(written.field("location"), "/api/notes/1");
    notes.ask("GET", "/api/notes", &[ADA], "").is(200, json!([tea]));
    notes.ask("GET", "/api/notes", &[GRACE], "").is(200, json!([]));
    for (method, target, body) in [
        ("GET", "/api/notes/1", ""),
        ("PUT", "/api/notes/1", r#"{"title": "mine"}"#),
        ("DELETE", "/api/notes/1", ""),
        ("PUT", "/api/notes/1/file?name=x", "x"),
        ("GET", "/api/notes/1/file", ""),
    ] {
        assert_eq!(notes.ask(method, target, &[GRACE, JSON], body).status, 404, "{method} {target}");
    }
    // Every wrong field is named: those that do not fit their type, then those that break a rule.
    for (body, details) in [
        (
            r#"{"title": 7, "tags": ["a", null], "x": 1}"#,
            json!({ "title": "Must be a string", "tags.1": "Must be a string", "x": "Unknown" }),
        ),
        (
            r#"{"title": "", "tags": ["a", ""]}"#,
            json!({ "title": "Must have 1 to 100 characters", "tags.1": "Must have 1 to 20 characters" }),
        ),
    ] {
        let refused = notes.ask("POST", "/api/notes", &[ADA, JSON], body);
        assert_eq!((refused.status, &refused.json["details"]), (422, &details));
    }
    notes.stop();
}

#[test]
fn a_browser_has_a_session_live_updates_and_files() {
    let folder = Folder::new();
    let notes = start(&folder);
    notes.ask("POST", "/api/notes", &[ADA, JSON], r#"{"title": "Tea"}"#);
    assert_eq!(notes.ask("POST", "/login", &[FORM], "user=ada&password=guess").status, 403);
    assert_eq!(notes.ask("POST", "/login", &[FORM], "user=nobody&password=engine").status, 403);
    assert_eq!(
        notes.ask("POST", "/login", &[FORM, ("Sec-Fetch-Site", "cross-site")], "user=ada&password=engine").status,
        403
    );
    let entered = notes.ask("POST", "/login", &[FORM], "user=ada&password=engine");
    assert_eq!((entered.status, entered.field("location")), (303, "/"));
    let session = ("Cookie", entered.field("set-cookie").split(';').next().unwrap());
    let mut events = BufReader::new(bounded::connect(notes.url.trim_start_matches("http://")));
    write!(events.get_mut(), "GET /api/events HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n", session.1).unwrap();
    let mut changes = events.lines().map(Result::unwrap).filter(|line| line == "data: changed");
    changes.next().unwrap(); // the first one, for the present state
    let attached = notes.ask("PUT", "/api/notes/1/file?name=..%2F%22Zo%C3%AB%22.html", &[session], "0123456789");
    assert_eq!(attached.status, 204, "{}", attached.text);
    changes.next().unwrap();
    assert_eq!(fs::read_dir(folder.file("")).unwrap().count(), 1);
    let part = notes.ask("GET", "/api/notes/1/file", &[session, ("Range", "bytes=2-4")], "");
    assert_eq!((part.status, &*part.text, part.field("content-type")), (206, "234", "application/octet-stream"));
    let name = "attachment; filename=\"..__Zo__.html\"; filename*=UTF-8''.._%22Zo%C3%AB%22.html";
    assert_eq!(part.field("content-disposition"), name);
    let large = notes.ask("PUT", "/api/notes/1/file?name=x", &[session], "x".repeat((16 << 20) + 1));
    assert_eq!((large.status, fs::read_dir(folder.file("")).unwrap().count()), (413, 1));
    assert_eq!(notes.ask("DELETE", "/api/notes/1", &[session], "").status, 204);
    assert_eq!(fs::read_dir(folder.file("")).unwrap().count(), 0);
    let left = notes.ask("POST", "/logout", &[session], "");
    assert!(left.status == 303 && left.field("set-cookie").contains("Max-Age=0"));
    notes.stop();
}

#[test]
fn the_page_the_api_and_its_document_are_told_apart() {
    let folder = Folder::new();
    let notes = start(&folder);
    let page = ("Accept", "text/html");
    assert!(notes.ask("GET", "/notes/7", &[page], "").text.starts_with("<!doctype html>"));
    assert_eq!(notes.ask("GET", "/missing.js", &[page], "").status, 404);
    assert_eq!(notes.ask("GET", "/api/missing", &[page, ADA], "").json["message"], "The API has no such resource.");
    let document = notes.ask("GET", "/docs/openapi.json", &[], "").json;
    assert!(document["paths"]["/api/notes"]["post"]["responses"]["401"].is_object());
    notes.stop();
}
