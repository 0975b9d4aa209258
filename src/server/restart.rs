//! Restarts the program without losing a client: the new process gets the listeners, and this one
//! stops once it serves.
//!
//! Both processes hold the same sockets, so the queues of waiting clients are never closed. If the
//! new process fails, or does not report in time, this one serves on.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGUSR2};
use socket2::SockRef;

use super::sd_notify::notify;
use super::signals::enforce_stop;
use super::socket_activation::{FDS, READY, SHARED};
use crate::net::sockets::listeners::Listener;
use crate::net::threads::shutdown::{Phase, ShutdownControl};
use crate::net::threads::signals::Signals;

/// How long a new process may take until it serves.
const READY_TIMEOUT: Duration = Duration::from_secs(10);
/// The first descriptor of systemd's protocol; 0 to 2 are stdin, stdout and stderr.
const FIRST_FD: i32 = 3;

/// What is needed to start a successor.
struct RestartContext {
    program: PathBuf,
    arguments: Vec<OsString>,
    shared: bool,
    ready_timeout: Duration,
    limit: Duration,
    control: Arc<ShutdownControl>,
    in_progress: AtomicBool,
}

/// Restarts the program on HUP and USR2. This process then has at most `limit` to finish its
/// requests.
pub(super) fn on_signal(
    signals: &mut Signals,
    listeners: &[Vec<Listener>],
    control: &Arc<ShutdownControl>,
    limit: Duration,
) -> io::Result<()> {
    let all = || listeners.iter().flatten();
    control.keep(all().filter_map(Listener::socket).collect::<io::Result<_>>()?);
    let context = Arc::new(RestartContext {
        // Read now: after a deploy it would be the path of a deleted file.
        program: env::current_exe()?,
        arguments: env::args_os().skip(1).collect(),
        shared: all().any(Listener::is_shared),
        ready_timeout: READY_TIMEOUT,
        limit,
        control: control.clone(),
        in_progress: AtomicBool::new(false),
    });
    signals.register(&[SIGHUP, SIGUSR2], move |count| {
        (0..count).for_each(|_| start_restart(&context));
        None
    })
}

/// Starts a successor from a thread of its own: waiting for it takes seconds, in which signals must
/// be handled.
fn start_restart(context: &Arc<RestartContext>) {
    if context.control.phase() != Phase::Running || context.in_progress.swap(true, Ordering::Relaxed) {
        return warn!("restart: a stop or another restart is in progress");
    }
    let shared = context.clone();
    let thread = std::thread::Builder::new().name("wirelight-restart".into()).spawn(move || {
        match shared.start_successor() {
            Ok(successor) => {
                info!("restart: process {successor} serves; this one finishes its requests");
                notify(&format!("MAINPID={successor}"));
                shared.control.hand_over();
                enforce_stop(&shared.control, shared.limit);
            }
            Err(error) if shared.control.phase() != Phase::Running => warn!("restart given up: {error}"),
            Err(error) => error!("restart failed, this process serves on: {error}"),
        }
        shared.in_progress.store(false, Ordering::Relaxed);
    });
    if let Err(error) = thread {
        context.in_progress.store(false, Ordering::Relaxed);
        error!("restart failed, this process serves on: {error}");
    }
}

impl RestartContext {
    /// Starts the program and waits until it serves; returns its process id.
    fn start_successor(&self) -> io::Result<u32> {
        let (mut ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(self.ready_timeout))?;
        self.control.set_starting(self.spawn(&theirs)?);
        drop(theirs); // so that the exit of the successor is an end of file here
        // A signal interrupts `read`, but not `read_exact`.
        let served = ours.read_exact(&mut [0]);
        let Some(mut successor) = self.control.take_starting() else {
            return Err(io::Error::other("a stop began before the new process served"));
        };
        let failure = match served {
            Ok(()) => return Ok(successor.id()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => "it ended before it served".to_owned(),
            Err(_) => format!("it did not serve within {:?}", self.ready_timeout),
        };
        let killed = successor.kill().and_then(|()| successor.wait());
        Err(io::Error::other(format!(
            "{failure} ({})",
            killed.map_or_else(|e| e.to_string(), |status| status.to_string())
        )))
    }

    /// Starts the program. Descriptors keep their numbers; its environment lists what they are.
    fn spawn(&self, ready: &UnixStream) -> io::Result<Child> {
        let kept = self.control.listeners();
        let sockets = || kept.iter().map(SockRef::from).chain([SockRef::from(ready)]);
        let numbers: Vec<i32> = sockets().map(|socket| socket.as_raw_fd() - FIRST_FD).collect();
        let [listeners @ .., ready] = &numbers[..] else { return Err(io::ErrorKind::InvalidInput.into()) };
        let listeners: Vec<String> = listeners.iter().map(i32::to_string).collect();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_remove("LISTEN_PID").env_remove(SHARED);
        command.env("LISTEN_FDS", numbers.iter().max().map_or(0, |most| most + 1).to_string());
        command.env(FDS, listeners.join(",")).env(READY, ready.to_string());
        if self.shared {
            command.env(SHARED, "1");
        }
        // Programs that another thread starts at this moment inherit them too, but only keep them
        // open.
        sockets().try_for_each(|socket| socket.set_cloexec(false))?;
        let child = command.spawn();
        sockets().try_for_each(|socket| socket.set_cloexec(true))?;
        child
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(script: &str, ready_timeout: Duration) -> RestartContext {
        RestartContext {
            program: "/bin/sh".into(),
            arguments: ["-c".into(), script.into()].into(),
            shared: false,
            ready_timeout,
            limit: Duration::ZERO,
            control: Arc::default(),
            in_progress: AtomicBool::new(false),
        }
    }

    fn start(script: &str, ready_timeout: Duration) -> String {
        context(script, ready_timeout).start_successor().unwrap_err().to_string()
    }

    #[test]
    fn a_successor_that_does_not_report_is_killed_and_one_that_exits_is_not_waited_for() {
        let silent = start("exec sleep 600", Duration::from_millis(20));
        assert_eq!(silent, "it did not serve within 20ms (signal: 9 (SIGKILL))");
        assert_eq!(start("exit 3", Duration::from_secs(600)), "it ended before it served (exit status: 3)");
    }

    /// It would serve on after the stop, with listeners that take no more clients.
    #[test]
    fn a_stop_ends_a_successor_that_does_not_serve_yet() {
        const PATIENCE: Duration = Duration::from_secs(60);
        let silent = Arc::new(context("exec sleep 600", Duration::from_secs(600)));
        let (ended, outcome) = std::sync::mpsc::channel();
        let starting = silent.clone();
        std::thread::spawn(move || ended.send(starting.start_successor().map_err(|error| error.to_string())));
        silent.control.advance(Phase::Draining); // before or after the process exists
        let said = outcome.recv_timeout(PATIENCE).unwrap();
        assert_eq!(said, Err("a stop began before the new process served".to_owned()));

        let stopped = context("echo 1 >&$((WIRELIGHT_READY + 3)); exec sleep 600", Duration::from_secs(600));
        stopped.control.advance(Phase::Draining);
        assert!(stopped.start_successor().is_err());
    }
}
