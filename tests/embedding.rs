//! A server inside a program that has its own listeners, connections, threads and runtime.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Mutex, mpsc};
use std::thread::{self, JoinHandle};

use wirelight::{App, Handle, Request, Response, RunningServer, Server};

mod support;

use support::bounded::{self, BOUND, connect};
use support::folder::Folder;

fn app(name: &'static str) -> App {
    let mut app = App::new();
    app.get("/", move |_| name);
    app
}

fn start(server: Server, name: &'static str) -> (Handle, JoinHandle<io::Result<()>>) {
    let server = server.signals(false);
    (server.handle(), thread::spawn(move || server.run(app(name))))
}

fn stop((handle, running): (Handle, JoinHandle<io::Result<()>>)) {
    handle.stop();
    bounded::joined(running).unwrap().unwrap();
}

/// The body of a response on a connection that ends with it.
fn ask(mut stream: impl Read + Write) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(response)
}

fn local(stream: UnixStream) -> UnixStream {
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream
}

#[test]
fn a_given_listener_is_shared_by_the_workers_and_stays_with_its_owner() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, kept) = (listener.local_addr().unwrap(), listener.try_clone().unwrap());
    let server = Server::from_listener(listener).unwrap().workers(3);
    assert_eq!(server.local_addr(), address);
    let first = start(server, "first");
    for _ in 0..20 {
        assert_eq!(ask(connect(address)), "first");
    }
    stop(first);
    let waiting = connect(address); // in the queue that the owner's copy keeps open
    let second = start(Server::from_listener(kept).unwrap(), "second");
    assert_eq!(ask(waiting), "second");
    stop(second);
    bounded::refused(address);
}

#[test]
fn a_spawned_server_ends_when_it_is_stopped_dropped_or_asked_to_by_its_handler() {
    let servers = ["stopped", "dropped", "joined"].map(|name| {
        let mut app = app(name);
        let (ask, stop) = mpsc::channel();
        app.state(Mutex::new(stop));
        app.post("/stop", |req| bounded::received(&*req.lock::<mpsc::Receiver<Handle>>()).stop());
        let server = Server::bind("127.0.0.1:0").unwrap().spawn(app).unwrap();
        ask.send(server.handle()).unwrap();
        server
    });
    let addresses = servers.each_ref().map(|server| server.local_addr());
    assert_eq!(addresses.map(|address| ask(connect(address))), ["stopped", "dropped", "joined"]);

    let [stopped, dropped, joined] = servers;
    stopped.stop().unwrap();
    let open = connect(dropped.local_addr());
    drop(dropped);
    drop(open);
    connect(joined.local_addr()).write_all(b"POST /stop HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n").unwrap();
    bounded::joined(thread::spawn(|| RunningServer::join(joined))).unwrap().unwrap();
    addresses.into_iter().for_each(bounded::refused);
}

#[test]
fn listeners_of_all_kinds_together() {
    let folder = Folder::new();
    let path = folder.file("a.sock");
    let (unix, tcp) = (UnixListener::bind(&path).unwrap(), TcpListener::bind("[::1]:0"));
    let mut server = Server::bind("127.0.0.1:0").unwrap().and_listener(unix).unwrap();
    let addresses: Vec<SocketAddr> = tcp.iter().map(|listener| listener.local_addr().unwrap()).collect();
    if let Ok(listener) = tcp {
        server = server.and_listener(listener).unwrap();
    }
    assert_eq!(server.addresses()[1], format!("unix:{}", path.display()));
    let bound = server.local_addr();
    let running = start(server.workers(2), "any");
    assert_eq!(ask(local(UnixStream::connect(&path).unwrap())), "any");
    for address in addresses.into_iter().chain([bound]) {
        assert_eq!(ask(connect(address)), "any");
    }
    stop(running);
    assert!(path.exists(), "a file that the server has not made stays");
}

#[test]
fn what_cannot_listen_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect_timeout(&listener.local_addr().unwrap(), BOUND).unwrap();
    let refused: [(&str, OwnedFd); 4] = [
        ("a connection", connected.into()),
        ("UDP", UdpSocket::bind("127.0.0.1:0").unwrap().into()),
        ("a socket without a name", UnixStream::pair().unwrap().0.into()),
        ("a file", File::open("Cargo.toml").unwrap().into()),
    ];
    for (what, socket) in refused {
        let error = Server::from_listener(socket).err().unwrap().to_string();
        assert!(error.starts_with("cannot listen on a given socket: "), "{what}: {error}");
    }
}

/// Returns whether this machine has IPv6.
fn has_ipv6() -> bool {
    TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
}

#[test]
fn localhost_is_every_loopback_address_that_the_machine_has() {
    let families = 1 + usize::from(has_ipv6());
    let by_name = || Server::bind("localhost:0").unwrap();
    let servers = [by_name(), Server::bind(("LocalHost", 0)).unwrap(), Server::bind("localhost:0".to_owned()).unwrap()];
    for server in servers {
        assert_eq!(server.addresses().len(), families);
        let port = server.local_addr().port();
        assert_eq!(server.local_addr(), (Ipv4Addr::LOCALHOST, port).into());
        let running = start(server.workers(2), "both");
        let ips = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        for ip in ips.into_iter().take(families) {
            assert_eq!(ask(connect((ip, port))), "both");
        }
        stop(running);
    }
    for one in ["127.0.0.1:0", "localhost.localdomain:0"] {
        let addresses = Server::bind(one).map(|server| server.addresses().len());
        assert!(addresses.unwrap_or(1) == 1, "{one}");
    }
}

