//! Files that are part of the program, and the page of a single-page application.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use wirelight::{App, Error, Files, Router, TestResponse};

mod support;

use support::recorded::Recorded;

const PAGE: &[u8] = b"<!doctype html>";
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

/// Names and bytes as `include_bytes!`, `include_dir` and `rust-embed` have them.
fn files() -> Files {
    let owned = |text: &str| Cow::<'static, [u8]>::Owned(text.as_bytes().to_vec());
    Files::embedded([
        ("index.html", Cow::Borrowed(PAGE)),
        ("/css/style.css", owned("body {}")),
        ("css/style.css.gz", owned("gzipped")),
        ("./css/style.css.br", owned("brotli")),
        ("docs\\index.html", owned("docs")),
        ("docs/a b/é.txt", owned("0123456789")),
        (".env", owned("secret")),
        ("empty.bin", owned("")),
    ])
}

fn get(app: &App, target: &str, fields: &[(&str, &str)]) -> TestResponse {
    let client = app.test().recorded();
    fields.iter().fold(client.get(target), |request, (name, value)| request.header(name, value)).send()
}

#[test]
fn embedded_files_are_served_as_those_of_a_directory() {
    let mut app = App::new();
    app.files("/", files().index("index.html").cache_control("no-cache"));
    for (target, status, text) in [
        ("/", 200, "<!doctype html>"),
        ("/index.html", 200, "<!doctype html>"),
        ("/css/style.css", 200, "body {}"),
        ("/docs/", 200, "docs"),
        ("/docs", 308, ""),
        ("/docs?a=b", 308, ""),
        ("/docs/a%20b/%C3%A9.txt", 200, "0123456789"),
        ("/empty.bin", 200, ""),
        ("/css/", 404, ""),
        ("/css/style.css/", 404, ""),
        ("/docs%2Findex.html", 404, ""),
        ("/docs/../index.html", 404, ""),
        ("/docs\\index.html", 400, ""),
        ("/.env", 404, ""),
        ("/none", 404, ""),
        ("/cs", 404, ""),
    ] {
        let response = get(&app, target, &[]);
        assert_eq!(response.status().as_u16(), status, "{target}");
        assert!(status != 200 || response.text() == text, "{target}: {}", response.text());
        assert!(status != 200 || response.header("Cache-Control") == Some("no-cache"), "{target}");
    }
    assert_eq!(get(&app, "/docs?a=b", &[]).header("Location"), Some("/docs/?a=b"));
    assert_eq!(get(&app, "/css/style.css", &[]).header("Content-Type"), Some("text/css; charset=utf-8"));
    assert_eq!(get(&app, "/empty.bin", &[]).header("Content-Type"), Some("application/octet-stream"));
    assert_eq!(app.test().post("/index.html").send().status(), 405);
    let head = app.test().request("HEAD", "/index.html").send();
    assert_eq!((head.header("Content-Length"), head.text()), (Some("15"), ""));
}

#[test]
fn an_embedded_file_has_a_tag_and_ranges() {
    let mut app = App::new();
    app.files("/f", files().dotfiles());
    let path = "/f/docs/a%20b/%C3%A9.txt";
    let whole = get(&app, path, &[]);
    let tag = whole.header("ETag").unwrap().to_owned();
    assert_eq!((whole.header("Accept-Ranges"), whole.header("Last-Modified")), (Some("bytes"), None));
    assert_eq!(get(&app, path, &[("If-None-Match", &tag)]).status(), 304);
    assert_eq!(get(&app, path, &[("If-Match", "\"other\"")]).status(), 412);
    let part = get(&app, path, &[("Range", "bytes=2-4"), ("If-Range", &tag)]);
    assert_eq!((part.status().as_u16(), part.text(), part.header("Content-Range")), (206, "234", Some("bytes 2-4/10")));
    assert_eq!(get(&app, path, &[("Range", "bytes=20-")]).status(), 416);
    let other = get(&app, "/f/index.html", &[]);
    assert_ne!(other.header("ETag").unwrap(), tag);
    assert_eq!(get(&app, "/f/.env", &[]).text(), "secret", "the option is the program's");
}

