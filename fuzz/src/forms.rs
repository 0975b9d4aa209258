//! Forms: what a client wrote comes back, in both encodings and in any spelling of them.

use std::fmt::Write;

use wirelight::{App, Json, Method};

use crate::choices::Choices;
use crate::pieces;

/// Pieces of names.
const NAMES: &[&str] = &["a", "B", "é", "[]", "名", "\\", "'", ";", "=", "+", "&", "%", "\"", " ", "x"];
/// Pieces of data, of which some look like boundaries.
const DATA: &[&str] =
    &["\r\n", "--", "--x", "\r\n--x", "--x--", "\n", "\r", "é", "\0", "a", " ", "Content-Type: a\r\n\r\n", "=&+%41;"];
const TYPES: &[&str] = &["text/plain", "image/png", "text/html; charset=utf-8"];

/// A field of a form, or a file with its name and type.
#[derive(Debug)]
struct Entry {
    name: String,
    file: Option<(String, Option<&'static str>)>,
    data: String,
}

/// Name, name of the file, media type and data, as the handler found them.
type Found = (String, Option<String>, Option<String>, Vec<u8>);

/// Checks a form in each of the two encodings.
pub fn forms(data: &[u8]) {
    let mut choices = Choices(data);
    let entries = choices.list(8, |choices| Entry {
        name: choices.text(NAMES, 3),
        file: choices.maybe(|choices| (choices.text(NAMES, 4), choices.maybe(|choices| choices.one_of(TYPES)))),
        data: choices.text(DATA, 6),
    });
    multipart(&mut choices, &entries);
    urlencoded(&mut choices, &entries);
}

/// Checks that each part has the name, type and data that were written (RFC 7578, WHATWG HTML §4.10.21.8).
fn multipart(choices: &mut Choices<'_>, entries: &[Entry]) {
    let boundary = choices.one_of(&["x", "X-y", "----WebKitFormBoundaryAbC", "a'()+_,-./:=?b", "a b"]);
    if entries.iter().any(|entry| entry.data.contains(&format!("--{boundary}"))) {
        return; // no client may choose it
    }
    let mut body = choices.one_of(&["", "a preamble\r\n"]).to_owned();
    for entry in entries {
        let disposition = choices.in_any_case("content-disposition");
        let kind = choices.in_any_case("form-data");
        let _ = write!(body, "--{boundary}{}\r\n{disposition}:", choices.blanks());
        let _ = write!(body, "{}{kind}; name={}", choices.blanks(), quoted(choices, &entry.name));
        if let Some((filename, media_type)) = &entry.file {
            let _ = write!(body, ";{}filename={}", choices.blanks(), quoted(choices, filename));
            let _ = media_type.map_or(Ok(()), |media_type| write!(body, "\r\nContent-Type: {media_type}"));
        }
        body += choices.one_of(&["", "\r\nX-Other: 1", "\r\nContent-Transfer-Encoding: binary"]);
        let _ = write!(body, "\r\n\r\n{}\r\n", entry.data);
    }
    let end = choices.one_of(&["--", "--\r\n", "-- \t\r\nan epilogue"]);
    let _ = write!(body, "--{boundary}{end}");

    let mut app = App::new();
    app.post("/", |req| {
        let found: Vec<Found> = req
            .parts()?
            .iter()
            .map(|part| {
                let filename = part.filename().map(str::to_owned);
                (part.name().to_owned(), filename, part.content_type().map(str::to_owned), part.bytes().to_vec())
            })
            .collect();
        Ok::<_, wirelight::Error>(Json(found))
    });
    let media_type = format!("multipart/form-data; boundary=\"{boundary}\"");
    let sent = Some((&media_type[..], body.as_bytes()));
    let reply = pieces::send(&app.test(), choices.byte(), (Method::POST, "/"), &[], sent);
    let meant: Vec<Found> = entries
        .iter()
        .map(|entry| {
            let (filename, media_type) = entry.file.clone().unzip();
            let media_type = media_type.flatten().map(str::to_owned);
            (entry.name.clone(), filename, media_type, entry.data.clone().into_bytes())
        })
        .collect();
    assert!(reply.status() == 200 || entries.is_empty(), "{} {body:?}", reply.text());
    if reply.status() == 200 {
        assert_eq!(reply.json::<Vec<Found>>(), meant, "{body:?}");
    }
}

/// Writes a quoted string, its quotes as browsers (`%22`) or as the RFCs (`\"`) have them.
fn quoted(choices: &mut Choices<'_>, text: &str) -> String {
    match choices.flag() {
        true => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
        false => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "%22")),
    }
}

/// Checks that each pair of a form or a query comes back (WHATWG URL §5).
fn urlencoded(choices: &mut Choices<'_>, entries: &[Entry]) {
    let mut text = String::new();
    for entry in entries {
        let delimiter = if text.is_empty() { "" } else { choices.one_of(&["&", "&", "&&"]) };
        let equals = if entry.data.is_empty() && !entry.name.is_empty() { choices.one_of(&["=", ""]) } else { "=" };
        text += &[delimiter, &encoded(choices, &entry.name), equals, &encoded(choices, &entry.data)].concat();
    }
    let mut app = App::new();
    let owned =
        |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| [name.into_owned(), value.into_owned()];
    app.post("/", move |req| Json(req.form_pairs().map(owned).collect::<Vec<_>>()));
    app.get("/", move |req| Json(req.query_pairs().map(owned).collect::<Vec<_>>()));
    let meant: Vec<_> = entries.iter().map(|entry| (entry.name.clone(), entry.data.clone())).collect();
    let client = app.test();
    let sent = Some(("application/x-www-form-urlencoded", text.as_bytes()));
    let form = pieces::send(&client, choices.byte(), (Method::POST, "/"), &[], sent);
    assert_eq!(form.json::<Vec<(String, String)>>(), meant, "{text:?}");
    let query = pieces::send(&client, choices.byte(), (Method::GET, &format!("/?{text}")), &[], None);
    assert_eq!(query.json::<Vec<(String, String)>>(), meant, "{text:?}");
}

/// Encodes a text; what need not be encoded may be.
fn encoded(choices: &mut Choices<'_>, text: &str) -> String {
    let mask = choices.byte();
    let mut out = String::new();
    for (at, byte) in text.bytes().enumerate() {
        let optional = mask >> (at % 8) & 1 == 1;
        match byte {
            b' ' if optional => out.push('+'),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' if !optional => out.push(byte.into()),
            _ if optional => out += &format!("%{byte:02x}"),
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
