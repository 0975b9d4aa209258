//! Another protocol on the same port: an echo over WebSocket, spoken by tungstenite once wirelight has let the socket go.
//!
//! `cargo run --example websocket`, then in a browser's console:
//! `s = new WebSocket("ws://127.0.0.1:8000/echo", "echo"); s.onmessage = e => console.log(e.data); s.onopen = () => s.send("hi")`

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket};
use wirelight::{App, Error, Request, Response, Result, StatusCode, Upgraded};

/// The subprotocols of this resource (RFC 6455 §1.9), the preferred one first.
const SUBPROTOCOLS: [&str; 1] = ["echo"];

/// The server's half of the handshake (RFC 6455 §4.2); the messages are tungstenite's.
fn echo(req: &Request) -> Result<Response> {
    let mut response = Response::upgrade(req, "websocket", serve)?; // or 426
    if only(req, "Sec-WebSocket-Version") != Some("13") {
        let error = Error::new(StatusCode::UPGRADE_REQUIRED, "This server speaks version 13 of WebSocket.");
        return Err(error.with_header("Upgrade", "websocket").with_header("Sec-WebSocket-Version", "13"));
    }
    let key = only(req, "Sec-WebSocket-Key").filter(|key| is_nonce(key));
    let key = key.ok_or(Error::bad_request("Sec-WebSocket-Key must be 16 bytes in base64."))?;
    response.header("Sec-WebSocket-Accept", derive_accept_key(key.as_bytes()));
    let offers = || req.header_all("Sec-WebSocket-Protocol").flat_map(|line| line.split(',')).map(str::trim);
    if let Some(chosen) = SUBPROTOCOLS.iter().find(|name| offers().any(|offer| offer == **name)) {
        response.header("Sec-WebSocket-Protocol", chosen);
    }
    Ok(response)
}

/// The value of a field that must come once.
fn only<'r>(req: &'r Request, name: &'static str) -> Option<&'r str> {
    let mut values = req.header_all(name);
    values.next().filter(|_| values.next().is_none())
}

/// Whether the key is 16 bytes in base64 (RFC 4648 §4): 21 whole digits, one whose last four bits are 0, and two signs of padding.
fn is_nonce(key: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    let digits = key.strip_suffix("==").filter(|digits| digits.len() == 22 && digits.bytes().all(is_digit));
    digits.is_some_and(|digits| digits.ends_with(['A', 'Q', 'g', 'w']))
}

/// Runs on a thread of its own. `early`: what the client sent before it had our response.
fn serve(socket: Upgraded, early: Vec<u8>) {
    let mut socket = WebSocket::from_partially_read(socket, early, Role::Server, None);
    // An error is the end: mostly the client has closed, and tungstenite has answered that already.
    while let Ok(message) = socket.read() {
        if (message.is_text() || message.is_binary()) && socket.send(message).is_err() {
            return;
        }
    }
}

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.get("/echo", echo);
    app.run_from_env()
}
