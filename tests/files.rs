//! Static files through the whole library: what is served, and that nothing outside of the directory ever is.
#![expect(clippy::expect_used, reason = "a test that cannot go on says so by failing")]

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wirelight::{App, Error, Files, Router, TestResponse};

mod support;

use support::folder::Folder;
use support::recorded::Recorded;

const SECRET: &str = "TOP-SECRET-7261";

/// Files below `public`, and some outside of it.
struct Site(Folder);

impl Site {
    fn new() -> Site {
        let folder = Site(Folder::new());
        fs::create_dir_all(folder.path("public/docs")).expect("a temporary directory");
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.file(name)
    }

    fn with(self, name: &str, text: impl AsRef<[u8]>) -> Site {
        fs::write(self.path(name), text).expect("a file");
        self
    }

    /// A path that cannot be written to when the link cannot be made either.
    fn link(&self, name: &str, target: impl AsRef<Path>) {
        std::os::unix::fs::symlink(target, self.path(name)).expect("a link");
    }

    fn touch(&self, name: &str, time: SystemTime) {
        let file = File::options().write(true).open(self.path(name)).expect("a file");
        file.set_times(FileTimes::new().set_modified(time)).expect("a time");
    }

    fn public(&self) -> Files {
        Files::new(self.path("public"))
    }
}

fn serve(files: Files) -> App {
    let mut app = App::new();
    app.files("/static", files);
    app
}

fn get(app: &App, target: &str, fields: &[(&str, &str)]) -> TestResponse {
    let client = app.test().recorded();
    fields.iter().fold(client.get(target), |request, (name, value)| request.header(name, value)).send()
}

fn status(app: &App, target: &str) -> u16 {
    get(app, target, &[]).status().as_u16()
}

#[test]
fn a_handler_sends_a_file_with_its_conditions_and_ranges_and_nothing_else() {
    let site = Site::new().with("public/a.txt", "0123456789").with("public/docs/b.txt", "b").with("secret", SECRET);
    site.link("public/leak", site.path("secret"));
    let directory = site.public().cache_control("private");
    let table =
        Files::embedded([("a.txt", "0123456789"), ("docs/b.txt", "b")].map(|(name, text)| (name, text.as_bytes())));
    for files in [directory, table.cache_control("private")] {
        let mut app = App::new();
        app.get("/mine", move |req| {
            Ok::<_, Error>(files.send_file(req, &req.query("f").unwrap_or_default())?.attachment("x"))
        });
        let whole = get(&app, "/mine?f=a.txt", &[]);
        assert_eq!((whole.status().as_u16(), whole.text()), (200, "0123456789"));
        assert_eq!(whole.header("Content-Type"), Some("text/plain; charset=utf-8"));
        assert_eq!(whole.header("Content-Disposition"), Some("attachment; filename=\"x\""));
        assert_eq!(whole.header("Cache-Control"), Some("private"));
        let tag = whole.header("ETag").expect("a tag");
        assert_eq!(get(&app, "/mine?f=a.txt", &[("If-None-Match", tag)]).status().as_u16(), 304);
        assert_eq!(get(&app, "/mine?f=a.txt", &[("If-Match", "\"other\"")]).status().as_u16(), 412);
        let part = get(&app, "/mine?f=a.txt", &[("Range", "bytes=2-4")]);
        assert_eq!((part.status().as_u16(), part.text()), (206, "234"));
        assert_eq!(get(&app, "/mine?f=a.txt", &[("Range", "bytes=10-")]).status().as_u16(), 416);
        assert_eq!(get(&app, "/mine?f=docs/b.txt", &[]).text(), "b");
        for name in [
            "",
            "b.txt",
            "docs",
            "docs/",
            "/a.txt",
            "../secret",
            "docs/../../secret",
            "leak",
            "a.txt/",
            "a.txt%00",
            "..%5Csecret",
        ] {
            let reply = get(&app, &format!("/mine?f={name}"), &[]);
            assert_eq!(reply.status().as_u16(), 404, "{name}: {reply:?}");
        }
    }
}