#[test]
fn a_compressed_form_is_chosen_by_the_client() {
    let mut app = App::new();
    app.files("/plain", files());
    app.files("/coded", files().precompressed());
    let plain = get(&app, "/plain/css/style.css", &[("Accept-Encoding", "gzip, br")]);
    assert_eq!((plain.text(), plain.header("Vary"), plain.header("Content-Encoding")), ("body {}", None, None));
    let tag = get(&app, "/coded/css/style.css", &[]).header("ETag").unwrap().trim_matches('"').to_owned();
    for (accepted, coding, text, suffix) in [
        ("gzip, br", Some("br"), "brotli", "-br"),
        ("gzip", Some("gzip"), "gzipped", "-gzip"),
        ("br;q=0, gzip;q=0.1", Some("gzip"), "gzipped", "-gzip"),
        ("identity", None, "body {}", ""),
        ("zstd", None, "body {}", ""),
    ] {
        let response = get(&app, "/coded/css/style.css", &[("Accept-Encoding", accepted)]);
        assert_eq!((response.header("Content-Encoding"), response.text()), (coding, text), "{accepted}");
        assert_eq!(response.header("Vary"), Some("Accept-Encoding"), "{accepted}");
        assert_eq!(response.header("Content-Type"), Some("text/css; charset=utf-8"), "{accepted}");
        assert_eq!(response.header("ETag"), Some(&*format!("\"{tag}{suffix}\"")), "{accepted}");
    }
    assert_eq!(get(&app, "/coded/index.html", &[("Accept-Encoding", "gzip")]).header("Vary"), None);
}

/// A strong tag stands for the same bytes (RFC 9110 §8.8.1): a program that is built again may have
/// the same file in another compressed form.
#[test]
fn the_tag_changes_with_each_form() {
    let tag = |gzipped: &'static str| {
        let mut app = App::new();
        app.files("/", Files::embedded([("a.css", "body {}"), ("a.css.gz", gzipped)].map(bytes)).precompressed());
        get(&app, "/a.css", &[("Accept-Encoding", "gzip")]).header("ETag").map(str::to_owned)
    };
    assert_eq!(tag("one"), tag("one"));
    assert_ne!(tag("one"), tag("another"));
}

fn bytes((name, text): (&'static str, &'static str)) -> (&'static str, &'static [u8]) {
    (name, text.as_bytes())
}

/// An application with an API, and a page for everything else.
fn single_page(files: Files) -> App {
    let mut api = Router::new();
    api.get("/users", |_| "users");
    api.post("/login", |_| "in");
    api.fallback(|_| Error::not_found("no such resource"));
    let mut app = App::new();
    app.nest("/api", api);
    app.files("/", files.fallback("index.html"));
    app
}

#[test]
fn the_page_hides_no_missing_asset_and_no_answer_of_the_api() {
    let app = single_page(files());
    for (target, accept, status, text) in [
        ("/", BROWSER, 200, "<!doctype html>"),
        ("/users/7", BROWSER, 200, "<!doctype html>"),
        ("/users/jane.doe", BROWSER, 200, "<!doctype html>"),
        ("/v1.2/", "TEXT/HTML;q=0.1", 200, "<!doctype html>"),
        ("/css/style.css", "*/*", 200, "body {}"),
        ("/css/none.css", "text/css,*/*;q=0.1", 404, ""),
        ("/app.8f2a.js", "*/*", 404, ""),
        ("/logo.png", "image/avif,image/webp,*/*", 404, ""),
        ("/report.pdf", BROWSER, 404, ""),
        ("/about.html", BROWSER, 404, ""),
        ("/data", "application/json", 404, ""),
        ("/data", "*/*", 404, ""),
        ("/data", "text/*", 404, ""),
        ("/data", "text/html;q=0.0, */*", 404, ""),
        ("/api/users", BROWSER, 200, "users"),
        ("/api/user", BROWSER, 404, "no such resource"),
        ("/api", BROWSER, 404, "no such resource"),
        ("/api/login", BROWSER, 405, ""),
        ("/.env", "*/*", 404, ""),
    ] {
        let response = get(&app, target, &[("Accept", accept)]);
        assert_eq!(response.status().as_u16(), status, "{target} {accept}");
        assert!(response.text().contains(text), "{target} {accept}: {}", response.text());
    }
    assert_eq!(get(&app, "/users/7", &[]).status(), 404, "no Accept: not a browser");
    assert_eq!(get(&app, "/users/7", &[("Accept", BROWSER)]).header("Vary"), Some("Accept"));
    let post = app.test().post("/users/7").header("Accept", BROWSER).send();
    assert_eq!(post.status(), 404, "a page is read only");
    let head = app.test().request("HEAD", "/users/7").header("Accept", BROWSER).send();
    assert_eq!((head.status().as_u16(), head.header("Content-Length")), (200, Some("15")));
}

