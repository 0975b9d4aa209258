//! Upgrades a connection to WebSocket: tungstenite takes over the socket and echoes messages.
//!
//! `cargo run --example websocket`, then in a browser's console:
//! `s = new WebSocket("ws://127.0.0.1:8000/echo"); s.onmessage = e => console.log(e.data); s.onopen = () => s.send("hi")`

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, Role, WebSocket, WebSocketConfig};
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
    let error = loop {
        match socket.read() {
            Ok(message) if message.is_text() || message.is_binary() => {
                if socket.send(message).is_err() {
                    return;
                }
            }
            Ok(_) => {} // tungstenite answers a ping and a close
            Err(error) => break error,
        }
    };
    // A client that did something wrong is told what (RFC 6455 §7.1.7); another has closed or left.
    let code = match error {
        tungstenite::Error::Protocol(_) => CloseCode::Protocol,
        tungstenite::Error::Utf8(_) => CloseCode::Invalid,
        tungstenite::Error::Capacity(_) => CloseCode::Size,
        _ => return,
    };
    let _ = socket.close(Some(CloseFrame { code, reason: "".into() })); // fails if the client has left
    let _ = socket.flush();
}

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.get("/echo", echo);
    app.run_from_env()
}
