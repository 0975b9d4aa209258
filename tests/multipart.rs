//! Forms whose parts are read while they arrive: bytes in, parts out, files on the disk, and what becomes of a form that is not whole.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead, Read, Write};
use std::net::Shutdown;
use std::path::Path;
use std::sync::{Mutex, mpsc};

use wirelight::{App, Multipart, Request, Result};

mod support;

use support::bounded::{self, received};
use support::folder::Folder;
use support::server::TestServer;

const TYPE: &str = "multipart/form-data; boundary=x";

/// Part heads in these tests: a field, and a file.
fn part(disposition: &str, data: &[u8]) -> Vec<u8> {
    [format!("--x\r\nContent-Disposition: form-data; {disposition}\r\n\r\n").as_bytes(), data, b"\r\n"].concat()
}

/// A form of a title and two files, whose second one has 300,000 bytes that look like boundaries.
fn form() -> Vec<u8> {
    let large = b"\r\n--x-\r\n--\r".repeat(300_000 / 11);
    let file = part("name=f; filename=\"../../a.txt\"\r\nContent-Type: text/plain", b"small");
    let second = part("name=f; filename=\"C:\\b\"", &large);
    [&part("name=title", "Zo\u{eb}".as_bytes())[..], &file, &second, b"--x--\r\nan epilogue"].concat()
}

/// What [`shown`] returns for it.
const SHOWN: &str = "title=4 | f ../../a.txt text/plain=5 | f C:\\b=299992";

/// Returns name, file name, media type and length of each part.
fn shown(mut form: Multipart<'_>) -> Result<String> {
    let mut all = Vec::new();
    while let Some(mut part) = form.next_part()? {
        let size = std::io::copy(&mut part, &mut std::io::sink())?;
        let said = [Some(part.name()), part.filename(), part.content_type()];
        all.push(format!("{}={size}", said.into_iter().flatten().collect::<Vec<_>>().join(" ")));
    }
    Ok(all.join(" | "))
}

fn app() -> App {
    let mut app = App::new();
    app.post("/shown", |req| shown(req.multipart()?)).streaming();
    app.post("/collected", |req| shown(req.multipart()?));
    app.post("/bounded", |req| shown(req.multipart()?)).streaming().max_body(100);
    app.post("/limited", |req| shown(req.multipart()?.max_parts(2).max_part_bytes(10))).streaming();
    app.post("/text", |req| {
        let mut form = req.multipart()?;
        let mut part = form.next_part()?.ok_or("no part")?;
        let (first, rest) = (part.text(10)?, part.text(10)?);
        Ok::<_, wirelight::Error>(first + &rest)
    })
    .streaming();
    app.post("/first", |req| {
        let mut form = req.multipart()?;
        let mut part = form.next_part()?.ok_or("no part")?;
        let mut byte = [0];
        part.read_exact(&mut byte)?;
        Ok::<_, wirelight::Error>(format!("{byte:?} {}", form.next_part()?.is_some()))
    })
    .streaming();
    app.get("/", |_| "next");
    app
}

fn post(target: &str, framing: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Type: {TYPE}\r\n{framing}\r\n\r\n")
}

#[test]
fn the_parts_do_not_depend_on_how_they_arrive() {
    let (server, body) = (TestServer::start(app()), form());
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    for target in ["/shown", "/collected"] {
        for size in [body.len(), 100_000, 4_093] {
            let mut client = server.connect();
            client.send(post(target, &format!("Content-Length: {}", body.len())));
            body.chunks(size).for_each(|piece| client.send(piece));
            assert_eq!(client.reply(), (200, SHOWN.to_owned()), "{target} in pieces of {size}");
            client.send(post(target, "Transfer-Encoding: chunked"));
            body.chunks(size).for_each(|piece| client.send(chunk(piece)));
            client.send("0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.reply(), (200, SHOWN.to_owned()), "{target} in chunks of {size}");
            assert_eq!(client.reply(), (200, "next".to_owned()), "the body was read to its end");
        }
    }
}

#[test]
fn a_part_is_read_before_the_next_one_has_arrived() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let mut app = App::new();
    app.post("/", move |req: &Request<'_>| -> Result<()> {
        let mut form = req.multipart()?;
        while let Some(mut part) = form.next_part()? {
            tell.lock().unwrap().send(part.name().to_owned()).unwrap();
            while !part.fill_buf()?.is_empty() {
                let piece = String::from_utf8_lossy(part.fill_buf()?).into_owned();
                part.consume(piece.len());
                tell.lock().unwrap().send(piece).unwrap();
            }
        }
        Ok(())
    })
    .streaming();
    let server = TestServer::start(app);
    let mut client = server.connect();
    client.send(post("/", "Transfer-Encoding: chunked"));
    for (piece, seen) in [
        ("--x\r\nContent-Disposition: form-data; name=a\r\n\r\n", &["a"][..]),
        ("one", &["one"]),
        (" two\r\n--", &[" two"]),
        ("y", &["\r\n--y"]),
        ("\r\n--x\r\nContent-Disposition: form-data; name=b\r\n\r\nthree", &["b", "three"]),
        ("\r\n--x--", &[]),
    ] {
        client.send(format!("{:x}\r\n{piece}\r\n", piece.len()));
        seen.iter().for_each(|seen| assert_eq!(received(&told), *seen));
    }
    client.send("0\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 204 "));
}

