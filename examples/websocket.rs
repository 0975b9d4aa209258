//! Upgrades a connection to WebSocket: tungstenite takes over the socket and echoes messages.
//!
//! `cargo run --example websocket`, then in a browser's console:
//! `s = new WebSocket("ws://127.0.0.1:8000/echo"); s.onmessage = e => console.log(e.data); s.onopen = () => s.send("hi")`

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket, WebSocketConfig};
use wirelight::{App, Error, Request, Response, Result, Upgraded};

/// Largest message, in bytes: a connection may make the server hold as much.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// Responds to the handshake (RFC 6455 §4.2); the library completes the upgrade.
fn echo(req: &Request) -> Result<Response> {
    if req.header("Sec-WebSocket-Version") != Some("13") {
        return Err(Error::bad_request("Only version 13 is spoken here.").with_header("Sec-WebSocket-Version", "13"));
    }
    let key = req.header("Sec-WebSocket-Key").ok_or_else(|| Error::bad_request("Sec-WebSocket-Key is missing."))?;
    let accept = derive_accept_key(key.as_bytes());
    Ok(Response::upgrade(req, "websocket", serve)?.header("Sec-WebSocket-Accept", accept))
}

/// Runs on its own thread. `early` is what the client sent before it received the response.
fn serve(socket: Upgraded, early: Vec<u8>) {
    let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE));
    let mut socket = WebSocket::from_partially_read(socket, early, Role::Server, Some(limits));
    // An error ends the connection: usually the client has closed, and tungstenite has already
    // replied.
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
