//! Log lines on their way to stderr, which nobody waits for: whoever reads it may have stopped, and the server must not stop with them.

use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::time::Duration;

use env_logger::fmt::style::{AnsiColor, Style};

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
    let colored = color.unwrap_or_else(shown);
    let style = if colored { env_logger::WriteStyle::Always } else { env_logger::WriteStyle::Never };
    let mut builder = env_logger::Builder::new();
    builder.format(move |out, record| {
        let (time, level, bracket) =
            (spelled(out.timestamp()), out.default_level_style(record.level()), bracket(colored));
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
    // Fails only when a logger is there already, and then that one serves.
    let _ = builder.try_init();
    Logging(queue)
}

/// The time of a line. After 9999 it has no text: the line is written all the same.
fn spelled(time: impl Display) -> String {
    let mut text = String::new();
    if write!(text, "{time}").is_err() {
        text.replace_range(.., "-");
    }
    text
}

fn bracket(colored: bool) -> Style {
    if colored { AnsiColor::BrightBlack.on_default() } else { Style::new() }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Timeless;

    impl Display for Timeless {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("+10000-")?;
            Err(std::fmt::Error)
        }
    }

    #[test]
    fn a_time_without_a_text_costs_no_line() {
        assert_eq!(spelled("1994-11-06T08:49:37Z"), "1994-11-06T08:49:37Z");
        assert_eq!(spelled(Timeless), "-");
    }
}
