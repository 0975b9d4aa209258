//! The server of `tests/others/run` whose traffic is linted: the routes of the corpora, and a recording of all messages.

use std::fs::File;
use std::io;
use std::time::Duration;

use wirelight::{Server, Trace};

#[path = "../corpus/routes.rs"]
mod routes;

fn main() -> io::Result<()> {
    let file = std::env::var("RECORD").map_err(|error| io::Error::other(format!("RECORD: {error}")))?;
    let trace = Trace::json().show_secrets().to(File::create(file)?);
    let server = Server::from_env()?.trace(trace);
    println!("listening on http://{}", server.local_addr());
    server.run(routes::routes(Duration::from_millis(150)))
}
