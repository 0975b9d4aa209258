//! Streams a table of any length as CSV (RFC 4180) or JSON lines, in constant memory. Run with
//! `cargo run --example export`; try: `curl http://127.0.0.1:8000/orders.csv?rows=3`,
//! `curl http://127.0.0.1:8000/orders.jsonl?rows=1000000 | tail -n 1`
use std::fmt::Write;

use wirelight::{App, Request, Response, Result, json};

/// Rows of one piece of the body: fewer and larger writes.
const BATCH: usize = 500;
/// More rows are not made for one request.
const MOST: u64 = 10_000_000;

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.get("/orders.csv", |req| export(req, "text/csv; charset=utf-8; header=present", "id,customer,note\r\n", csv));
    app.get("/orders.jsonl", |req| export(req, "application/jsonl", "", json_line));
    app.run_from_env()
}

struct Order {
    id: u64,
    customer: String,
    note: &'static str,
}

/// Stands for a cursor of a database. On a `.blocking()` route it may wait.
fn orders(rows: u64) -> impl Iterator<Item = Order> + Send {
    let notes = ["", "two boxes, \"large\"", "=SUM(A1:A9)", "first line\nsecond line"];
    let note = move |id| notes.get(id as usize % notes.len()).copied().unwrap_or_default();
    (1..=rows).map(move |id| Order { id, customer: format!("Zoë {id}"), note: note(id) })
}

/// Makes rows only as fast as the client reads: what is ready and not sent is one batch.
fn export(req: &Request, media_type: &str, head: &'static str, row: fn(&mut String, &Order)) -> Result<Response> {
    let rows: u64 = req.query_parse("rows")?.unwrap_or(1_000).min(MOST);
    let mut orders = orders(rows);
    let batches = std::iter::from_fn(move || {
        let mut text = String::new();
        orders.by_ref().take(BATCH).for_each(|order| row(&mut text, &order));
        (!text.is_empty()).then_some(text)
    });
    let pieces = [head.to_owned()].into_iter().filter(|head| !head.is_empty()).chain(batches);
    let response = Response::default().header("Content-Type", media_type).header("Content-Disposition", "attachment");
    Ok(response.chunks(pieces))
}

fn csv(text: &mut String, order: &Order) {
    let _ = write!(text, "{},{},{}\r\n", order.id, field(&order.customer), field(order.note)); // a String takes all
}

/// Quotes a field where RFC 4180 §2 requires it. A spreadsheet takes `=…` for a formula, which could
/// send the table elsewhere: a quote before it makes it text.
fn field(value: &str) -> String {
    let is_formula = value.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let value = if is_formula { format!("'{value}") } else { value.to_owned() };
    let needs_quotes = value.contains([',', '"', '\r', '\n']);
    if needs_quotes { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

/// JSON escapes line ends, so that a line is a value.
fn json_line(text: &mut String, order: &Order) {
    let order = json!({ "id": order.id, "customer": order.customer, "note": order.note });
    let _ = writeln!(text, "{order}");
}
