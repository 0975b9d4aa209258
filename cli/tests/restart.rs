//! Starts, replaces and stops the command by signals, as a service manager does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::fs;
use std::io::{BufRead, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

mod support;

use support::bounded::connect;
use support::folder::Folder;
use support::program::signal_process;
use support::{Program, bounded};

/// Reads everything from a connection that closes after the response.
fn ask(mut stream: impl Read + Write, target: &str) -> String {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// One answer on a connection that stays.
fn ask_on(stream: &mut TcpStream, target: &str) -> String {
    write!(stream, "GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut bytes = [0; 4096];
    let n = bounded::uninterrupted(|| stream.read(&mut bytes)).unwrap();
    String::from_utf8(bytes[..n].to_vec()).unwrap()
}

/// Begins a request. While its head is unfinished, a stop waits for it longer than for an idle client.
fn begin_on(stream: &mut TcpStream, address: &str, target: &str) {
    write!(stream, "GET {target} HT").unwrap();
    assert!(ask(connect(address), "/hello").contains("Hello, World!"), "by now the half head was read");
}

/// The answer to the request that was begun.
fn finish_on(mut stream: TcpStream) -> String {
    stream.write_all(b"TP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Starts a program on a free port and waits until its signal actions are installed.
fn start(program: &Path, adapt: impl FnOnce(&mut Command)) -> Program {
    let mut command = Command::new(program);
    command.args(["--host", "127.0.0.1", "--port", "0"]).env("RUST_LOG", "wirelight=info");
    adapt(&mut command);
    let mut server = Program::start(&mut command);
    server.log("listening on");
    server
}

impl Program {
    /// The first line of the log from here on that says this.
    fn log(&mut self, what: &str) -> String {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it ended before it said {what:?}");
        }
        line
    }
}

fn wirelight() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_wirelight"))
}

/// A wall clock is set from outside. With `faketime`, where it is installed.
#[test]
fn a_clock_before_1970_or_after_9999_stops_neither_a_server_nor_its_successor() {
    let found = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let Some(found) = found.ok().filter(|output| output.status.success()) else {
        println!("skipped: faketime is not installed");
        return;
    };
    let library = String::from_utf8(found.stdout).unwrap();
    for (clock, date) in [
        ("@1969-12-31 00:00:00", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ("@9999-12-31 23:59:59", "Fri, 31 Dec 9999 23:59:59 GMT"),
    ] {
        let mut server = start(wirelight(), |command| {
            command.env("LD_PRELOAD", library.trim()).env("FAKETIME", clock).env("TZ", "UTC");
            command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("RUST_LOG", "wirelight=debug");
        });
        let mut kept = connect(&server.address);
        assert!(ask_on(&mut kept, "/hello").contains(&format!("\r\nDate: {date}\r\n")));
        server.signal("-HUP");
        let line = server.log("serves; this one finishes");
        let successor = line.split_once("process ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
        drop(kept);
        assert_eq!(bounded::exited(&mut server.child).code(), Some(0), "{clock}");
        assert!(ask(connect(&server.address), "/hello").contains(&format!("\r\nDate: {date}\r\n")));
        signal_process("-TERM", successor);
        assert_eq!(server.ended().0, Some(0), "{clock}");
    }
}

#[test]
fn a_restart_serves_on_the_same_port_and_the_old_process_finishes() {
    for signal in ["-HUP", "-USR2"] {
        let mut server = start(wirelight(), |_| ());
        let mut kept = connect(&server.address);
        begin_on(&mut kept, &server.address, "/hello");
        server.signal(signal);
        let line = server.log("serves; this one finishes");
        let successor: u32 = line.split_once("process ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
        assert_ne!(successor, server.child.id());
        assert!(ask(connect(&server.address), "/hello").contains("Hello, World!"));
        server.signal("-TERM"); // the old process finishes what it has begun all the same
        assert!(ask(connect(&server.address), "/hello").contains("Hello, World!"));
        assert!(finish_on(kept).contains("Hello, World!"), "a connection of the old process");
        assert_eq!(bounded::exited(&mut server.child).code(), Some(0));
        assert!(ask(connect(&server.address), "/hello").contains("Hello, World!"), "the old one is gone");
        signal_process("-TERM", successor);
        assert_eq!(server.ended().0, Some(0));
    }
}

/// Both processes number their connections from 1, so they cannot share a file.
#[test]
fn each_process_of_a_restart_records_to_its_own_file() {
    let folder = Folder::new();
    let record = folder.file("wire.ndjson");
    let mut server = start(wirelight(), |command| _ = command.arg("--record").arg(&record));
    let mut kept = connect(&server.address);
    begin_on(&mut kept, &server.address, "/hello?name=First");
    server.signal("-HUP");
    let line = server.log("serves; this one finishes");
    let successor: u32 = line.split_once("process ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    assert!(finish_on(kept).contains("Hello, First!"), "while the second one records");
    assert_eq!(bounded::exited(&mut server.child).code(), Some(0));
    assert!(ask(connect(&server.address), "/hello?name=Second").contains("Hello, Second!"));
    signal_process("-TERM", successor);
    assert_eq!(server.ended().0, Some(0));
    for (file, own, other) in [("wire.ndjson", "First", "Second"), ("wire.ndjson.1", "Second", "First")] {
        let mut export = Command::new(wirelight());
        export.args(["export", "--format", "txt", "--output", "-"]).arg(folder.file(file));
        let exported = bounded::output(&mut export);
        let text = String::from_utf8(exported.stdout).unwrap();
        assert!(exported.status.success() && text.contains(own) && !text.contains(other), "{file}: {text}");
    }
    assert!(!folder.file("wire.ndjson.2").exists());
}

/// Copies a program in a process of its own. If this process wrote the file, a child that another
/// test forks meanwhile would inherit the descriptor, and executing the file could fail (ETXTBSY).
fn install(source: &Path, program: &Path) {
    let mut install = Command::new("install");
    install.args(["-m", "755"]).args([source, program]);
    let done = bounded::output(&mut install);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_bad_deploy_is_survived() {
    let folder = Folder::new();
    let program = folder.file("deployed");
    install(wirelight(), &program);
    let mut server = start(&program, |_| ());
    let (text, next) = (folder.file("text"), folder.file("next"));
    for script in ["#!/bin/sh\nexit 3\n", "no program at all"] {
        fs::write(&text, script).unwrap();
        install(&text, &next);
        fs::rename(&next, &program).unwrap();
        server.signal("-HUP");
        server.log("restart failed, this process serves on");
        assert!(ask(connect(&server.address), "/hello").contains("Hello, World!"));
    }
    install(wirelight(), &next);
    fs::rename(&next, &program).unwrap();
    server.signal("-HUP");
    let line = server.log("serves; this one finishes");
    let successor = line.split_once("process ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    signal_process("-TERM", successor);
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_socket_of_systemd_is_served_and_stays_open() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut server = start(wirelight(), |command| {
        socket2::SockRef::from(&listener).set_cloexec(false).unwrap();
        let number = listener.as_raw_fd().to_string();
        command.args(["--port", &address.port().to_string()]);
        command.env("LISTEN_FDS", "1").env("LISTEN_FDS_FIRST_FD", number);
    });
    socket2::SockRef::from(&listener).set_cloexec(true).unwrap();
    assert_eq!(server.address, address.to_string());
    assert!(ask(connect(address), "/hello").contains("Hello, World!"));
    server.signal("-TERM");
    assert_eq!(bounded::exited(&mut server.child).code(), Some(0));
    let _queued = connect(address);
    listener.accept().unwrap(); // nothing was done to it that its owner would notice
}

/// Receives a message at the socket of the service manager.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(folder: &Folder) -> Manager {
        let path = folder.file("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(bounded::BOUND)).unwrap();
        Manager { socket, path }
    }

    fn heard(&self) -> String {
        let mut bytes = [0; 64];
        let n = bounded::uninterrupted(|| self.socket.recv(&mut bytes)).unwrap();
        String::from_utf8(bytes[..n].to_vec()).unwrap()
    }
}

#[test]
fn a_service_manager_is_told() {
    let folder = Folder::new();
    let manager = Manager::new(&folder);
    let server = start(wirelight(), |command| _ = command.env("NOTIFY_SOCKET", &manager.path));
    assert_eq!(manager.heard(), "READY=1");
    server.signal("-TERM");
    assert_eq!(manager.heard(), "STOPPING=1");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_service_manager_is_told_who_goes_on_after_a_restart() {
    let folder = Folder::new();
    let manager = Manager::new(&folder);
    let mut server = start(wirelight(), |command| _ = command.env("NOTIFY_SOCKET", &manager.path));
    assert_eq!(manager.heard(), "READY=1");
    server.signal("-HUP");
    let line = server.log("serves; this one finishes");
    let successor: u32 = line.split_once("process ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    // One by each process, in any order.
    let mut heard = [manager.heard(), manager.heard()];
    heard.sort();
    assert_eq!(heard, [format!("MAINPID={successor}"), "READY=1".to_owned()]);
    assert_eq!(bounded::exited(&mut server.child).code(), Some(0));
    signal_process("-TERM", successor);
    assert_eq!(manager.heard(), "STOPPING=1", "the first of the two has said nothing like it");
    assert_eq!(server.ended().0, Some(0));
}

#[test]
fn a_stop_that_had_to_abort_a_connection_is_exit_code_1() {
    for (patience, code, last) in
        [("0s", 1, "wirelight: 1 connection was cut at the end of the stop"), ("3600s", 0, "")]
    {
        let mut server = start(wirelight(), |command| _ = command.args(["--shutdown", patience]));
        let mut slow = connect(&server.address);
        assert!(ask_on(&mut slow, "/hello").contains("Hello, World!"));
        slow.write_all(b"GET / HT").unwrap();
        assert!(ask(connect(&server.address), "/hello").contains("Hello, World!"), "by now the half head was read");
        server.signal("-TERM");
        if code == 0 {
            slow.write_all(b"TP/1.1\r\nHost: a\r\n\r\n").unwrap();
            slow.read_to_end(&mut Vec::new()).unwrap();
            slow.shutdown(std::net::Shutdown::Both).unwrap();
        }
        let mut said = String::new();
        server.stderr.read_to_string(&mut said).unwrap();
        let told = said.lines().rfind(|line| line.starts_with("wirelight: ")).unwrap_or_default();
        assert_eq!(told, last, "{said}");
        assert_eq!(server.ended().0, Some(code));
    }
}

#[test]
fn a_second_signal_is_now() {
    let server = start(wirelight(), |_| ());
    let mut slow = connect(&server.address);
    assert!(ask_on(&mut slow, "/hello").contains("Hello, World!"));
    slow.write_all(b"GET / HT").unwrap();
    server.signal("-TERM");
    bounded::refused(server.address.parse().unwrap()); // the first was heard
    server.signal("-INT");
    assert_eq!(server.ended().0, Some(0));
}
