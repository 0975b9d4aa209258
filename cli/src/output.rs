//! Prints text for people and scripts to stdout, wrapped to the width of the terminal.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

use wirelight::terminal;

/// Columns of a terminal that does not report its size, such as a serial line.
const DEFAULT_COLUMNS: usize = 80;

/// Returns the columns that text on `output` (stdout, stderr) may take, for [`terminal::wrap`]:
/// COLUMNS if it is a number above 0, else the width of the terminal. `None` for a file or a pipe:
/// a program reads it, or a pager wraps it.
pub(super) fn columns(output: &(impl AsFd + IsTerminal)) -> Option<usize> {
    let positive = |columns: &usize| *columns > 0;
    let from_env = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(positive);
    let of_terminal = || rustix::termios::tcgetwinsize(output).ok().map(|size| usize::from(size.ws_col));
    from_env.or_else(|| output.is_terminal().then(|| of_terminal().filter(positive).unwrap_or(DEFAULT_COLUMNS)))
}

/// Prints a line and flushes it, even into a pipe. A closed pipe (`wirelight | head -1`) is
/// ignored: the server goes on.
pub(super) fn println_flush(text: impl Display) {
    let mut out = io::stdout();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Prints text wrapped at words; further lines are indented by the width of `prefix`.
pub(super) fn print_wrapped(prefix: &str, text: &str) {
    let indent = terminal::display_width(prefix);
    println_flush(format_args!("{prefix}{}", terminal::wrap(text, indent, columns(&io::stdout()))));
}
