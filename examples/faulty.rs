//! Makes every mistake of docs/error-dictionary.md, each at its own path, to show what a client
//! reports.
//!
//! `cargo run --example faulty`, then `curl -sS http://127.0.0.1:8001/two-bytes-short`. It listens
//! on the loopback address only.

use std::net::{Ipv4Addr, TcpListener};

#[path = "../tests/error_dictionary/mistakes.rs"]
mod mistakes;

fn main() -> std::io::Result<()> {
    let port = std::env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8001);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}");
    for mistake in mistakes::MISTAKES {
        println!("  curl -sS --max-time 2 http://{address}/{:<22} {}", mistake.name, mistake.what);
    }
    mistakes::serve(&listener, |mistake| println!("made: {}", mistake.what));
    Ok(())
}