#[test]
fn what_is_wrong_with_a_form_is_the_clients_fault() {
    let app = app();
    let end = |mut parts: Vec<u8>| {
        parts.extend_from_slice(b"--x--");
        parts
    };
    let a = |data: &str| part("name=a", data.as_bytes());
    let cases: &[(&str, Vec<u8>, u16, &str)] = &[
        ("/shown", end(a("1")), 200, "a=1"),
        ("/shown", a("1"), 400, "The body is not a multipart form: its last boundary is missing."),
        ("/shown", b"".to_vec(), 400, "The body is not a multipart form: it does not hold its boundary."),
        ("/shown", part("filename=f", b""), 400, "The body is not a multipart form: a part has no name."),
        ("/shown", part("name=a; filename*=iso-8859-1''f", b""), 400, "a filename* is not valid UTF-8''text."),
        ("/shown", b"--x\r\na: b".to_vec(), 400, "The body is not a multipart form: the head of a part has no end."),
        ("/shown", part(&format!("name={}", "a".repeat(8200)), b""), 413, "The head of a part has 8192 bytes at most."),
        ("/shown", end(a("1").repeat(1001)), 413, "A form has 1000 parts at most."),
        ("/bounded", end(a("1")), 200, "a=1"),
        ("/bounded", end(a(&"1".repeat(100))), 413, "larger than this resource accepts"),
        ("/limited", end(a("1").repeat(2)), 200, "a=1 | a=1"),
        ("/limited", end(a("1").repeat(3)), 413, "A form has 2 parts at most."),
        ("/limited", end(a("1234567890")), 200, "a=10"),
        ("/limited", end(a("1234567890a")), 413, "A part of the form has 10 bytes at most."),
        ("/text", end(a("1234567890")), 200, "1234567890"),
        ("/text", end(a("1234567890a")), 413, "A part of the form has 10 bytes at most."),
        ("/text", b"--x--".to_vec(), 500, "Internal"),
        ("/first", end([a("12"), a("3")].concat()), 200, "[49] true"),
        ("/first", end(a("12")), 200, "[49] false"),
        ("/first", a("12"), 400, "its last boundary is missing."),
        ("/first", end(a("")), 500, "Internal"),
    ];
    for (target, body, status, text) in cases {
        let reply = app.test().post(target).body(TYPE, body).send();
        assert_eq!(reply.status().as_u16(), *status, "{target} {}: {}", body.escape_ascii(), reply.text());
        assert!(reply.text().contains(text), "{target} {}: {}", body.escape_ascii(), reply.text());
    }
    for media_type in ["multipart/form-data", "multipart/mixed; boundary=x", "application/x-www-form-urlencoded"] {
        assert_eq!(app.test().post("/shown").body(media_type, "--x--").send().status(), 415, "{media_type}");
    }
    let coded = app.test().post("/shown").header("Content-Encoding", "gzip").body(TYPE, "--x--").send();
    assert_eq!(coded.status(), 415);
}

