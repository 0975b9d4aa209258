//! Serves the wire view: a page under `/_wire/` that shows the server's own connections, live.
//!
//! `feed.rs` takes the lines of a trace, `history.rs` keeps whole connections of them for pages that
//! open later, `cells.rs` the state of all connections, `access.rs` refuses everyone but the person
//! at this machine, `routes.rs` responds. `lab.rs` plays clients for the page, as `plan.rs` parses
//! them. The page itself is in `page/`: HTML, CSS and JavaScript modules, which `files.rs` embeds as
//! they are.

mod access;
mod cells;
mod feed;
mod files;
mod history;
mod lab;
mod plan;
mod routes;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use crate::app::App;
use crate::content::embedded_page::WireView;
use crate::trace::config::Trace;
use crate::trace::lab::LabClients;
use access::{Access, PREFIX};
use feed::Feed;
use lab::Lab;
#[cfg(fuzzing)]
pub(crate) use plan::Plan;
use routes::PageState;

/// Adds the page to the application. Returns the trace that it shows, and its address.
/// `wake` wakes the workers.
///
/// # Errors
/// Fails if an address is not a loopback TCP address (`None`: a unix socket), or if there is no
/// source of randomness.
pub(crate) fn mount(
    app: &mut App,
    addresses: &[Option<SocketAddr>],
    tls: bool,
    wake: impl Fn() + Send + Sync + 'static,
) -> io::Result<(Trace, String)> {
    let mut ports = Vec::new();
    for address in addresses {
        match address {
            Some(address) if address.ip().is_loopback() => ports.push(address.port()),
            _ => return Err(io::Error::new(ErrorKind::InvalidInput, REFUSAL)),
        }
    }
    let access = Access::new(ports, tls)?;
    let feed = Feed::start()?;
    let first = addresses.first().copied().flatten();
    let url = first.map(|address| access.url(address)).unwrap_or_default();
    let trace = Trace::json().to(feed.writer()).untraced(PREFIX).watched(feed.watched());
    let clients = Arc::<LabClients>::default();
    // Its clients do not speak TLS.
    let lab = first.filter(|_| !tls).map(|server| Lab::new(server, clients.clone(), wake));
    app.state(WireView(PREFIX));
    routes::add(app, PageState { access, feed, lab });
    Ok((trace.lab(clients), url))
}

const REFUSAL: &str = "the wire view shows every byte of every client, so it is served on loopback TCP addresses only: \
    127.0.0.1 or [::1]";
