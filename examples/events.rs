//! A chat with Server-Sent Events: each message is sent to all browsers.
//!
//! `cargo run --example events`, then open two windows on <http://127.0.0.1:8000/>.

use wirelight::events::{Broadcast, Event, EventStream};
use wirelight::{App, Html, Request, Result, StatusCode};

const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>Chat</title>
<form><input name="text" autofocus> <button>Say</button></form>
<ul></ul>
<script>
  const list = document.querySelector("ul"), form = document.querySelector("form");
  const show = text => { const line = document.createElement("li"); line.textContent = text; list.prepend(line); };
  const events = new EventSource("/events");        // comes back by itself, and says which event it saw last
  events.onmessage = event => show(event.data);
  events.addEventListener("present", event => show(event.data + " here"));
  form.onsubmit = event => {
    event.preventDefault();
    fetch("/say", { method: "POST", body: form.text.value });
    form.reset();
  };
</script>
"#;

fn events(req: &Request) -> EventStream {
    let hub = req.state::<Broadcast>();
    let stream = hub.subscribe(req);
    stream.first([Event::data(hub.subscribers().to_string()).event("present")])
}

fn say(req: &Request) -> Result<StatusCode> {
    req.state::<Broadcast>().send(Event::data(req.text_body()?));
    Ok(StatusCode::NO_CONTENT)
}

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.state(Broadcast::new());
    app.get("/", |_| Html(PAGE));
    app.get("/events", events);
    app.post("/say", say).max_body(1024);
    app.run_from_env()
}
