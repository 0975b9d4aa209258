//! Ranges of a body: the bytes of a response are those that a set of positions says.

use std::time::{Duration, UNIX_EPOCH};

use wirelight::{App, Method, Response, StatusCode};

use crate::choices::Choices;
use crate::pieces;

const DATE: &str = "Fri, 04 Nov 1994 08:49:37 GMT";
const LAST_MODIFIED: Duration = Duration::from_secs(783_938_977);
/// More ranges than this are ignored.
const MOST: usize = 16;

#[derive(Debug)]
enum Spec {
    Between(u128, u128),
    From(u128),
    Last(u128),
}

/// Checks status, Content-Range and body of a response to a Range field (RFC 9110 §14.2, §15.3.7, §15.5.17).
pub fn ranges(data: &[u8]) {
    let mut choices = Choices(data);
    let body: Vec<u8> = (0..choices.below(64)).map(|at| at as u8 + b' ').collect();
    let specs = choices.list(20, |choices| {
        let (first, second) = (position(choices), position(choices));
        match choices.below(4) {
            0 => Spec::From(first),
            1 => Spec::Last(first),
            2 => Spec::Between(first, second),
            _ => Spec::Between(first, first.saturating_add(second)),
        }
    });
    let members: Vec<_> = specs.iter().map(Spec::text).collect();
    let set = choices.lines(&members).join(",");
    let condition = choices.one_of(&[
        (None, true),
        (Some("\"v1\""), true),
        (Some(DATE), true),
        (Some("\"v2\""), false),
        (Some("W/\"v1\""), false),
        (Some("\"v1\", \"v1\""), false),
        (Some("Fri, 04 Nov 1994 08:49:38 GMT"), false),
    ]);
    let method = choices.one_of(&[Method::GET, Method::GET, Method::HEAD, Method::POST]);
    let unit = choices.in_any_case("bytes");

    let mut app = App::new();
    let content = body.clone();
    let respond = move |_: &wirelight::Request<'_>| {
        let modified = UNIX_EPOCH + LAST_MODIFIED;
        Response::new(StatusCode::OK).bytes(content.clone()).etag("v1").last_modified(modified).accept_ranges()
    };
    app.get("/", respond.clone());
    app.post("/", respond);
    let client = app.test();
    let range = format!("{unit}={set}");
    let mut fields = vec![("Range", &range[..])];
    fields.extend(condition.0.map(|value| ("If-Range", value)));
    let reply = pieces::send(&client, choices.byte(), (method, "/"), &fields, None);

    let wanted = if method == Method::GET && condition.1 { positions(&specs, body.len()) } else { None };
    let range = reply.header("Content-Range");
    let context = format!("{method} {unit}={set} of {} bytes, {condition:?}: {reply:?}", body.len());
    match wanted.as_deref() {
        None => {
            assert!(reply.status() == 200 && range.is_none(), "{context}");
            assert_eq!(reply.body(), if method == Method::HEAD { b"" } else { &body[..] }, "{context}");
        }
        Some([]) => {
            assert_eq!(range, Some(&format!("bytes */{}", body.len())[..]), "{context}");
            assert_eq!(reply.status(), 416, "{context}");
        }
        Some([first, .., last] | [first @ last]) => {
            assert_eq!(reply.status(), 206, "{context}");
            assert_eq!(range, Some(&format!("bytes {first}-{last}/{}", body.len())[..]), "{context}");
            assert_eq!(reply.body(), &body[*first..=*last], "{context}");
        }
    }
}

/// Returns a position near the body, or far beyond 64 bits.
fn position(choices: &mut Choices<'_>) -> u128 {
    if choices.below(4) < 3 {
        choices.below(70) as u128
    } else {
        u128::from(choices.number()) * choices.one_of(&[1, 10_000])
    }
}

/// Returns the positions that the ranges select. `None` if the whole body is sent: a range is invalid, they are too many, or they
/// leave out bytes between them.
fn positions(specs: &[Spec], length: usize) -> Option<Vec<usize>> {
    let invalid = |spec: &Spec| match spec {
        Spec::Between(first, last) => last < first,
        Spec::Last(count) => length == 0 && *count > 0, // nothing that a Content-Range could name
        Spec::From(_) => false,
    };
    if specs.is_empty() || specs.len() > MOST || specs.iter().any(invalid) {
        return None;
    }
    let selected: Vec<_> =
        (0..length).filter(|at| specs.iter().any(|spec| spec.selects(*at as u128, length as u128))).collect();
    let joined = selected.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    joined.then_some(selected)
}

impl Spec {
    fn text(&self) -> String {
        match self {
            Spec::Between(first, last) => format!("{first}-{last}"),
            Spec::From(first) => format!("{first}-"),
            Spec::Last(count) => format!("-{count}"),
        }
    }

    fn selects(&self, at: u128, length: u128) -> bool {
        match self {
            Spec::Between(first, last) => (*first..=*last).contains(&at),
            Spec::From(first) => at >= *first,
            Spec::Last(count) => at >= length.saturating_sub(*count),
        }
    }
}