#[test]
fn a_file_and_what_is_said_of_it() {
    let folder =
        Site::new().with("public/a.txt", "text").with("public/docs/b.HTML", "<p>").with("public/c.zzz", [0, 255]);
    let folder = folder.with("public/empty.json", "").with("public/Zoë 1.js", "1");
    let app = serve(folder.public().cache_control("no-cache"));
    for (path, kind, body) in [
        ("/static/a.txt", "text/plain; charset=utf-8", &b"text"[..]),
        ("/static/a.txt?v=1", "text/plain; charset=utf-8", b"text"),
        ("/static/%61.txt", "text/plain; charset=utf-8", b"text"),
        ("/static/docs/b.HTML", "text/html; charset=utf-8", b"<p>"),
        ("/static/c.zzz", "application/octet-stream", &[0, 255]),
        ("/static/empty.json", "application/json", b""),
        ("/static/Zo%C3%AB%201.js", "text/javascript; charset=utf-8", b"1"),
    ] {
        let reply = get(&app, path, &[]);
        assert_eq!((reply.status().as_u16(), reply.header("content-type")), (200, Some(kind)), "{path}");
        assert_eq!(reply.body(), body, "{path}");
        assert_eq!(reply.header("cache-control"), Some("no-cache"));
        assert_eq!(reply.header("accept-ranges"), Some("bytes"));
        assert!(reply.header("etag").is_some_and(|tag| tag.starts_with('"')));
        assert!(reply.header("last-modified").is_some_and(|date| date.ends_with(" GMT")));
        assert!(reply.header("vary").is_none());
        let head = app.test().request("HEAD", path).send();
        let fields = |reply: &TestResponse| {
            reply.headers().iter().filter(|(name, _)| name != "Date").cloned().collect::<Vec<_>>()
        };
        assert_eq!((head.status().as_u16(), fields(&head)), (200, fields(&reply)));
    }
    assert_eq!(app.test().post("/static/a.txt").send().header("allow"), Some("GET, HEAD, OPTIONS"));
}

/// Reproducible builds give all files one time, which tells nothing about their content.
#[test]
fn a_time_that_all_files_have_is_no_validator() {
    let folder = Site::new().with("public/a.txt", "old").with("public/a.txt.gz", "old form");
    for (seconds, is_true) in [(0, false), (1, false), (315_532_800, false), (315_619_200, true)] {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let write = |name: &str, text: &str| {
            let folder = &folder;
            fs::write(folder.path("public/new"), text).expect("a file");
            folder.touch("public/new", time);
            fs::rename(folder.path("public/new"), folder.path(name)).expect("a rename");
        };
        for files in [folder.public(), folder.public().precompressed()] {
            write("public/a.txt", "old");
            write("public/a.txt.gz", "old form");
            let app = serve(files);
            let before = get(&app, "/static/a.txt", &[]);
            let tag = before.header("etag").expect("a tag");
            assert_eq!(get(&app, "/static/a.txt", &[("If-None-Match", tag)]).status(), 304);
            assert_eq!(before.header("last-modified").is_some(), is_true, "{seconds}");
            if !is_true {
                write("public/a.txt", "new");
                let after = get(&app, "/static/a.txt", &[("If-None-Match", tag)]);
                assert_eq!((after.status().as_u16(), after.text()), (200, "new"), "{seconds}");
            }
        }
    }
}

#[test]
fn validators_follow_the_file() {
    let folder = Site::new().with("public/a.txt", "text");
    let app = serve(folder.public());
    let then = SystemTime::now() - Duration::from_secs(100);
    folder.touch("public/a.txt", then);
    let tag = |app: &App| get(app, "/static/a.txt", &[]).header("etag").map(str::to_owned).unwrap_or_default();
    let first = tag(&app);
    assert_eq!(tag(&app), first);
    assert_eq!(get(&app, "/static/a.txt", &[("If-None-Match", &first)]).status().as_u16(), 304);
    assert_eq!(get(&app, "/static/a.txt", &[("If-Match", "\"x\"")]).status().as_u16(), 412);
    folder.touch("public/a.txt", then + Duration::from_nanos(1_000_000));
    assert_ne!(tag(&app), first, "the same second, another tag");
    fs::write(folder.path("public/a.txt"), "longer").expect("a file");
    folder.touch("public/a.txt", then);
    assert_ne!(tag(&app), first, "the same time, another length");
    // Times that no field can express: the file is still served.
    for time in [SystemTime::UNIX_EPOCH - Duration::from_secs(1), SystemTime::now() + Duration::from_secs(1 << 33)] {
        folder.touch("public/a.txt", time);
        let reply = get(&app, "/static/a.txt", &[("If-Modified-Since", "Thu, 01 Jan 1970 00:00:00 GMT")]);
        assert_eq!((reply.status().as_u16(), reply.text()), (200, "longer"));
    }
}

