//! How wide the lines for a person may be: COLUMNS, the terminal, or no limit.

use std::io::IsTerminal;
use std::os::fd::AsFd;

/// Where a terminal does not know its size, as over a serial line.
const USUAL: usize = 80;

/// Returns the columns that text on `output` (stdout, stderr) may take, for [`wirelight::wire::wrap`]: COLUMNS if it is a
/// number above 0, else the width of the terminal. `None` for a file or a pipe: a program reads it, or a pager wraps it.
pub(super) fn columns(output: &(impl AsFd + IsTerminal)) -> Option<usize> {
    let positive = |columns: &usize| *columns > 0;
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok()).filter(positive);
    let known = || rustix::termios::tcgetwinsize(output).ok().map(|size| usize::from(size.ws_col)).filter(positive);
    asked.or_else(|| output.is_terminal().then(|| known().unwrap_or(USUAL)))
}
