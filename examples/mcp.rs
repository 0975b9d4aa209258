//! A Model Context Protocol server over HTTP: JSON-RPC in, JSON or Server-Sent Events out
//! (Streamable HTTP, revision 2025-06-18). Run with `cargo run --example mcp`; try:
//! `curl http://127.0.0.1:8000/mcp -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' -d '{"jsonrpc":"2.0","id":1,"method":"tools/list"}'`
use std::sync::Mutex;

use serde_json::Value;
use wirelight::events::{Broadcast, Event, EventStream};
use wirelight::middleware::Csrf;
use wirelight::{App, Error, Request, Response, Result, StatusCode, json};

const REVISION: &str = "2025-06-18";
/// Notes that are kept; a further one is refused.
const MOST: usize = 100;

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.state(Mutex::new(Vec::<String>::new()));
    app.state(Broadcast::new());
    // A page in the user's browser must not reach a server on this machine (DNS rebinding).
    Csrf::new().add_to(&mut app);
    app.before(|req| {
        let host = req.host().unwrap_or_default();
        // A host has no port where it is the default one, and the colons of [::1] are not before a port.
        let name = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(host, |(name, _)| name);
        match name {
            "127.0.0.1" | "localhost" | "[::1]" => Ok(()),
            _ => Err(Error::forbidden("This server is for programs on this machine.")),
        }
    });
    app.post("/mcp", receive).max_body(64 * 1024);
    app.get("/mcp", listen);
    app.run_from_env()
}

/// Messages of the server that answer no request: here, that the notes have changed.
fn listen(req: &Request) -> Result<EventStream> {
    req.accepts(&["text/event-stream"]).ok_or(Error::new(StatusCode::NOT_ACCEPTABLE, ""))?;
    Ok(req.state::<Broadcast>().subscribe(req))
}

fn receive(req: &Request) -> Result<Response> {
    if req.header("mcp-protocol-version").is_some_and(|version| version != REVISION) {
        return Err(Error::bad_request("Only revision 2025-06-18 is spoken here."));
    }
    let message: Value = req.json()?;
    if message["jsonrpc"] != "2.0" {
        return Err(Error::bad_request("This is not a message of JSON-RPC 2.0."));
    }
    let is_response = message.get("result").or(message.get("error")).is_some();
    let Some(id) = message.get("id").filter(|id| !is_response && (id.is_string() || id.is_number())) else {
        return Ok(Response::new(StatusCode::ACCEPTED)); // a notification or a response has no answer
    };
    let outcome = match call(req, message["method"].as_str().unwrap_or_default(), &message["params"]) {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err((code, text)) => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": code, "message": text } }),
    };
    Ok(Response::default().json(&outcome))
}

/// Returns the result of a method, or a code of JSON-RPC 2.0 §5.1 with a sentence.
fn call(req: &Request, method: &str, params: &Value) -> Result<Value, (i32, &'static str)> {
    match method {
        "initialize" => Ok(json!({
            "protocolVersion": REVISION,
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "notes", "version": "1" },
        })),
        "ping" => Ok(json!({})),
        "tools/list" => {
            let text =
                json!({ "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] });
            Ok(json!({ "tools": [{ "name": "note", "description": "Keeps a note.", "inputSchema": text }] }))
        }
        "tools/call" if params["name"] == "note" => {
            let text = params["arguments"]["text"].as_str().ok_or((-32602, "text is missing"))?;
            let mut notes = req.lock::<Vec<String>>();
            if notes.len() >= MOST {
                return Ok(
                    json!({ "content": [{ "type": "text", "text": "There are enough notes." }], "isError": true }),
                );
            }
            notes.push(text.to_owned());
            let changed = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": notes.len() } });
            req.state::<Broadcast>().send(Event::data(changed.to_string()));
            Ok(json!({ "content": [{ "type": "text", "text": format!("{} notes", notes.len()) }] }))
        }
        "tools/call" => Err((-32602, "no such tool")),
        _ => Err((-32601, "no such method")),
    }
}