/// A file system keeps the nearest of these times that it can; any of them is a time.
#[test]
fn a_file_of_any_age_is_served() {
    let folder = Site::new().with("public/old.txt", "old");
    let app = serve(folder.public());
    for seconds in [-i64::from(i32::MIN) as u64, 1, 253_402_300_799, 253_402_300_800, 300_000_000_000] {
        let age = Duration::from_secs(seconds);
        for time in [SystemTime::UNIX_EPOCH.checked_sub(age), SystemTime::UNIX_EPOCH.checked_add(age)] {
            folder.touch("public/old.txt", time.expect("a time"));
            let reply = get(&app, "/static/old.txt", &[]);
            assert_eq!((reply.status().as_u16(), reply.text()), (200, "old"), "{time:?}");
            let tag = reply.header("etag").expect("a tag");
            assert_eq!(get(&app, "/static/old.txt", &[("If-None-Match", tag)]).status(), 304, "{time:?}");
            let since = "Fri, 31 Dec 9999 23:59:59 GMT";
            let fields = [("If-Modified-Since", since), ("Range", "bytes=0-0"), ("If-Range", since)];
            assert!([200, 206, 304].contains(&get(&app, "/static/old.txt", &fields).status().as_u16()), "{time:?}");
        }
    }
}

#[test]
fn parts() {
    let folder = Site::new().with("public/a.txt", "0123456789").with("public/empty", "");
    let app = serve(folder.public());
    for (path, range, status, content_range, body) in [
        ("/static/a.txt", "bytes=2-4", 206, Some("bytes 2-4/10"), "234"),
        ("/static/a.txt", "bytes=-3", 206, Some("bytes 7-9/10"), "789"),
        ("/static/a.txt", "bytes=5-", 206, Some("bytes 5-9/10"), "56789"),
        ("/static/a.txt", "bytes=0-1,1-5", 206, Some("bytes 0-5/10"), "012345"),
        ("/static/a.txt", "bytes=0-0,9-9", 200, None, "0123456789"),
        ("/static/a.txt", "bytes=0-99", 206, Some("bytes 0-9/10"), "0123456789"),
        ("/static/empty", "bytes=-1", 200, None, ""),
    ] {
        let reply = get(&app, path, &[("Range", range)]);
        assert_eq!(
            (reply.status().as_u16(), reply.header("content-range"), reply.text()),
            (status, content_range, body)
        );
    }
    for (path, range, content_range) in
        [("/static/a.txt", "bytes=10-", "bytes */10"), ("/static/empty", "bytes=0-", "bytes */0")]
    {
        let reply = get(&app, path, &[("Range", range)]);
        assert_eq!((reply.status().as_u16(), reply.header("content-range")), (416, Some(content_range)));
        assert_eq!(reply.header("etag"), None);
    }
}

#[test]
fn large_files_are_sent_in_pieces() {
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let folder = Site::new().with("public/large", &bytes);
    let app = serve(folder.public());
    let reply = get(&app, "/static/large", &[]);
    assert_eq!(reply.header("content-length"), Some("1000000"));
    assert!(reply.body() == bytes);
    let reply = get(&app, "/static/large", &[("Range", "bytes=100000-899999")]);
    assert_eq!(reply.header("content-range"), Some("bytes 100000-899999/1000000"));
    assert!(reply.body() == &bytes[100_000..900_000]);
    let head = app.test().request("HEAD", "/static/large").send();
    assert_eq!((head.header("content-length"), head.body()), (Some("1000000"), &b""[..]));
    let both = b"GET /static/large HTTP/1.1\r\nHost: a\r\n\r\nGET /static/none HTTP/1.1\r\nHost: a\r\n\r\n";
    let raw = app.test().raw(both);
    let next = raw.get(1_000_000..).map(String::from_utf8_lossy).unwrap_or_default();
    assert!(next.contains("HTTP/1.1 404"), "the request behind it is answered in step");
}

