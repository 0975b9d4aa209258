//! Writing: answers of several kinds and sizes to the shortest request there is.

mod common;

use common::{exchange, get};
use divan::Bencher;
use serde_json::json;
use wirelight::{App, Error, IntoResponse, Json, Request, Response, StatusCode};

/// Times the answers of one handler.
fn answer<R: IntoResponse>(
    bencher: Bencher<'_, '_>,
    status: &str,
    handler: impl Fn(&Request<'_>) -> R + Send + Sync + 'static,
) {
    let mut app = App::new();
    app.get("/", handler);
    exchange(bencher, &app, &get("/"), status);
}

fn main() {
    divan::main();
}

#[divan::bench]
fn empty(bencher: Bencher<'_, '_>) {
    answer(bencher, "204", |_| StatusCode::NO_CONTENT);
}

#[divan::bench]
fn text(bencher: Bencher<'_, '_>) {
    answer(bencher, "200", |_| "Hello, World!");
}

#[divan::bench]
fn text_of_64_kib(bencher: Bencher<'_, '_>) {
    answer(bencher, "200", |_| "x".repeat(64 * 1024));
}

/// A typical list of an API: objects with a number, a text and a flag.
#[divan::bench(args = [1, 10, 100])]
fn json_objects(bencher: Bencher<'_, '_>, objects: usize) {
    let list: Vec<_> = (0..objects).map(|id| json!({ "id": id, "name": "Ada Lovelace", "active": true })).collect();
    answer(bencher, "200", move |_| Json(list.clone()));
}

#[divan::bench(args = [1, 10, 30])]
fn header_fields(bencher: Bencher<'_, '_>, fields: usize) {
    let names: Vec<String> = (0..fields).map(|number| format!("X-Field-{number}")).collect();
    answer(bencher, "200", move |_| {
        let mut response = Response::new(StatusCode::OK);
        names.iter().for_each(|name| response.append_header(name, "value"));
        response
    });
}

#[divan::bench]
fn error_page(bencher: Bencher<'_, '_>) {
    answer(bencher, "404", |_| Error::not_found("no such user"));
}
