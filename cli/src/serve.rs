//! `wirelight serve`: serves the demo API until TERM or Ctrl-C.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use wirelight::{Server, Timeouts};

use super::failure::Failure;
use super::output::println_flush;
use super::settings::{self, Command, ListenAddr, Settings};
use super::{demo, help, logging};

const VERSION: &str = concat!("wirelight ", env!("CARGO_PKG_VERSION"));

/// Serves until it is stopped, or prints help or version.
pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    match settings::read(arguments)? {
        Command::Help => println_flush(help::of("serve")),
        Command::Version => println_flush(VERSION),
        Command::Serve(settings) => return serve(settings),
    }
    Ok(())
}

fn serve(settings: Settings) -> Result<(), Failure> {
    let traced = settings.traces.on_terminal;
    let _logging = logging::start(settings.traces.color, traced);
    let print = if settings.traces.json_on_stdout { print_to_stderr } else { print };
    let server = match &settings.listen {
        ListenAddr::Tcp(addresses) => Server::bind(&addresses[..]),
        ListenAddr::Unix(path) => Server::bind_unix(path),
    };
    let timeouts = Timeouts { shutdown: settings.shutdown, ..Timeouts::default() };
    let server =
        server.map_err(|error| cannot_listen(&settings.listen, &error))?.workers(settings.workers).timeouts(timeouts);
    if settings.wire && !server.local_addr().ip().is_loopback() {
        return Err(Failure::usage("--wire shows every byte, so it needs a loopback address: --host 127.0.0.1"));
    }
    let server = settings.traces.attach(server);
    let query = if settings.classroom { "&classroom" } else { "" };
    let server = match settings.wire {
        true => server.wire_view(move |url| print(format!("wire view: {url}{query}\n"))),
        false => server,
    };
    log::info!(
        "steps 4 to 10 (accept, read, parse, route, handle, write, keep-alive or close) follow for each connection"
    );
    print(welcome(&settings.listen, server.local_addr(), settings.workers, traced || settings.wire));
    let began = Instant::now();
    server.run(demo::app(settings.wire)).map_err(Failure::runtime)?;
    print(format!("stopped after {} s", began.elapsed().as_secs()));
    Ok(())
}

/// Returns the failure of a bind. A port in use is the one that has a remedy here.
fn cannot_listen(listen: &ListenAddr, error: &io::Error) -> Failure {
    match (listen, error.kind()) {
        (ListenAddr::Tcp(_), io::ErrorKind::AddrInUse) => {
            Failure::usage(format!("{error}; --port 0 takes any free port"))
        }
        _ => Failure::usage(error),
    }
}

fn print(text: String) {
    with_timeout(move || println_flush(text));
}

/// Prints to stderr, because each line of stdout is an event.
fn print_to_stderr(text: String) {
    with_timeout(move || {
        let _ = writeln!(io::stderr(), "{text}"); // fails if stderr is closed
    });
}

/// Prints with a time limit: a reader that has stopped (`wirelight --trace 2>&1 | less`) must not
/// block the server.
fn with_timeout(print: impl FnOnce() + Send + 'static) {
    let (done, printed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        print();
        let _ = done.send(()); // fails if it took too long
    });
    let _ = printed.recv_timeout(Duration::from_secs(1));
}

/// Returns where the server listens, and commands to try in a shell. It is short if `traced`: a
/// trace follows on the same screen.
fn welcome(listen: &ListenAddr, address: SocketAddr, workers: usize, traced: bool) -> String {
    let plural = if workers == 1 { "" } else { "s" };
    let (at, curl, url) = match listen {
        ListenAddr::Tcp(_) => {
            (format!("http://{address}"), "curl".to_owned(), format!("http://{}", reachable(address)))
        }
        ListenAddr::Unix(path) => {
            let path = path.display().to_string();
            let quoted = path.replace('\'', "'\\''");
            (format!("unix:{path}"), format!("curl --unix-socket '{quoted}'"), "http://localhost".to_owned())
        }
    };
    let listening = format!("listening on {at} with {workers} worker{plural}; Ctrl-C stops it");
    if traced {
        return format!("{listening}\nTry, in another terminal:  {curl} -i '{url}/hello?name=Ada'\n");
    }
    let load = match listen {
        ListenAddr::Tcp(_) => format!("  wrk -t2 -c64 -d10s {url}/hello\n"),
        ListenAddr::Unix(_) => String::new(), // wrk does not support unix sockets
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

/// Replaces 0.0.0.0 and :: by the loopback address: clients connect to one address.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        ip if !ip.is_unspecified() => {}
        IpAddr::V4(_) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(_) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
    }
    address
}