#[test]
fn precompressed_siblings() {
    let folder = Site::new().with("public/a.css", "plain").with("public/a.css.gz", "zzzzz").with("public/b.css", "b");
    let folder = folder.with("public/old.css", "new").with("public/old.css.br", "old");
    let now = SystemTime::now();
    for name in ["public/a.css", "public/a.css.gz", "public/old.css"] {
        folder.touch(name, now);
    }
    folder.touch("public/old.css.br", now - Duration::from_secs(1));
    let app = serve(folder.public().precompressed());
    for (path, accepted, coding, vary, body) in [
        ("/static/a.css", "br, gzip", Some("gzip"), true, "zzzzz"),
        ("/static/a.css", "gzip;q=0", None, true, "plain"),
        ("/static/a.css", "br", None, true, "plain"),
        ("/static/a.css", "identity;q=0, br", None, true, "plain"),
        ("/static/b.css", "br, gzip", None, false, "b"),
        ("/static/old.css", "br, gzip", None, false, "new"),
        ("/static/a.css.gz", "br, gzip", None, false, "zzzzz"),
    ] {
        let reply = get(&app, path, &[("Accept-Encoding", accepted)]);
        let seen = (reply.header("content-encoding"), reply.header("vary").is_some(), reply.text());
        assert_eq!(seen, (coding, vary, body), "{path} {accepted}");
    }
    let (plain, coded) = (get(&app, "/static/a.css", &[]), get(&app, "/static/a.css", &[("Accept-Encoding", "gzip")]));
    assert_eq!(coded.header("content-type"), Some("text/css; charset=utf-8"));
    assert_ne!(plain.header("etag"), coded.header("etag"), "the same time and length, another coding");
    let tag = coded.header("etag").expect("a tag");
    let fields = [("Accept-Encoding", "gzip"), ("If-None-Match", tag)];
    let reply = get(&app, "/static/a.css", &fields);
    assert_eq!((reply.status().as_u16(), reply.header("vary")), (304, Some("Accept-Encoding")));
    assert_eq!(get(&app, "/static/a.css", &fields[1..]).status().as_u16(), 200);
    let unasked = serve(folder.public());
    assert_eq!(get(&unasked, "/static/a.css", &fields[..1]).text(), "plain");
}

#[test]
fn the_tags_of_precompressed_siblings_name_one_state() {
    let folder = Site::new().with("public/a.css", "plain").with("public/a.css.gz", "zzzzz");
    let now = SystemTime::now() - Duration::from_secs(60);
    for name in ["public/a.css", "public/a.css.gz"] {
        folder.touch(name, now);
    }
    let app = serve(folder.public().precompressed());
    let tag = |takes: &str| get(&app, "/static/a.css", &[("Accept-Encoding", takes)]).header("etag").map(str::to_owned);
    let (plain, coded) = (tag("").expect("a tag"), tag("gzip").expect("a tag"));
    assert_eq!(coded, plain.trim_end_matches('"').to_owned() + "-gzip\"");
    for (takes, field, value, expected) in [
        ("gzip", "If-Match", &coded, (200, "zzzzz")),
        ("gzip", "If-Match", &plain, (200, "zzzzz")),
        ("", "If-Match", &coded, (200, "plain")),
        ("gzip", "If-None-Match", &coded, (304, "")),
        ("gzip", "If-None-Match", &plain, (304, "")),
        ("", "If-None-Match", &coded, (200, "plain")),
    ] {
        let reply = get(&app, "/static/a.css", &[("Accept-Encoding", takes), (field, value)]);
        assert_eq!((reply.status().as_u16(), reply.text()), expected, "{takes} {field} {value}");
        if reply.status().as_u16() == 304 {
            assert_eq!(reply.header("etag"), Some(value.as_str()));
        }
    }
    // A part is of use only beside the same bytes.
    let part = |takes: &str, field: &str, tag: &str| {
        let reply = get(&app, "/static/a.css", &[("Accept-Encoding", takes), ("Range", "bytes=0-1"), (field, tag)]);
        reply.status().as_u16()
    };
    for (takes, tag, expected) in [("gzip", &coded, 206), ("", &plain, 206), ("gzip", &plain, 200), ("", &coded, 200)] {
        assert_eq!(part(takes, "If-Range", tag), expected, "{takes} {tag}");
        assert_eq!(part(takes, "If-Match", tag), expected, "{takes} {tag}");
    }
    // Both forms have one date, so it does not tell which of them the client has.
    let date = get(&app, "/static/a.css", &[]).header("last-modified").map(str::to_owned).expect("a date");
    assert_eq!(["", "gzip"].map(|takes| part(takes, "If-Range", &date)), [200, 200]);
    folder.touch("public/a.css.gz", now + Duration::from_secs(1));
    assert_ne!(tag("gzip").as_ref(), Some(&coded), "the coded bytes may be others now");
}

