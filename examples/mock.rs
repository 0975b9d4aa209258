//! A mock server for tests: real sockets, a port of its own, and a record of what was asked. Run
//! with `cargo run --example mock`: it tests a small client.
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};

use wirelight::{App, RunningServer, Server, StatusCode, json};

/// A server that runs until this value is dropped. Each test has one, so that tests can run at the
/// same time.
struct Mock {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    _server: RunningServer,
}

impl Mock {
    fn start(mut app: App) -> std::io::Result<Mock> {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let record = asked.clone();
        app.before(move |req| {
            let line = format!("{} {}", req.method(), req.target());
            record.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            Ok(())
        });
        let server = Server::bind("127.0.0.1:0")?.spawn(app)?;
        Ok(Mock { url: format!("http://{}", server.local_addr()), asked, _server: server })
    }

    /// Returns the requests so far.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The client under test: it orders, and tries once more if the shop is busy.
fn order(shop: &str, item: &str) -> Result<u64, ureq::Error> {
    let send = || ureq::post(format!("{shop}/orders")).send_json(json!({ "item": item }));
    let mut response = match send() {
        Err(ureq::Error::StatusCode(503)) => send()?,
        other => other?,
    };
    let order: serde_json::Value = response.body_mut().read_json()?;
    Ok(order["number"].as_u64().unwrap_or(0))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut shop = App::new();
    let busy = Mutex::new(true);
    shop.post("/orders", move |req| {
        assert_eq!(req.json_value().ok(), Some(json!({ "item": "tea" }))); // a panic is a 500
        let was_busy = std::mem::replace(&mut *busy.lock().unwrap_or_else(PoisonError::into_inner), false);
        let status = if was_busy { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::CREATED };
        (status, json!({ "number": 7 }))
    });
    let mock = Mock::start(shop)?;
    assert_eq!(order(&mock.url, "tea")?, 7);
    assert_eq!(mock.asked(), ["POST /orders"; 2]);
    println!("asked: {:?}", mock.asked());
    let url = mock.url.clone();
    drop(mock);
    assert!(order(&url, "tea").is_err(), "the port is closed");
    println!("stopped");
    Ok(())
}
