//! Builds the application that the experiments need: one small route for each behaviour.

use std::time::Duration;

use wirelight::{App, Request, Response, json};

/// Returns an application with all routes of the experiments. The slow one takes `pause`.
pub(super) fn app(pause: Duration) -> App {
    let mut app = App::new();
    app.get("/hello", |req| {
        let name = req.query("name").unwrap_or("World".into());
        json!({ "message": format!("Hello, {name}!") })
    });
    app.get("/", |_| "Hello!\n");
    add_routes(&mut app, pause);
    app
}

/// Adds the routes to an application that has `/hello` and `/`.
pub(super) fn add_routes(app: &mut App, pause: Duration) {
    app.post("/echo", |req: &Request<'_>| req.body().to_vec())
        .about("Returns the body that was sent.")
        .takes_media("application/octet-stream");
    app.get("/sleep", move |_| {
        std::thread::sleep(pause);
        "slow\n"
    })
    .blocking()
    .about("Takes its time.");
    app.get("/big", |_| vec![b'x'; 1024 * 1024]).about("Returns a mebibyte.");
    app.get("/stream", |_| Response::default().chunks((1..=3).map(|number| format!("piece {number}\n"))))
        .about("Streams three pieces, in chunks.")
        .gives_media(200, "application/octet-stream");
    app.get("/limited", |_| "one of ten\n").limit("10 per minute").about("Responds ten times a minute to a client.");
    // Each run has its own rate limit, so that an experiment can be repeated within a minute.
    app.limit_key(|req| {
        let address = || req.client_addr().map_or_else(String::new, |address| address.to_string());
        req.query("run").map_or_else(address, |run| format!("run {run}"))
    });
}