#[test]
fn gzip_codes_files_and_their_conditions_hold() {
    let folder = Site::new().with("public/a.txt", "again and ".repeat(1_000));
    let mut app = serve(folder.public());
    wirelight::middleware::Gzip::new().add_to(&mut app);
    let ask = |field: &str, value: &str| {
        get(&app, "/static/a.txt", &[("Accept-Encoding", "gzip"), (field, value)]).status().as_u16()
    };
    let reply = get(&app, "/static/a.txt", &[("Accept-Encoding", "gzip")]);
    let tag = reply.header("etag").expect("a tag");
    assert!(tag.ends_with("-gzip\""), "{tag}");
    assert_eq!((ask("If-Match", tag), ask("If-None-Match", tag), ask("If-Match", "\"x-gzip\"")), (200, 304, 412));
}

#[test]
fn directories() {
    let folder =
        Site::new().with("public/index.html", "root").with("public/docs/index.html", "docs").with("public/a.txt", "a");
    let folder = folder.with("secret.txt", SECRET);
    let bare = serve(folder.public());
    for path in
        ["/static", "/static/", "/static/docs", "/static/docs/", "/static/.", "/static/a.txt/", "/static/a.txt/b"]
    {
        assert_eq!(status(&bare, path), 404, "{path}");
    }
    let app = serve(folder.public().index("index.html"));
    for (path, expected, body) in
        [("/static/", 200, "root"), ("/static/docs/", 200, "docs"), ("/static/docs/index.html", 200, "docs")]
    {
        let reply = get(&app, path, &[]);
        assert_eq!((reply.status().as_u16(), reply.text()), (expected, body), "{path}");
    }
    for path in ["/static/a.txt/", "/static//", "/static/docs//", "/static//docs/", "/static/none/", "/static/%2fdocs"]
    {
        assert_eq!(status(&app, path), 404, "{path}");
    }
    let reply = get(&app, "/static/docs?a=1", &[]);
    assert_eq!((reply.status().as_u16(), reply.header("location")), (308, Some("/static/docs/?a=1")));
    let mut root = App::new();
    root.files("/", folder.public().index("index.html"));
    assert_eq!(get(&root, "/", &[]).text(), "root");
    assert_eq!(get(&root, "/docs", &[]).header("location"), Some("/docs/"));
    // No redirect may lead to another host.
    for path in [
        "//docs",
        "//example.org/..",
        "//example.org/docs",
        "/%2fdocs",
        "/%5cdocs",
        "///docs",
        "/.//docs",
        "/docs/..//docs",
    ] {
        let reply = get(&root, path, &[]);
        assert_eq!((reply.status().as_u16(), reply.header("location")), (404, None), "{path}");
    }
}

#[test]
fn links_and_hidden_names() {
    let folder = Site::new().with("secret.txt", SECRET).with("public/a.txt", "a").with("public/.env", SECRET);
    fs::create_dir_all(folder.path("public/.git")).expect("a directory");
    fs::create_dir_all(folder.path("public-too")).expect("a directory");
    let folder = folder.with("public/.git/config", SECRET).with("public-too/a.txt", SECRET);
    folder.link("public/in", "a.txt");
    folder.link("public/docs/up", "../a.txt");
    folder.link("public/out", "../secret.txt");
    folder.link("public/absolute", folder.path("secret.txt"));
    folder.link("public/outside", "..");
    folder.link("public/neighbour", folder.path("public-too"));
    folder.link("public/loop", "loop");
    folder.link("public/dangling", "nowhere");
    folder.link("public/twice", "out");
    let app = serve(folder.public());
    for path in ["in", "docs/up"] {
        assert_eq!(get(&app, &format!("/static/{path}"), &[]).text(), "a", "{path}");
    }
    let outside = ["out", "absolute", "outside/secret.txt", "outside/public/out", "neighbour/a.txt", "twice"];
    let nothing = ["outside", "loop", "dangling", "loop/a"];
    let hidden = [".env", ".git/config", "%2eenv", ".git/", "outside/public/.env", "docs/.."];
    for path in outside.iter().chain(&nothing).chain(&hidden) {
        let reply = get(&app, &format!("/static/{path}"), &[]);
        assert_eq!(reply.status().as_u16(), 404, "{path}");
        assert!(!reply.text().contains(SECRET), "{path}");
    }
    let open = serve(folder.public().dotfiles().follow_links());
    for path in outside.iter().chain(&hidden[..3]) {
        assert_eq!(get(&open, &format!("/static/{path}"), &[]).text(), SECRET, "{path}");
    }
    for path in ["..", "../secret.txt", "%2e%2e/secret.txt", "docs/../../secret.txt"] {
        assert_eq!(status(&open, &format!("/static/{path}")), 404, "{path}");
    }
}

