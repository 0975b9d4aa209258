//! Defines the routes that HttpArena measures over HTTP/1.1, with the public API and without tuning.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use wirelight::middleware::Gzip;
use wirelight::{App, Error, Files, Request, Response, Result, StatusCode};

/// The largest body of the profiles `upload` and `echo`.
const MAX_BODY: u64 = 32 << 20;

/// An entry of the data set, which HttpArena puts beside the server.
#[derive(Serialize, Deserialize)]
pub struct Item {
    id: i64,
    name: String,
    category: String,
    price: i64,
    quantity: i64,
    active: bool,
    tags: Vec<String>,
    rating: Rating,
}

#[derive(Serialize, Deserialize)]
struct Rating {
    score: i64,
    count: i64,
}

#[derive(Serialize)]
struct Processed<'a> {
    #[serde(flatten)]
    item: &'a Item,
    total: i64,
}

#[derive(Serialize)]
struct Listing<'a> {
    count: usize,
    items: Vec<Processed<'a>>,
}

/// Returns the application. `files` is the folder that `/static` serves.
pub fn app(items: Vec<Item>, files: impl AsRef<Path>) -> App {
    let mut app = App::new();
    Gzip::new().level(1).add_to(&mut app);
    app.state(items);
    app.get("/baseline11", sum);
    app.post("/baseline11", sum);
    app.get("/pipeline", |_| "ok");
    app.get("/json/{count:int}", listing);
    app.post("/upload", upload).streaming().max_body(MAX_BODY);
    app.post("/echo", |req| req.body().to_vec()).max_body(MAX_BODY);
    app.files("/static", Files::new(files.as_ref()).precompressed());
    app
}

/// Responds with the sum of the numbers in the query and in the body.
fn sum(req: &Request) -> Result<String> {
    let body = std::str::from_utf8(req.body()).map_err(|_| Error::bad_request("the body is not text"))?;
    let numbers = req.query_pairs().map(|(_, value)| value).chain((!body.is_empty()).then_some(body.into()));
    let add = |sum: i64, number: &str| sum.checked_add(number.trim().parse().ok()?);
    let sum = numbers.into_iter().try_fold(0, |sum, number| add(sum, &number));
    sum.map(|sum| sum.to_string()).ok_or_else(|| Error::bad_request("not a small whole number"))
}

/// Responds with the first items, each with its total price by the multiplier `m`.
fn listing(req: &Request) -> Result<Response> {
    let (count, factor): (usize, i64) = (req.param("count")?, req.query_or("m", 1));
    let process = |item| Processed { item, total: total(item, factor) };
    let items: Vec<_> = req.state::<Vec<Item>>().iter().take(count).map(process).collect();
    Ok(Response::new(StatusCode::OK).json(&Listing { count: items.len(), items }))
}

fn total(item: &Item, factor: i64) -> i64 {
    item.price.saturating_mul(item.quantity).saturating_mul(factor)
}

/// Counts a body while it arrives.
fn upload(req: &Request) -> io::Result<String> {
    io::copy(&mut req.body_reader(), &mut io::sink()).map(|bytes| bytes.to_string())
}
