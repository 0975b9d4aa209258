//! `wirelight serve`: the demo API on an address, until TERM or Ctrl-C; how to serve is the library's business.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use wirelight::{Server, Timeouts};

use super::settings::{self, Asked, Place, Settings};
use super::{Failure, VERSION, demo, help, logging, say};

/// Serves until it is told to stop, or prints what was asked for.
pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    match settings::read(arguments)? {
        Asked::Help => say(help::of("serve")),
        Asked::Version => say(VERSION),
        Asked::Serve(settings) => return serve(settings),
    }
    Ok(())
}

fn serve(settings: Settings) -> Result<(), Failure> {
    let watched = settings.traces.for_people;
    let _logging = logging::start(settings.traces.color, watched);
    let tell = if settings.traces.take_stdout { tell_beside } else { tell };
    let server = match &settings.place {
        Place::Ports(addresses) => Server::bind(&addresses[..]),
        Place::Unix(path) => Server::bind_unix(path),
    };
    let timeouts = Timeouts { shutdown: settings.shutdown, ..Timeouts::default() };
    let server = server.map_err(Failure::usage)?.workers(settings.workers).timeouts(timeouts);
    let server = settings.traces.watch(server);
    log::info!(
        "steps 4 to 10 (accept, read, parse, route, handle, write, keep-alive or close) follow for each connection"
    );
    tell(welcome(&settings.place, server.local_addr(), settings.workers, watched));
    let began = Instant::now();
    server.run(demo::app()).map_err(Failure::runtime)?;
    tell(format!("stopped after {} s", began.elapsed().as_secs()));
    Ok(())
}

fn tell(text: String) {
    patiently(move || say(text));
}

/// Where each line of stdout is an event, what is meant for people goes to stderr.
fn tell_beside(text: String) {
    patiently(move || {
        let _ = writeln!(io::stderr(), "{text}"); // where stderr is gone there is nobody to tell
    });
}

/// A reader who has stopped reading (`wirelight --trace 2>&1 | less`) keeps the server neither from its start nor from its end.
fn patiently(tell: impl FnOnce() + Send + 'static) {
    let (done, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tell();
        let _ = done.send(()); // nobody waits any more: it took too long
    });
    let _ = told.recv_timeout(Duration::from_secs(1));
}

/// Where the server listens, and what to do with it. The commands work as they stand when they are pasted into a shell.
/// `watched`: a trace follows on the same screen, so it is short.
fn welcome(place: &Place, address: SocketAddr, workers: usize, watched: bool) -> String {
    let plural = if workers == 1 { "" } else { "s" };
    let (at, curl, url) = match place {
        Place::Ports(_) => (format!("http://{address}"), "curl".to_owned(), format!("http://{}", reachable(address))),
        Place::Unix(path) => {
            let path = path.display().to_string();
            let quoted = path.replace('\'', "'\\''");
            (format!("unix:{path}"), format!("curl --unix-socket '{quoted}'"), "http://localhost".to_owned())
        }
    };
    let listening = format!("listening on {at} with {workers} worker{plural}; Ctrl-C stops it");
    if watched {
        return format!("{listening}\nTry, in another terminal:  {curl} -i '{url}/hello?name=Ada'\n");
    }
    let load = match place {
        Place::Ports(_) => format!("  wrk -t2 -c64 -d10s {url}/hello\n"),
        Place::Unix(_) => String::new(), // it knows no unix sockets
    };
    format!(
        "\
{listening}

Try, in another terminal:
  {curl} -i {url}/health
  {curl} -i '{url}/hello?name=Ada'
  {curl} -i {url}/users -H 'Content-Type: application/json' -d '{{\"name\": \"Ada\", \"email\": \"ada@example.com\"}}'
  {curl} -i {url}/users/1
  {curl} -i -X PATCH {url}/users/1 -H 'Content-Type: application/json' -d '{{\"name\": \"Ada Lovelace\"}}'
  {curl} -i {url}/users
  {curl} -i -X DELETE {url}/users/1
{load}"
    )
}

/// 0.0.0.0 and :: mean every address of the machine; to connect takes one of them.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => {}
        IpAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
    }
    address
}
