//! Logs to stderr from a thread of its own, so that a reader that has stopped does not stop the
//! server.

use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, SystemTime};

use env_logger::fmt::style::{AnsiColor, Style};

use super::iso_date;

/// Lines that may wait for a slow reader; further lines are dropped.
const MAX_LINES: usize = 4_096;
/// How long the command waits at its end for the lines to be written.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// Keeps the logger; dropping it waits until the lines are written.
pub(super) struct Logging(SyncSender<Message>);

enum Message {
    Line(Vec<u8>),
    /// Acknowledged when everything before it is written.
    Flush(Sender<()>),
}

struct Queue(SyncSender<Message>);

/// Starts logging to stderr. Without a `color`, lines are colored on a terminal unless NO_COLOR is
/// set. If `quiet` and without RUST_LOG, only warnings and errors are logged: a trace shows the
/// rest.
pub(super) fn start(color: Option<bool>, quiet: bool) -> Logging {
    let (queue, lines) = sync_channel(MAX_LINES);
    let terminal = || io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let colored = color.unwrap_or_else(terminal);
    let style = if colored { env_logger::WriteStyle::Always } else { env_logger::WriteStyle::Never };
    let mut builder = env_logger::Builder::new();
    builder.format(move |out, record| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (time, level, bracket) =
            (iso_date::seconds(now), out.default_level_style(record.level()), bracket(colored));
        write!(out, "{bracket}[{bracket:#}{time} {level}{:<5}{level:#} ", record.level())?;
        writeln!(out, "{}{bracket}]{bracket:#} {}", record.target(), record.args())
    });
    builder.write_style(style).parse_env(env_logger::Env::default().default_filter_or(if quiet {
        "wirelight=warn"
    } else {
        "wirelight=info"
    }));
    let writer = std::thread::Builder::new().name("wirelight-log".to_owned()).spawn(move || write(&lines));
    if writer.is_ok() {
        builder.target(env_logger::Target::Pipe(Box::new(Queue(queue.clone()))));
    }
    // Fails only if there is a logger already; that one is used.
    let _ = builder.try_init();
    Logging(queue)
}

fn bracket(colored: bool) -> Style {
    if colored { AnsiColor::BrightBlack.on_default() } else { Style::new() }
}

fn write(lines: &Receiver<Message>) {
    for message in lines {
        match message {
            Message::Line(line) => _ = io::stderr().write_all(&line), // fails if stderr is closed
            Message::Flush(done) => _ = done.send(()),
        }
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let _ = self.0.try_send(Message::Line(line.to_vec())); // fails if the queue is full: the line is dropped
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        let (done, flushed) = channel();
        if self.0.try_send(Message::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(FLUSH_TIMEOUT);
        }
    }
}
