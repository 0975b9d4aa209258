//! Makes a command of a header runnable: with the port of a server, and with this program in PATH.

use std::process::Command;

/// The port that the headers name.
const WRITTEN: &str = ":8000";

/// Returns the command for a shell.
pub(in crate::ladder) fn command(written: &str, port: &str) -> Command {
    let mut shell = Command::new("sh");
    let own = std::env::current_exe().ok().and_then(|path| path.parent().map(|folder| folder.display().to_string()));
    let path = [own.unwrap_or_default(), std::env::var("PATH").unwrap_or_default()].join(":");
    shell.args(["-c", &written.replace(WRITTEN, &format!(":{port}"))]);
    shell.env("PATH", path).env("NO_PROXY", "*").env("NO_COLOR", "1").env_remove("COLUMNS");
    shell
}