/// An application that saves the files of forms in this folder, and tells of each form how that went.
fn saving(folder: &Path) -> (App, mpsc::Receiver<std::result::Result<u64, u16>>) {
    let (tell, told) = mpsc::channel();
    let (tell, folder) = (Mutex::new(tell), folder.to_owned());
    let save = move |req: &Request<'_>| -> Result<u64> {
        let (mut form, mut size) = (req.multipart()?.max_part_bytes(5_000_000), 0);
        while let Some(mut part) = form.next_part()? {
            size += part.save_to(folder.join("saved"))?;
        }
        Ok(size)
    };
    let mut app = App::new();
    app.post("/", move |req: &Request<'_>| -> Result<String> {
        let saved = save(req);
        let status = saved.as_ref().map_err(|error| error.status().as_u16());
        tell.lock().unwrap().send(status.copied()).unwrap();
        saved.map(|size| size.to_string())
    })
    .streaming()
    .max_body(6_000_000);
    (app, told)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_file_is_there_when_it_is_whole_or_not_at_all() {
    let folder = Folder::new();
    fs::create_dir(folder.file("in")).unwrap();
    let target = folder.file("in");
    let (app, told) = saving(&target);
    let server = TestServer::start(app);
    let data: Vec<u8> = (0..4_000_000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let start = part("name=f; filename=f", &data);
    let whole = [&start[..], b"--x--"].concat();

    let mut client = server.connect();
    client.send([post("/", &format!("Content-Length: {}", whole.len())).as_bytes(), &whole].concat());
    assert_eq!((client.reply(), received(&told)), ((200, "4000000".into()), Ok(4_000_000)));
    assert_eq!(names(&target), ["saved"]);
    assert!(fs::read(target.join("saved")).unwrap() == data, "the bytes are others");
    fs::write(target.join("saved"), "earlier").unwrap();

    // The body ends early, the form does, the part or the body is too large: nothing is replaced.
    let too_large = [&part("name=f", &vec![b'a'; 5_000_001])[..], b"--x--"].concat();
    let too_much = part("name=a", &vec![b'a'; 3_000_000]).repeat(3);
    for (length, body, status) in [
        (whole.len(), &whole[..3_000_000], 400),
        (start.len() - 2, &start[..start.len() - 2], 400),
        (too_large.len(), &too_large, 413),
    ] {
        let mut client = server.connect();
        client.send(post("/", &format!("Content-Length: {length}")));
        let _ = client.0.get_mut().write_all(body); // the server may close before it has read all
        client.0.get_ref().shutdown(Shutdown::Write).unwrap();
        assert!(received(&told).is_err(), "{status}");
        assert_eq!(client.reply().0, status);
        assert_eq!(
            (names(&target), fs::read(target.join("saved")).unwrap()),
            (vec!["saved".into()], b"earlier".into())
        );
    }
    let mut client = server.connect();
    client.send(post("/", "Transfer-Encoding: chunked"));
    let _ = client.0.get_mut().write_all(&[format!("{:x}\r\n", too_much.len()).as_bytes(), &too_much].concat());
    assert_eq!(client.reply().0, 413, "of which the first part is saved");
    assert_eq!(names(&target), ["saved"]);
}

#[test]
fn a_client_that_leaves_leaves_no_file() {
    let folder = Folder::new();
    fs::create_dir(folder.file("in")).unwrap();
    let target = folder.file("in");
    let (app, told) = saving(&target);
    let server = TestServer::start(app);
    let mut client = server.connect();
    client.send(post("/", "Content-Length: 1000000"));
    client.send(part("name=f; filename=f", b"the first bytes"));
    let unfinished = bounded::eventually("an unfinished file", || {
        names(&target).into_iter().next().ok_or_else(|| "none".to_owned())
    });
    assert!(unfinished.starts_with('.') && unfinished.ends_with(".part"), "{unfinished}");
    drop(client);
    assert!(received(&told).is_err());
    assert_eq!(names(&target), [""; 0]);
}

#[test]
fn a_file_that_cannot_be_saved_is_the_servers_fault() {
    let folder = Folder::new();
    let (app, _told) = saving(&folder.file("missing"));
    let body = [&part("name=f; filename=f", b"data")[..], b"--x--"].concat();
    let reply = app.test().post("/").body(TYPE, &body).send();
    assert_eq!(reply.status(), 500);
    assert!(!reply.text().contains("missing"), "{}", reply.text());
}

/// The name that a client sends reaches no path: the file is where the server says.
#[test]
fn names_of_clients_are_no_paths() {
    let folder = Folder::new();
    fs::create_dir(folder.file("in")).unwrap();
    let target = folder.file("in");
    let (app, _told) = saving(&target);
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        ".",
        "",
        "a/b",
        "C:\\a",
        "~/.ssh/authorized_keys",
        "%2e%2e%2fa",
        "nul\u{202e}",
    ] {
        let body = [&part(&format!("name=f; filename=\"{name}\""), name.as_bytes())[..], b"--x--"].concat();
        let reply = app.test().post("/").body(TYPE, &body).send();
        assert_eq!((reply.status().as_u16(), reply.text()), (200, &*name.len().to_string()), "{name}");
        assert_eq!((names(&folder.file("")), names(&target)), (vec!["in".to_owned()], vec!["saved".to_owned()]));
        assert_eq!(fs::read(target.join("saved")).unwrap(), name.as_bytes());
    }
}
