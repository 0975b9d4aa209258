//! Cookies, both ways: what a client sends is read as it was meant, and what a program sets is sent whole or not at all.

use std::time::Duration;

use wirelight::{App, Cookie, Json, Method, Response, SameSite};

use crate::choices::Choices;
use crate::pieces;

const NAMES: &[&str] = &["a", "B", "session", "x!#$%&'*+-.^_`|~9", "__Host-", "__secure-", "0"];
const VALUES: &[&str] = &["1", "v", "=", "==", "%20", "!", "#~", "[{}]", ":/?", "é", "a b", ","];
/// Pieces that a cookie must not have in one of its parts.
const HOSTILE: &[&str] = &[";", "\r\n", "\n", "\0", "\x7f", "\"", ",", " ", "\\", "; Secure", "ü", "="];

/// Checks the cookies of a request, then one of a response.
pub fn cookies(data: &[u8]) {
    let mut choices = Choices(data);
    received(&mut choices);
    set(&mut choices);
}

/// Checks that the pairs of Cookie fields are those that were written, whatever stands between them (RFC 6265bis §5.6).
fn received(choices: &mut Choices<'_>) {
    let pairs = choices.list(12, |choices| (choices.text(&NAMES[..6], 2), choices.text(VALUES, 3)));
    let (mut lines, mut meant) = (vec![String::new()], Vec::new());
    for (name, value) in &pairs {
        if choices.below(8) == 7 {
            lines.push(String::new());
        }
        let spaced = choices.one_of(&[";", "; ", " ;\t", ";;", "; junk ;", "; =nameless;"]);
        let quote = choices.one_of(&["", "", "\""]);
        let text = [choices.blanks(), name, choices.blanks(), "=", choices.blanks(), quote, value, quote, spaced];
        let line = lines.pop().unwrap_or_default();
        lines.push(line + &text.concat());
        let meant_value = if quote.is_empty() { value.trim_matches([' ', '\t']) } else { value };
        if !name.is_empty() {
            meant.push((name.clone(), meant_value.to_owned()));
        }
    }
    let mut app = App::new();
    app.get("/", |req| {
        Json(req.cookies().map(|(name, value)| [name.to_owned(), value.to_owned()]).collect::<Vec<_>>())
    });
    app.get("/first/{name}", |req| {
        let name = req.param::<String>("name")?;
        Ok::<_, wirelight::Error>(Json(req.cookie(&name).map(str::to_owned)))
    });
    let client = app.test();
    let fields: Vec<_> = lines.iter().map(|line| ("Cookie", &line[..])).collect();
    let step = choices.byte();
    let ask = |path: &str| pieces::send(&client, step, (Method::GET, path), &fields, None);
    let found: Vec<(String, String)> = ask("/").json();
    assert_eq!(found, meant, "{lines:?}");
    if let Some((name, value)) = meant.first() {
        let name = percent_encoding::percent_encode(name.as_bytes(), percent_encoding::NON_ALPHANUMERIC);
        assert_eq!(ask(&format!("/first/{name}")).json::<Option<String>>().as_ref(), Some(value), "{lines:?}");
    }
}

/// A cookie as a browser reads it: name and value, and the attributes in their order.
type Parsed<'t> = (&'t str, &'t str, Vec<&'t str>);

/// Checks that a cookie that is set has the parts that the program gave, and returns.
fn set(choices: &mut Choices<'_>) {
    let part = |choices: &mut Choices<'_>, usual: &[&str]| {
        let text = choices.text(usual, 3);
        if choices.below(4) == 3 { text + choices.one_of(HOSTILE) } else { text }
    };
    let (name, value) = (part(choices, NAMES), part(choices, VALUES));
    let (path, domain) = (
        "/".to_owned() + &part(choices, &["a", "b/", "%2F"]),
        choices.maybe(|choices| part(choices, &["example", ".com"])),
    );
    let age = choices.maybe(Choices::number);
    let same_site = choices.maybe(|choices| {
        choices.one_of(&[(SameSite::Lax, "Lax"), (SameSite::Strict, "Strict"), (SameSite::None, "None")])
    });
    let (secure, http_only) = (choices.flag(), choices.flag());
    let mut cookie = Cookie::new(name.clone(), value.clone()).path(path.clone());
    let mut attributes = vec![format!("Path={path}")];
    if let Some(domain) = &domain {
        cookie = cookie.domain(domain.clone());
        attributes.push(format!("Domain={domain}"));
    }
    if let Some(age) = age {
        cookie = cookie.max_age(Duration::from_secs(age));
        attributes.push(format!("Max-Age={}", age.min(1 << 31)));
    }
    if secure {
        cookie = cookie.secure();
        attributes.push("Secure".to_owned());
    }
    if http_only {
        cookie = cookie.http_only();
        attributes.push("HttpOnly".to_owned());
    }
    if let Some((same_site, text)) = same_site {
        cookie = cookie.same_site(same_site);
        attributes.push(format!("SameSite={text}"));
    }
    let mut app = App::new();
    app.get("/set", move |_| Response::default().cookie(cookie.clone()));
    app.get("/get", |req| {
        Json(req.cookies().map(|(name, value)| [name.to_owned(), value.to_owned()]).collect::<Vec<_>>())
    });
    let client = app.test();
    let reply = client.get("/set").send();
    let prefix = name.get(..2) == Some("__") || matches!(same_site, Some((SameSite::None, _)));
    let Some(field) = reply.header("Set-Cookie") else {
        let harmless = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte));
        let names = |text: &str| !text.is_empty() && !text.contains('=') && harmless(text);
        let plain = names(&name) && harmless(&value) && harmless(&path) && domain.as_deref().is_none_or(names);
        assert!(reply.status() == 500 && (prefix || !plain), "{name:?} {value:?} {path:?} {domain:?}");
        return;
    };
    let parsed = parse(field).unwrap_or_else(|| unreachable!("{field}"));
    assert_eq!(parsed, (&name[..], &value[..], attributes.iter().map(String::as_str).collect()), "{field}");
    let browser = field.split(';').next().unwrap_or_default();
    let back: Vec<(String, String)> = client.get("/get").header("Cookie", browser).send().json();
    assert_eq!(back, [(name, value)], "{field}");
}

/// Parses a Set-Cookie field (RFC 6265 §4.1.1).
fn parse(field: &str) -> Option<Parsed<'_>> {
    let mut parts = field.split("; ");
    let (name, value) = parts.next()?.split_once('=')?;
    Some((name, value, parts.collect()))
}