#[test]
fn only_regular_files() {
    let folder = Site::new();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path("public/socket")).expect("a socket");
    folder.link("public/null", "/dev/null");
    folder.link("public/zero", "/dev/zero");
    let app = serve(folder.public().follow_links());
    for name in ["socket", "null", "zero"] {
        assert_eq!(status(&app, &format!("/static/{name}")), 404, "{name}");
    }
}

/// Relative links of an index work only below a path that ends with a slash.
#[test]
fn the_prefix_of_files_with_an_index_gets_its_slash() {
    let folder = Site::new().with("public/index.html", "root").with("public/a.txt", "a");
    let files = || folder.public().index("index.html");
    let nested = |prefix: &str, inner: &str| {
        let mut router = Router::new();
        router.files(inner, files());
        let mut app = App::new();
        app.nest(prefix, router);
        app
    };
    let mut deep = App::new();
    deep.nest("/a", {
        let mut middle = Router::new();
        middle.nest("/b", {
            let mut router = Router::new();
            router.files("/", files());
            router
        });
        middle
    });
    for (app, prefix) in [
        (serve(files()), "/static"),
        (nested("/in", "/static"), "/in/static"),
        (nested("/in", "/"), "/in"),
        (nested("/in/", "/"), "/in"),
        (nested("/in", "/static/"), "/in/static"),
        (deep, "/a/b"),
    ] {
        for query in ["", "?a=1&b=//evil.example/"] {
            let reply = get(&app, &format!("{prefix}{query}"), &[]);
            let location = format!("{prefix}/{query}");
            assert_eq!((reply.status().as_u16(), reply.header("location")), (308, Some(location.as_str())), "{prefix}");
        }
        assert_eq!(get(&app, &format!("{prefix}/"), &[]).text(), "root", "{prefix}");
        assert_eq!(get(&app, &format!("{prefix}/a.txt"), &[]).text(), "a", "{prefix}");
        let head = app.test().request("HEAD", prefix).send();
        assert_eq!(head.status().as_u16(), 308, "{prefix}");
        for path in [format!("/{prefix}"), format!("//evil.example{prefix}"), format!("{prefix}//")] {
            assert_eq!(status(&app, &path), 404, "{path}");
        }
    }
    assert_eq!(status(&serve(folder.public()), "/static"), 404, "without an index there is no page");
    let mut own = serve(files());
    own.get("/static", |_| "mine");
    assert_eq!(get(&own, "/static", &[]).text(), "mine");
}

#[test]
fn hooks_of_a_router_guard_its_files() {
    let folder = Site::new().with("public/index.html", "page");
    let mut members = Router::new();
    members.before(|req| req.header("x-key").map(drop).ok_or_else(|| Error::unauthorized("Key", "")));
    members.files("/", folder.public().index("index.html"));
    let mut app = App::new();
    app.nest("/members/", members);
    for path in ["/members/", "/members/index.html"] {
        assert_eq!(status(&app, path), 401, "{path}");
        assert_eq!(get(&app, path, &[("X-Key", "1")]).text(), "page", "{path}");
    }
}

#[test]
#[should_panic(expected = "there is no directory")]
fn a_directory_that_is_not_there_is_found_at_start_up() {
    serve(Files::new("no/such/directory"));
}

