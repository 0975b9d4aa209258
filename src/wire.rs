//! Serves the wire view: a page under `/_wire/` that shows the server's own connections, live.
//!
//! `feed.rs` takes the lines of a trace, `history.rs` keeps whole connections of them for pages that
//! open later, `access.rs` refuses everyone but the person at this machine, `routes.rs` responds.
//! The page itself is in `page/`: HTML, CSS and JavaScript modules, which `files.rs` embeds as they
//! are.

mod access;
mod feed;
mod files;
mod history;
mod routes;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use crate::app::App;
use crate::trace::config::Trace;
use access::{Access, PREFIX};
use feed::Feed;

/// Adds the page to the application. Returns the trace that it shows, and its address.
///
/// # Errors
/// Fails if an address is not a loopback TCP address (`None`: a unix socket), or if there is no
/// source of randomness.
pub(crate) fn mount(app: &mut App, addresses: &[Option<SocketAddr>], tls: bool) -> io::Result<(Trace, String)> {
    let mut ports = Vec::new();
    for address in addresses {
        match address {
            Some(address) if address.ip().is_loopback() => ports.push(address.port()),
            _ => return Err(io::Error::new(ErrorKind::InvalidInput, REFUSAL)),
        }
    }
    let access = Access::new(ports, tls)?;
    let feed = Feed::start()?;
    let url = addresses.first().copied().flatten().map(|address| access.url(address)).unwrap_or_default();
    routes::add(app, access, feed.clone());
    Ok((Trace::json().to(feed.writer()).untraced(PREFIX), url))
}

const REFUSAL: &str = "the wire view shows every byte of every client, so it is served on loopback TCP addresses only: \
    127.0.0.1 or [::1]";
