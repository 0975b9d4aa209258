//! Another protocol on the same port: an echo over WebSocket, spoken by tungstenite once wirelight has let the socket go.
//!
//! `cargo run --example websocket`, then in a browser's console:
//! `s = new WebSocket("ws://127.0.0.1:8000/echo"); s.onmessage = e => console.log(e.data); s.onopen = () => s.send("hi")`

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket};
use wirelight::{App, Error, Request, Response, Result, Upgraded};

/// The handshake of RFC 6455 §4.2 is two headers; the rest is the library's.
fn echo(req: &Request) -> Result<Response> {
    if req.header("Sec-WebSocket-Version") != Some("13") {
        return Err(Error::bad_request("Only version 13 is spoken here.").with_header("Sec-WebSocket-Version", "13"));
    }
    let key = req.header("Sec-WebSocket-Key").ok_or_else(|| Error::bad_request("Sec-WebSocket-Key is missing."))?;
    let accept = derive_accept_key(key.as_bytes());
    let mut response = Response::upgrade(req, "websocket", serve)?;
    response.header("Sec-WebSocket-Accept", accept);
    Ok(response)
}

/// Runs on a thread of its own. `early`: what the client sent before it had our answer.
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
