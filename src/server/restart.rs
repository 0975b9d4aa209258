//! Restart without loss: the program is started anew with our listeners, and only when it serves do we stop; binds nothing.
//!
//! Both hold the same sockets, so the queues of clients have an owner at every moment. A new program that fails, or says nothing,
//! changes nothing: the old one serves on.

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

use super::inherit::{FDS, LENT, READY};
use super::notify::notify;
use super::signals::enforce_stop;
use crate::net::sockets::listeners::Listener;
use crate::net::threads::shutdown::{Phase, ShutdownControl};
use crate::net::threads::signals::Signals;

/// How long a new program may take until it serves.
const PATIENCE: Duration = Duration::from_secs(10);
/// The first descriptor of systemd's protocol: below are stdin, stdout and stderr.
const FIRST: i32 = 3;

/// What a successor gets.
struct Legacy {
    program: PathBuf,
    arguments: Vec<OsString>,
    lent: bool,
    patience: Duration,
    limit: Duration,
    control: Arc<ShutdownControl>,
    under_way: AtomicBool,
}

/// HUP and USR2 start the program anew. `limit`: how long this process then takes at most to finish what it began.
pub(super) fn on_signal(
    signals: &mut Signals,
    listeners: &[Vec<Listener>],
    control: &Arc<ShutdownControl>,
    limit: Duration,
) -> io::Result<()> {
    let all = || listeners.iter().flatten();
    control.keep(all().map(Listener::socket).collect::<io::Result<_>>()?);
    let legacy = Arc::new(Legacy {
        // Asked now: after a deploy it would be the name of a deleted file.
        program: env::current_exe()?,
        arguments: env::args_os().skip(1).collect(),
        lent: all().any(Listener::is_shared),
        patience: PATIENCE,
        limit,
        control: control.clone(),
        under_way: AtomicBool::new(false),
    });
    signals.register(&[SIGHUP, SIGUSR2], move |came| {
        (0..came).for_each(|_| begin(&legacy));
        None
    })
}

/// Starting a program takes milliseconds, waiting for it seconds: meanwhile signals are heard.
fn begin(legacy: &Arc<Legacy>) {
    if legacy.control.phase() != Phase::Running || legacy.under_way.swap(true, Ordering::Relaxed) {
        return warn!("restart: a stop or another restart is under way");
    }
    let shared = legacy.clone();
    let thread = std::thread::Builder::new().name("wirelight-restart".into()).spawn(move || {
        match shared.start() {
            Ok(successor) => {
                info!("restart: process {successor} serves; this one finishes what it began");
                notify(&format!("MAINPID={successor}"));
                shared.control.hand_over();
                enforce_stop(&shared.control, shared.limit);
            }
            Err(error) => error!("restart failed, this process serves on: {error}"),
        }
        shared.under_way.store(false, Ordering::Relaxed);
    });
    if let Err(error) = thread {
        legacy.under_way.store(false, Ordering::Relaxed);
        error!("restart failed, this process serves on: {error}");
    }
}

impl Legacy {
    /// Starts the program and waits until it serves; gives its process id.
    fn start(&self) -> io::Result<u32> {
        let (mut ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(self.patience))?;
        let mut successor = self.spawn(&theirs)?;
        drop(theirs); // so that the successor's end is our end of file
        // A signal in between says nothing of the successor: `read_exact` waits on, where `read` would fail.
        let failure = match ours.read_exact(&mut [0]) {
            Ok(()) => return Ok(successor.id()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => "it ended before it served".to_owned(),
            Err(_) => format!("it did not serve within {:?}", self.patience),
        };
        let killed = successor.kill().and_then(|()| successor.wait());
        Err(io::Error::other(format!(
            "{failure} ({})",
            killed.map_or_else(|e| e.to_string(), |status| status.to_string())
        )))
    }

    /// Descriptors keep their numbers in the successor; which of them are what, its environment says.
    fn spawn(&self, ready: &UnixStream) -> io::Result<Child> {
        let kept = self.control.listeners();
        let sockets = || kept.iter().map(SockRef::from).chain([SockRef::from(ready)]);
        let numbers: Vec<i32> = sockets().map(|socket| socket.as_raw_fd() - FIRST).collect();
        let [listeners @ .., ready] = &numbers[..] else { return Err(io::ErrorKind::InvalidInput.into()) };
        let listeners: Vec<String> = listeners.iter().map(i32::to_string).collect();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_remove("LISTEN_PID").env_remove(LENT);
        command.env("LISTEN_FDS", numbers.iter().max().map_or(0, |most| most + 1).to_string());
        command.env(FDS, listeners.join(",")).env(READY, ready.to_string());
        if self.lent {
            command.env(LENT, "1");
        }
        // Programs that another thread starts in this moment get them too, and can do nothing but keep them open.
        sockets().try_for_each(|socket| socket.set_cloexec(false))?;
        let child = command.spawn();
        sockets().try_for_each(|socket| socket.set_cloexec(true))?;
        child
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str, patience: Duration) -> String {
        let legacy = Legacy {
            program: "/bin/sh".into(),
            arguments: ["-c".into(), script.into()].into(),
            lent: false,
            patience,
            limit: Duration::ZERO,
            control: Arc::default(),
            under_way: AtomicBool::new(false),
        };
        legacy.start().unwrap_err().to_string()
    }

    #[test]
    fn a_successor_that_says_nothing_is_killed_and_one_that_ends_is_not_waited_for() {
        let silent = start("exec sleep 600", Duration::from_millis(20));
        assert_eq!(silent, "it did not serve within 20ms (signal: 9 (SIGKILL))");
        assert_eq!(start("exit 3", Duration::from_secs(600)), "it ended before it served (exit status: 3)");
    }
}