/// With a page for what does not exist, an existing file still has its methods (RFC 9110 §15.5.6).
#[test]
fn a_file_beside_a_page_refuses_other_methods() {
    let app = single_page(files().index("index.html"));
    let client = app.test();
    for (method, target, status, allow) in [
        ("POST", "/css/style.css", 405, Some("GET, HEAD, OPTIONS")),
        ("DELETE", "/index.html", 405, Some("GET, HEAD, OPTIONS")),
        ("OPTIONS", "/css/style.css", 200, Some("GET, HEAD, OPTIONS")),
        ("PUT", "/", 405, Some("GET, HEAD, OPTIONS")),
        ("PUT", "/css", 405, Some("GET, HEAD, OPTIONS")),
        ("POST", "/css/style.css/", 404, None),
        ("POST", "/css/none.css", 404, None),
        ("OPTIONS", "/users/7", 404, None),
        ("POST", "/.env", 404, None),
    ] {
        let response = client.request(method, target).header("Accept", BROWSER).send();
        assert_eq!((response.status().as_u16(), response.header("Allow")), (status, allow), "{method} {target}");
    }
}

/// A cache that stores a response for one client may send it to another (RFC 9110 §12.5.5).
#[test]
fn where_accept_decides_the_response_varies() {
    let app = single_page(files().index("index.html"));
    for (target, accept, status, vary) in [
        ("/users/7", BROWSER, 200, Some("Accept")),
        ("/users/7", "*/*", 404, Some("Accept")),
        ("/users/7", "", 404, Some("Accept")),
        ("/report.pdf", BROWSER, 404, None),
        ("/css/style.css", "*/*", 200, None),
        ("/api/none", "*/*", 404, None),
    ] {
        let response = get(&app, target, &[("Accept", accept)]);
        assert_eq!((response.status().as_u16(), response.header("Vary")), (status, vary), "{target} {accept}");
    }
}

/// A path that is not UTF-8 names no file. It must not be taken for that of the directory.
#[test]
fn a_path_that_is_not_text_names_no_file() {
    let app = single_page(files().index("index.html"));
    for target in ["/%FF", "/css/%FF", "/css/%C0%AF.css", "/%FF.js", "/%80/", "/%E2%82"] {
        assert_eq!(get(&app, target, &[("Accept", "*/*")]).status(), 404, "{target}");
    }
    assert_eq!(get(&app, "/%FF", &[("Accept", BROWSER)]).text(), get(&app, "/users/7", &[("Accept", BROWSER)]).text());
}

#[test]
fn the_page_may_be_a_file_of_a_directory_and_below_a_prefix() {
    let folder = std::env::temp_dir().join(format!("wirelight-page-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("app")).unwrap();
    std::fs::write(folder.join("app/shell.html"), "shell").unwrap();
    let mut app = App::new();
    app.get("/ui/version", |_| "1");
    app.files("/ui", Files::new(&folder).fallback("app/shell.html"));
    for (target, status, text) in
        [("/ui", 200, "shell"), ("/ui/a/b", 200, "shell"), ("/ui/version", 200, "1"), ("/uib", 404, ""), ("/", 404, "")]
    {
        let response = get(&app, target, &[("Accept", BROWSER)]);
        assert_eq!(response.status().as_u16(), status, "{target}");
        assert!(response.text().contains(text), "{target}: {}", response.text());
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_page_that_does_not_exist_is_found_at_start_up() {
    let mistake = |files: Files| {
        let payload = catch_unwind(AssertUnwindSafe(|| App::new().files("/", files))).unwrap_err();
        payload.downcast_ref::<String>().unwrap().clone()
    };
    assert_eq!(mistake(files().fallback("none.html")), "files(\"/\"): there is no file \"none.html\"");
    assert_eq!(mistake(files().fallback("css")), "files(\"/\"): there is no file \"css\"");
    assert_eq!(mistake(Files::new("src").fallback("index.html")), "files(\"/\"): there is no file \"index.html\"");
}
