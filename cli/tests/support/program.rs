//! The command as a child process that serves.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use super::bounded::{self, Leash};

/// A serving command, killed when a test fails before it stopped it.
pub struct Program {
    pub child: Child,
    pub stdout: BufReader<ChildStdout>,
    pub stderr: BufReader<ChildStderr>,
    /// The first line on stdout.
    pub first_line: String,
    /// Where it listens.
    pub address: String,
    _leash: Leash,
}

impl Program {
    /// Starts a command and waits until it listens: until its first line, which has the address.
    pub fn start(command: &mut Command) -> Program {
        let (mut child, leash) = bounded::leashed(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut first_line = String::new();
        assert_ne!(stdout.read_line(&mut first_line).unwrap(), 0, "it stopped before it listened");
        let address = match serde_json::from_str::<serde_json::Value>(&first_line) {
            Ok(start) => start["addr"].as_str().unwrap().to_owned(),
            Err(_) => {
                let after = first_line.split_once("listening on ").unwrap().1.trim_start_matches("http://");
                after.split_whitespace().next().unwrap().to_owned()
            }
        };
        Program { child, stdout, stderr, first_line, address, _leash: leash }
    }

    /// Sends a signal, such as `-TERM`.
    pub fn signal(&self, signal: &str) {
        signal_process(signal, self.child.id());
    }

    /// Reads both streams to their ends; returns the exit code and the texts.
    pub fn ended(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.stderr.read_to_string(&mut err).unwrap();
        (bounded::exited(&mut self.child).code(), out, err)
    }

    /// Sends a signal and waits for the end; returns the exit code and the rest of stdout and stderr.
    pub fn stop(self, signal: &str) -> (Option<i32>, String, String) {
        self.signal(signal);
        self.ended()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail if the process has been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to any process.
pub fn signal_process(signal: &str, process: u32) {
    assert!(Command::new("kill").args([signal, &process.to_string()]).status().unwrap().success());
}
