//! Runs child processes that are killed when they take too long or are no longer needed.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

/// Interval at which a wait looks whether the process has exited.
const TICK: Duration = Duration::from_millis(20);

/// A child process in a group of its own, and what it has printed. Dropping it kills the group.
pub(in crate::ladder) struct Process {
    child: Child,
    printed: Vec<u8>,
    /// What its stdout and stderr deliver; disconnected when both are closed.
    pipes: Receiver<Vec<u8>>,
}

impl Process {
    /// Starts a command with its output in pipes.
    pub(in crate::ladder) fn start(command: &mut Command) -> std::io::Result<Process> {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn()?;
        let (sender, pipes) = mpsc::channel();
        child.stdout.take().into_iter().for_each(|pipe| forward(pipe, sender.clone()));
        child.stderr.take().into_iter().for_each(|pipe| forward(pipe, sender.clone()));
        Ok(Process { child, printed: Vec::new(), pipes })
    }

    /// Returns the process id, which is the id of the group too.
    pub(in crate::ladder) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns what it has printed so far, on stdout and stderr.
    pub(in crate::ladder) fn printed(&mut self) -> String {
        self.printed.extend(self.pipes.try_iter().flatten());
        String::from_utf8_lossy(&self.printed).into_owned()
    }

    /// Waits until `is_there` holds for the output. Returns `false` if it does not within `most`,
    /// or when the process has closed its output without it.
    pub(in crate::ladder) fn prints(&mut self, most: Duration, is_there: impl Fn(&str) -> bool) -> bool {
        let end = Instant::now() + most;
        loop {
            if is_there(&self.printed()) {
                return true;
            }
            match self.pipes.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.printed.extend(bytes),
                Err(_) => return false,
            }
        }
    }

    /// Sends SIGTERM to the process alone.
    pub(in crate::ladder) fn terminate(&self) {
        // Fails if it has exited, which the facts then show.
        let _ = Command::new("kill").args(["-TERM", &self.id().to_string()]).stderr(Stdio::null()).status();
    }

    /// Waits for the end of the process and of its output. Returns its status; `None` if it still
    /// runs after `most`.
    pub(in crate::ladder) fn exits(&mut self, most: Duration) -> Option<ExitStatus> {
        let (end, mut is_open) = (Instant::now() + most, true);
        loop {
            let status = self.child.try_wait().ok().flatten().filter(|_| !is_open);
            if status.is_some() || Instant::now() >= end {
                return status;
            }
            match self.pipes.recv_timeout(TICK) {
                Ok(bytes) => self.printed.extend(bytes),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    is_open = false;
                    std::thread::sleep(Duration::from_millis(1)); // its output is closed: it exits now
                }
            }
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let group = format!("-{}", self.id());
        // Fails if all of the group have exited.
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }
}

fn forward(mut pipe: impl Read + Send + 'static, sender: Sender<Vec<u8>>) {
    std::thread::spawn(move || {
        let mut buffer = [0; 4_096];
        while let Ok(n @ 1..) = pipe.read(&mut buffer) {
            if sender.send(buffer.get(..n).unwrap_or_default().to_vec()).is_err() {
                return; // the process was dropped
            }
        }
    });
}
