//! `wirelight explain`: prints a raw request or response with the meaning of every line; the verdicts are the library's.

mod meanings;
mod page;
mod rows;

use std::ffi::OsString;
use std::io::Read;

use lexopt::Arg::{Long, Short, Value};
use wirelight::wire;

use super::{Failure, confused, help, paste, say, screen};
use page::{Style, page};

/// More than this is no message that a person reads.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// Messages of one text that are shown.
const MOST_MESSAGES: usize = 100;

/// Explains the file that the arguments name, `-` being the standard input.
pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut style =
        Style { spans: false, show_secrets: false, brief: false, columns: screen::columns(&std::io::stdout()) };
    let mut flags = [("show-secrets", &mut style.show_secrets), ("spans", &mut style.spans)];
    let Some(file) = one_file(arguments, "explain", &mut flags)? else { return Ok(()) };
    let bytes = read(file)?;
    let paste = paste::recognise(&bytes);
    if !paste.note.is_empty() {
        say(wire::wrap(&paste.note, 0, style.columns) + if paste.parts.is_empty() { "" } else { "\n" });
    }
    style.brief = paste.foreign;
    let mut shown = 0;
    for part in paste.parts {
        let mut part = Some(part);
        while let Some(message) = part {
            if shown == MOST_MESSAGES {
                say("\nThe messages after these are not shown.");
                return Ok(());
            }
            let explanation = message.explain();
            say(format_args!("{}{}", if shown == 0 { "" } else { "\nand after it: " }, page(&explanation, &style)));
            shown += 1;
            part = explanation.continues().then(|| message.rest(&explanation)).flatten();
        }
    }
    Ok(())
}

/// Returns the one file that a command works on; `None` if the help was asked for, and printed. Sets each of `flags` that is given.
pub(super) fn one_file(
    mut arguments: lexopt::Parser,
    command: &str,
    flags: &mut [(&str, &mut bool)],
) -> Result<Option<OsString>, Failure> {
    let mut file = None;
    while let Some(argument) = arguments.next().map_err(confused)? {
        if let Long(name) = argument
            && let Some((_, flag)) = flags.iter_mut().find(|(flag, _)| *flag == name)
        {
            **flag = true;
            continue;
        }
        match argument {
            Short('h') | Long("help") => {
                say(help::of(command));
                return Ok(None);
            }
            Value(name) if file.is_none() => file = Some(name),
            other => return Err(confused(other.unexpected())),
        }
    }
    file.map(Some).ok_or_else(|| Failure::usage(format!("{command} needs a file, or - for the standard input")))
}

/// All bytes of a file or of the standard input.
pub(super) fn read(file: OsString) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let result = if file == "-" {
        std::io::stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(&file).and_then(|open| open.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    result.map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::usage(format!("{} is larger than {MOST_BYTES} bytes", file.display())));
    }
    Ok(bytes)
}
