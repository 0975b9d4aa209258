//! `wirelight explain`: prints a raw request or response with the meaning of every line.

mod meanings;
mod render;
mod rows;

use std::ffi::OsString;
use std::io::Read;

use lexopt::Arg::{Long, Short, Value};
use wirelight::terminal;

use super::failure::Failure;
use super::options::bad_option;
use super::output::{self, println_flush};
use super::{help, paste};
use render::{Style, render};

/// Longest input in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Most messages of one text that are shown.
const MAX_MESSAGES: usize = 100;

/// Explains the file that the arguments name; `-` is the standard input.
pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut style =
        Style { spans: false, show_secrets: false, brief: false, columns: output::columns(&std::io::stdout()) };
    let mut flags = [("show-secrets", &mut style.show_secrets), ("spans", &mut style.spans)];
    let Some(file) = one_file(arguments, "explain", &mut flags)? else { return Ok(()) };
    let bytes = read(file)?;
    let paste = paste::detect(&bytes);
    if !paste.note.is_empty() {
        println_flush(terminal::wrap(&paste.note, 0, style.columns) + if paste.parts.is_empty() { "" } else { "\n" });
    }
    style.brief = paste.foreign;
    let mut shown = 0;
    for part in paste.parts {
        let mut part = Some(part);
        while let Some(message) = part {
            if shown == MAX_MESSAGES {
                println_flush("\nThe messages after these are not shown.");
                return Ok(());
            }
            let explanation = message.explain();
            println_flush(format_args!(
                "{}{}",
                if shown == 0 { "" } else { "\nand after it: " },
                render(&explanation, &style)
            ));
            shown += 1;
            part = explanation.continues().then(|| message.rest(&explanation)).flatten();
        }
    }
    Ok(())
}

/// Returns the one file that a command works on; `None` if it printed the help. Sets each of
/// `flags` that is given.
pub(super) fn one_file(
    mut arguments: lexopt::Parser,
    command: &str,
    flags: &mut [(&str, &mut bool)],
) -> Result<Option<OsString>, Failure> {
    let mut file = None;
    while let Some(argument) = arguments.next().map_err(bad_option)? {
        if let Long(name) = argument
            && let Some((_, flag)) = flags.iter_mut().find(|(flag, _)| *flag == name)
        {
            **flag = true;
            continue;
        }
        match argument {
            Short('h') | Long("help") => {
                println_flush(help::of(command));
                return Ok(None);
            }
            Value(name) if file.is_none() => file = Some(name),
            other => return Err(bad_option(other.unexpected())),
        }
    }
    file.map(Some).ok_or_else(|| Failure::usage(format!("{command} needs a file, or - for the standard input")))
}

/// Reads a file or the standard input.
pub(super) fn read(file: OsString) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let result = if file == "-" {
        std::io::stdin().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(&file).and_then(|open| open.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    result.map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Failure::usage(format!("{} is larger than {MAX_BYTES} bytes", file.display())));
    }
    Ok(bytes)
}
