//! What a client keeps or shows to be let in: sealed values, sessions, user names and passwords, tokens.

use std::sync::LazyLock;
use std::time::Duration;

use wirelight::middleware::{ApiUser, BasicAuth, BearerAuth, Keyring, Sessions};
use wirelight::{App, Error, Method, TestResponse};

use crate::choices::Choices;
use crate::pieces;

static KEYS: LazyLock<Keyring> = LazyLock::new(|| Keyring::new(["a secret of thirty-two bytes or more"]));

const PIECES: &[&str] = &["a", "B", "7", ":", "é", " ", "=", "\"", "~", "user", "名", "%", ","];
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Checks that exactly what was given out is accepted, and nothing near it.
pub fn credentials(data: &[u8]) {
    let mut choices = Choices(data);
    match choices.below(4) {
        0 => sealed(&mut choices),
        1 => session(&mut choices),
        2 => basic(&mut choices),
        _ => bearer(&mut choices),
    }
}

fn sealed(choices: &mut Choices<'_>) {
    let (purpose, value) = (choices.text(PIECES, 3), choices.text(PIECES, 9));
    let token = KEYS.seal(&purpose, &value, Duration::from_secs(9)).expect("random numbers");
    assert_eq!(KEYS.open(&purpose, &token), Some(value));
    assert_eq!(KEYS.open(&(purpose.clone() + "x"), &token), None, "for another purpose");
    let other = mutated(choices, &token);
    assert_eq!(KEYS.open(&purpose, &other).is_some(), other == token, "{other:?} for {token:?}");
}

fn session(choices: &mut Choices<'_>) {
    let values = choices.list(4, |choices| (choices.text(PIECES, 2), choices.text(PIECES, 6)));
    let (name, expected) = values.last().cloned().unwrap_or_default();
    let exists = !values.is_empty();
    let mut app = App::new();
    Sessions::new(KEYS.clone()).add_to(&mut app);
    app.post("/", move |req| values.iter().try_for_each(|(name, value)| req.session().set(name, value)));
    app.get("/", move |req| req.session().get::<String>(&name).map(|value| format!("={value}")));
    let client = app.test();
    let reply = client.post("/").send();
    let Some(cookie) = reply.header("Set-Cookie").and_then(|cookie| cookie.split(';').next()) else {
        return assert!(!exists, "{reply:?}");
    };
    let step = choices.byte();
    let ask = |cookie: &str| pieces::send(&client, step, (Method::GET, "/"), &[("Cookie", cookie)], None);
    assert_eq!(ask(cookie).text(), format!("={expected}"));
    let token = cookie.strip_prefix("session=").unwrap_or_else(|| unreachable!("{cookie}"));
    let other = mutated(choices, token);
    // Blanks and quotes around a value are not a part of it (RFC 6265bis §5.6).
    if !other.contains([';', ' ', '"']) {
        assert_eq!(ask(&format!("session={other}")).status() == 200, other == token, "{other:?} for {token:?}");
    }
}

fn basic(choices: &mut Choices<'_>) {
    let (user, password) = (choices.text(PIECES, 4).replace(':', ""), choices.text(PIECES, 6));
    let mut app = App::new();
    let users = BasicAuth::new([(&user, &password)]);
    app.get("/", |req| req.get::<ApiUser>().map(|user| format!("={}", user.name()))).require(users.guard());
    let token = base64(format!("{user}:{password}").as_bytes());
    let (scheme, step) = (choices.in_any_case("basic"), choices.byte());
    let ask = |token: &str| authorized(&app, step, &format!("{scheme} {token}"));
    assert_eq!(ask(&token).text(), format!("={user}"), "{token}");
    let other = mutated(choices, &token);
    if other.trim() != token {
        assert_eq!(ask(&other).status(), 401, "{other:?} for {token:?}");
    }
}

fn bearer(choices: &mut Choices<'_>) {
    // A b64token (RFC 6750 §2.1).
    let token = "t".to_owned() + &choices.text(&["a", "Z", "0", "-", ".", "_", "~", "+", "/"], 40);
    let mut app = App::new();
    let tokens = BearerAuth::new([(token.clone(), "someone")]);
    app.get("/", |_| Ok::<_, Error>("in")).require(tokens.guard());
    let (scheme, step) = (choices.in_any_case("bearer"), choices.byte());
    let ask = |token: &str| authorized(&app, step, &format!("{scheme} {token}"));
    assert_eq!(ask(&token).status(), 200, "{token}");
    let other = mutated(choices, &token);
    if other.trim() != token {
        assert_ne!(ask(&other).status(), 200, "{other:?} for {token:?}");
    }
}

fn authorized(app: &App, step: u8, credentials: &str) -> TestResponse {
    pieces::send(&app.test(), step, (Method::GET, "/"), &[("Authorization", credentials)], None)
}

/// Returns the text with one character changed, added or left out, or cut off after it.
fn mutated(choices: &mut Choices<'_>, token: &str) -> String {
    let at = choices.below(token.len().min(255) + 1);
    let (before, after) = token.split_at(at);
    let new = choices.one_of(&["A", "a", "=", "-", "_", "+", "/", " ", "0", ";", "\"", "w"]);
    let rest = after.get(1..).unwrap_or_default();
    match choices.below(4) {
        0 => [before, new, rest].concat(),
        1 => [before, new, after].concat(),
        2 => [before, rest].concat(),
        _ => before.to_owned(),
    }
}

/// Encodes with the standard alphabet and padding (RFC 4648 §4).
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(chunk.get(at).copied().unwrap_or(0)));
        for digit in 0..4 {
            let known = digit <= chunk.len();
            text += if known {
                let at = bits >> (18 - 6 * digit) & 63;
                &BASE64[at..=at]
            } else {
                "="
            };
        }
    }
    text
}
