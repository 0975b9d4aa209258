//! Calls an API as a client: header fields, a timeout, four kinds of failure, a session that reuses
//! its connection. Run with `cargo run --example consume`: it starts its own server.
use std::collections::HashSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use ureq::{Agent, Error};
use wirelight::{App, Server, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::bind("127.0.0.1:0")?.signals(false);
    let (url, handle) = (format!("http://{}", server.local_addr()), server.handle());
    let running = std::thread::spawn(move || server.run(api()));

    basic_usage(&url)?;
    failures(&url)?;
    sessions(&url)?;

    handle.stop();
    running.join().map_err(|_| "the server panicked")??;
    Ok(())
}

/// The server. It records the client address of every connection, to count the connections.
fn api() -> App {
    let mut app = App::new();
    app.state(Mutex::new(HashSet::<SocketAddr>::new()));
    app.before(|req| {
        req.lock::<HashSet<SocketAddr>>().extend(req.remote_addr());
        Ok(())
    });
    app.get("/users/ada", |_| json!({ "name": "Ada", "public_repos": 7 }));
    app.get("/text", |_| "no JSON at all");
    app.get("/connections", |req| req.lock::<HashSet<SocketAddr>>().len().to_string());
    app
}

fn basic_usage(url: &str) -> Result<(), Error> {
    let mut response = ureq::get(format!("{url}/users/ada")).header("Accept", "application/json").call()?;
    println!("content type: {:?}", response.headers().get("Content-Type"));
    let data: Value = response.body_mut().read_json()?;
    println!(
        "{}: {} has {} public repositories",
        response.status().as_u16(),
        data["name"].as_str().unwrap_or("?"),
        data["public_repos"]
    );
    Ok(())
}

/// Returns a user; prints why if it fails.
fn fetch(url: &str) -> Option<Value> {
    let patience = Duration::from_secs(1); // always set a timeout: there is none by default
    let answer = ureq::get(url)
        .header("Authorization", "Bearer your_token")
        .config()
        .timeout_global(Some(patience))
        .build()
        .call();
    match answer.and_then(|mut response| response.body_mut().read_json()) {
        Ok(user) => return Some(user),
        Err(Error::Timeout(_)) => println!("no answer in time"),
        Err(Error::ConnectionFailed | Error::HostNotFound | Error::Io(_)) => println!("no connection"),
        Err(Error::StatusCode(code)) => println!("HTTP error: {code}"), // every 4xx and 5xx
        Err(error) => println!("not what it should be: {error}"),
    }
    None
}

fn failures(url: &str) -> std::io::Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?; // accepts, and never responds
    let address = silent.local_addr()?;
    fetch(&format!("http://{address}/"));
    drop(silent); // the port is closed now
    fetch(&format!("http://{address}/"));
    fetch(&format!("{url}/users/nobody"));
    fetch(&format!("{url}/text"));
    Ok(())
}

/// Counts connections. Each costs a handshake before the first byte of the request; a session (here
/// an agent) keeps its connection for the next request.
fn sessions(url: &str) -> Result<(), Error> {
    let count = || ureq::get(format!("{url}/connections")).call()?.body_mut().read_to_string();
    let connections = |count: String| count.parse::<u32>().unwrap_or(0);

    let before = connections(count()?);
    for _ in 0..3 {
        ureq::get(format!("{url}/users/ada")).call()?;
    }
    let between = connections(count()?);
    println!("3 requests without a session: {} connections", between - before - 1); // one was the count itself

    let session: Agent = Agent::config_builder().user_agent("session/1").build().into();
    for path in ["/users/ada", "/text", "/users/ada"] {
        session.get(format!("{url}{path}")).call()?.body_mut().read_to_string()?; // reading to the end lets the connection be reused
    }
    println!("3 requests of one session: {} connection", connections(count()?) - between - 1);
    Ok(())
}
