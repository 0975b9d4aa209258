//! Route tables of 10, 100 and 1,000 routes: what finding one of them adds to an exchange that does nothing else.

mod common;

use common::{exchange, get};
use divan::Bencher;
use wirelight::App;

const SIZES: [usize; 3] = [10, 100, 1000];

/// Five routes a resource, as an API has them.
fn app(routes: usize) -> App {
    let mut app = App::new();
    for number in 0..routes / 5 {
        let name = format!("/v1/resource{number}");
        app.get(&name, |_| "");
        app.post(&name, |_| "");
        app.get(&format!("{name}/{{id:int}}"), |_| "");
        app.delete(&format!("{name}/{{id:int}}"), |_| "");
        app.get(&format!("{name}/{{id:int}}/notes/{{slug}}"), |_| "");
    }
    app
}

/// A path below the resource in the middle of the table.
fn find(bencher: Bencher<'_, '_>, routes: usize, below: &str, status: &str) {
    exchange(bencher, &app(routes), &get(&format!("/v1/resource{}{below}", routes / 10)), status);
}

fn main() {
    divan::main();
}

#[divan::bench(args = SIZES)]
fn fixed(bencher: Bencher<'_, '_>, routes: usize) {
    find(bencher, routes, "", "200");
}

#[divan::bench(args = SIZES)]
fn one_parameter(bencher: Bencher<'_, '_>, routes: usize) {
    find(bencher, routes, "/42", "200");
}

#[divan::bench(args = SIZES)]
fn two_parameters(bencher: Bencher<'_, '_>, routes: usize) {
    find(bencher, routes, "/42/notes/hello", "200");
}

#[divan::bench(args = SIZES)]
fn escaped(bencher: Bencher<'_, '_>, routes: usize) {
    find(bencher, routes, "/42/notes/hello%20world", "200");
}

#[divan::bench(args = SIZES)]
fn not_found(bencher: Bencher<'_, '_>, routes: usize) {
    find(bencher, routes, "/42/no/such/route", "404");
}