/// Ways up that servers have fallen for.
const UPS: &[&str] = &[
    "../",
    "%2e%2e/",
    "%2e./",
    ".%2e/",
    "%2E%2E/",
    "..%2f",
    "..%2F",
    "%2e%2e%2f",
    "..\\",
    "..%5c",
    "..%5C",
    "%2e%2e%5c",
    "%252e%252e/",
    "..%252f",
    "%252e%252e%252f",
    "..%255c",
    "..;/",
    "..;a=b/",
    "..//",
    "..%2f/",
    "..%00/",
    "%00../",
    "..%0a/",
    "..%20/",
    ".. /",
    "..%09/",
    "..../",
    ".../",
    "....//",
    "..././",
    "./../",
    "%2e/%2e%2e/",
    "/../",
    "//../",
    "%2f../",
    "%2f%2e%2e/",
    "docs/../../",
    "docs/%2e%2e/%2e%2e/",
    "docs/..%2f..%2f",
    "docs//../../",
    "docs/b.txt/../../../",
    "none/../../",
    "a.txt/../../",
    "%c0%ae%c0%ae/",
    "%c0%ae%c0%ae%c0%af",
    "%e0%80%ae%e0%80%ae/",
    "..%c0%af",
    "..%c1%9c",
    "%uff0e%uff0e/",
    "%ef%bc%8e%ef%bc%8e/",
    "..%ef%bc%8f",
    "%e2%80%a4%e2%80%a4/",
    "..%u2215",
    "%%32%65%%32%65/",
    "%2%65%2%65/",
    "..?/",
    "..#/",
    "..:/",
    "~/../",
    "$PWD/../",
    "*/../",
    "-/../",
    "..%3b/",
    "..%3f/",
    "..%23/",
];

/// Ways out that do not begin below the prefix, or need no way up.
const OUTSIDE: &[&str] = &[
    "/static..%2fsecret.txt",
    "/static../secret.txt",
    "/static%2f../secret.txt",
    "/static%2f..%2fsecret.txt",
    "/static\\..\\secret.txt",
    "/static%5c..%5csecret.txt",
    "/secret.txt",
    "//secret.txt",
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/static/C:/secret.txt",
    "/static/C:%5csecret.txt",
    "/static/%5c%5clocalhost%5cc$%5csecret.txt",
    "/static//etc/passwd",
    "/static/%2fetc/passwd",
    "/static/file:///etc/passwd",
    "/static/proc/self/environ",
    "/static/CON",
    "/static/NUL.txt",
    "/static/a.txt::$DATA",
    "..",
    "/static/..",
    "/static/../",
    "/static/%2e%2e",
    "/static/..%00",
    "/static/docs/../..",
    "../secret.txt",
    "secret.txt",
    "*",
];

/// Every way up combined with every file outside: none returns a byte of it.
#[test]
fn no_spelling_leads_out() {
    let folder = Site::new().with("secret.txt", SECRET).with("public/a.txt", "a").with("public/docs/b.txt", "b");
    let mut paths: Vec<String> = Vec::new();
    for up in UPS {
        paths.extend(
            ["secret.txt", "secret.txt%00.txt", "public/../secret.txt"].map(|end| format!("/static/{up}{end}")),
        );
        paths.push(format!("/static/{}etc/passwd", up.repeat(12)));
        paths.push(format!("http://localhost/static/{up}secret.txt"));
    }
    let absolute = folder.path("secret.txt").to_string_lossy().into_owned();
    paths.extend(OUTSIDE.iter().map(|path| (*path).to_owned()));
    paths.push(format!("/static/{absolute}"));
    paths.push(format!("/static{absolute}"));
    paths.push(format!("/static/{}", absolute.replace('/', "%2f")));
    assert!(paths.len() >= 300, "{}", paths.len());
    let plain = serve(folder.public());
    let open = serve(folder.public().dotfiles().follow_links().index("secret.txt").precompressed());
    for path in paths {
        for (app, method) in [(&plain, "GET"), (&plain, "HEAD"), (&open, "GET")] {
            let bytes = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
            let reply = app.test().raw(bytes.as_bytes());
            let text = String::from_utf8_lossy(&reply);
            assert!(text.starts_with("HTTP/1.1 4"), "{method} {path:?}: {text}");
            assert!(!text.contains(SECRET) && !text.contains("root:"), "{method} {path:?}: {text}");
        }
    }
}
