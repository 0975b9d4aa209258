//! A page that the server updates: templates of minijinja, fragments by Server-Sent Events. Run with
//! `cargo run --example live`, open http://127.0.0.1:8000 twice, and bid in one of them.
use std::sync::Mutex;

use minijinja::value::Serde;
use minijinja::{Environment, context};
use wirelight::events::{Broadcast, Event, EventStream};
use wirelight::middleware::Csrf;
use wirelight::{App, Html, Redirect, Request, Result};

/// One template for both: the whole page, and the part that changes. Names that end with `.html`
/// escape what they show.
const BIDS: &str = "<ol>{% for bid in bids %}<li>{{ bid.name }}: {{ bid.amount }}</li>{% endfor %}</ol>";
const PAGE: &str = r#"<!doctype html><meta charset=utf-8><title>Auction</title>
<form method=post action=/bids><input name=name required maxlength=40> <input name=amount type=number min=1> <button>Bid</button></form>
<div id=bids>{% include "bids.html" %}</div>
<script>
  new EventSource("/events").addEventListener("bids", event => document.getElementById("bids").innerHTML = event.data);
</script>"#;
/// Only the best bids are kept and shown.
const SHOWN: usize = 10;

#[derive(Clone, serde::Serialize)]
struct Bid {
    name: String,
    amount: u32,
}

fn main() -> std::io::Result<()> {
    let mut templates = Environment::new();
    templates.add_template("bids.html", BIDS).map_err(std::io::Error::other)?;
    templates.add_template("page.html", PAGE).map_err(std::io::Error::other)?;
    let mut app = App::new();
    app.state(templates);
    app.state(Mutex::new(Vec::<Bid>::new()));
    app.state(Mutex::new(Broadcast::new()));
    Csrf::new().add_to(&mut app);
    app.get("/", |req| render(req, "page.html").map(Html));
    app.get("/events", events);
    app.post("/bids", bid).max_body(1024);
    app.run_from_env()
}

fn render(req: &Request, template: &str) -> Result<String> {
    let bids = req.lock::<Vec<Bid>>().clone(); // the lock is not held while the template runs
    Ok(req.state::<Environment>().get_template(template)?.render(context! { bids => Serde(bids) })?)
}

/// Begins with the present state, so that a page that was away is right again.
fn events(req: &Request) -> Result<EventStream> {
    let pages = req.lock::<Broadcast>(); // until the state is read: no older one is sent after it
    Ok(pages.subscribe(req).first([update(req)?]))
}

fn update(req: &Request) -> Result<Event> {
    Ok(Event::data(render(req, "bids.html")?).event("bids"))
}

fn bid(req: &Request) -> Result<Redirect> {
    let name = req.form("name").unwrap_or_default().chars().take(40).collect();
    {
        let mut bids = req.lock::<Vec<Bid>>();
        bids.push(Bid { name, amount: req.form_or("amount", 1) });
        bids.sort_by_key(|bid| std::cmp::Reverse(bid.amount));
        bids.truncate(SHOWN);
    }
    // Locked while the state is read and sent: with two workers, an older one could be sent last.
    let pages = req.lock::<Broadcast>();
    pages.send(update(req)?);
    Ok(Redirect::see_other("/"))
}
