//! Log lines on their way to stderr, which nobody waits for: whoever reads it may have stopped, and the server must not stop with them.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

/// Lines that wait for a slow reader; what comes on top of them is lost.
const MOST: usize = 4_096;
/// How long the end of the command waits for a reader that may have stopped.
const PATIENCE: Duration = Duration::from_secs(1);

/// The logger as long as it lives; its end waits for the lines that are on their way.
pub(super) struct Logging(SyncSender<Message>);

enum Message {
    Line(Vec<u8>),
    /// Answered when all before it is written.
    End(Sender<()>),
}

struct Queue(SyncSender<Message>);

/// Logs to stderr. `color`: `None` means on a terminal, unless NO_COLOR is set. `quiet`: without RUST_LOG, only warnings and errors,
/// since a trace shows the rest.
pub(super) fn start(color: Option<bool>, quiet: bool) -> Logging {
    let (queue, lines) = sync_channel(MOST);
    let shown = || io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let style =
        if color.unwrap_or_else(shown) { env_logger::WriteStyle::Always } else { env_logger::WriteStyle::Never };
    let mut builder = env_logger::Builder::new();
    builder.write_style(style).parse_env(env_logger::Env::default().default_filter_or(if quiet {
        "wirelight=warn"
    } else {
        "wirelight=info"
    }));
    let writer = std::thread::Builder::new().name("wirelight-log".to_owned()).spawn(move || write(&lines));
    if writer.is_ok() {
        builder.target(env_logger::Target::Pipe(Box::new(Queue(queue.clone()))));
    }
    // Fails only when a logger is there already, and then that one serves.
    let _ = builder.try_init();
    Logging(queue)
}

fn write(lines: &Receiver<Message>) {
    for message in lines {
        match message {
            // Where stderr is gone there is nobody to tell.
            Message::Line(line) => _ = io::stderr().write_all(&line),
            Message::End(answer) => _ = answer.send(()),
        }
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.try_send(Message::Line(line.to_vec())); // full: the line is lost
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let (answer, answered) = channel();
        if self.0.try_send(Message::End(answer)).is_ok() {
            let _ = answered.recv_timeout(PATIENCE);
        }
    }
}