#[test]
fn localhost_is_not_shared_with_another_program() {
    let ips = [Some(IpAddr::V4(Ipv4Addr::LOCALHOST)), has_ipv6().then_some(IpAddr::V6(Ipv6Addr::LOCALHOST))];
    for ip in ips.into_iter().flatten() {
        let other = TcpListener::bind((ip, 0)).unwrap();
        let address = other.local_addr().unwrap();
        let error = Server::bind(("localhost", address.port())).err().unwrap();
        let message = format!("cannot listen on {address}: another program listens there");
        assert_eq!((error.kind(), error.to_string()), (ErrorKind::AddrInUse, message));
    }
}

#[test]
fn one_connection_that_the_program_has_is_served_until_it_ends() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = connect(listener.local_addr().unwrap());
    let (stream, from) = listener.accept().unwrap();
    let mut app = App::new();
    app.get("/peer", |req| req.remote_addr().map(|address| address.to_string()));
    let server = Server::from_incoming([stream]).signals(false);
    let running = thread::spawn(move || server.run(app));
    for _ in 0..3 {
        client.write_all(b"GET /peer HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut response = [0; 1024];
        let length = client.read(&mut response).unwrap();
        assert!(String::from_utf8_lossy(&response[..length]).ends_with(&from.to_string()));
    }
    drop(client);
    bounded::joined(running).unwrap().unwrap();
}

#[test]
fn connections_come_from_a_channel() {
    let (sender, receiver) = mpsc::channel::<OwnedFd>();
    let server = Server::from_incoming(receiver).workers(2);
    assert_eq!(server.addresses(), ["connections that the program accepts"]);
    let (_, running) = start(server, "handed over");
    sender.send(File::open("Cargo.toml").unwrap().into()).unwrap(); // closed, and logged
    for _ in 0..40 {
        let (ours, theirs) = UnixStream::pair().unwrap();
        sender.send(theirs.into()).unwrap();
        assert_eq!(ask(local(ours)), "handed over");
    }
    assert!(!running.is_finished());
    drop(sender);
    bounded::joined(running).unwrap().unwrap();
}

/// More connections at once than the channel to the workers holds, on more than one worker.
#[test]
fn the_last_connections_of_the_program_are_served_on_all_workers() {
    let pairs: Vec<_> = (0..100).map(|_| UnixStream::pair().unwrap()).collect();
    let (clients, streams): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let (_, running) = start(Server::from_incoming(streams).workers(4), "all");
    for client in clients {
        assert_eq!(ask(local(client)), "all");
    }
    bounded::joined(running).unwrap().unwrap();
}

#[test]
fn a_stop_ends_a_server_whose_program_has_more_connections() {
    let (sender, receiver) = mpsc::channel::<UnixStream>();
    let running = start(Server::from_incoming(receiver), "on");
    let (ours, theirs) = UnixStream::pair().unwrap();
    sender.send(theirs).unwrap();
    assert_eq!(ask(local(ours)), "on");
    stop(running);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let _ = sender.send(theirs); // fails once the thread has ended
    assert_eq!(local(ours).read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_connection_that_left_http_is_waited_for() {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let mut app = App::new();
    app.get("/", |req: &Request| {
        Response::upgrade(req, "echo", |mut socket, _| {
            let mut bytes = [0; 16];
            while let Ok(length @ 1..) = socket.read(&mut bytes) {
                socket.write_all(&bytes[..length]).unwrap();
            }
        })
    });
    let server = Server::from_incoming([theirs]).signals(false);
    let running = thread::spawn(move || server.run(app));
    ours = local(ours);
    ours.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n").unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        ours.read_exact(&mut byte).unwrap();
        head.extend_from_slice(&byte);
    }
    ours.write_all(b"echo").unwrap();
    let mut echo = [0; 4];
    ours.read_exact(&mut echo).unwrap();
    assert_eq!((&echo, running.is_finished()), (b"echo", false));
    drop(ours);
    bounded::joined(running).unwrap().unwrap();
}

#[test]
fn a_panic_of_the_iterator_ends_no_connection() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut streams = Some(theirs);
    let streams = std::iter::from_fn(move || Some(streams.take().unwrap()));
    let (_, running) = start(Server::from_incoming(streams), "still");
    assert_eq!(ask(local(ours)), "still");
    bounded::joined(running).unwrap().unwrap();
}

#[test]
fn several_servers_run_in_one_process() {
    let servers = ["a", "b", "c"].map(|name| {
        let server = Server::bind("127.0.0.1:0").unwrap();
        (server.local_addr(), name, start(server, name))
    });
    for (address, name, _) in &servers {
        assert_eq!(ask(connect(*address)), *name);
    }
    let [first, rest @ ..] = servers;
    stop(first.2);
    for (address, name, running) in rest {
        assert_eq!(ask(connect(address)), name, "the others serve on");
        stop(running);
    }
}

/// `run` blocks, so it is called on the runtime's threads for blocking work; handlers may call
/// async code by the runtime's handle.
#[test]
fn a_server_runs_inside_tokio() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let body = runtime.block_on(async {
        let mut app = App::new();
        let inside = tokio::runtime::Handle::current();
        app.get("/", move |_| inside.block_on(async { "from async code" })).blocking();
        let server = Server::bind("127.0.0.1:0").unwrap().signals(false);
        let (address, handle) = (server.local_addr(), server.handle());
        let serving = tokio::task::spawn_blocking(move || server.run(app));
        let body = tokio::task::spawn_blocking(move || ask(connect(address))).await.unwrap();
        handle.stop();
        serving.await.unwrap().unwrap();
        body
    });
    assert_eq!(body, "from async code");
}
