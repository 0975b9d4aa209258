//! `wirelight export`: which format goes into which file; what the formats hold is in `export/`.

mod har;
mod pcap;
mod transcript;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use lexopt::Arg::{Long, Short, Value};

use super::capture::{self, Capture};
use super::{Failure, confused, glyphs, help, say};

/// How a format is called, what its files are called, and what writes it.
type Format = (&'static str, &'static str, fn(&Capture) -> Vec<u8>);

const FORMATS: [Format; 3] =
    [("txt", "txt", transcript::write), ("har", "har", har::write), ("pcap", "synthetic.pcap", pcap::write)];

/// What to know of the packets. A head that comes in pieces is not taken for HTTP by its looks: the port must be named.
const MADE_UP: &str = "\
its packets are made up from what the server read and wrote; for true ones: tcpdump -i lo -w true.pcap port PORT
to have them read as HTTP: wireshark -d tcp.port==PORT,http FILE";

/// Exports a capture.
pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut file, mut format, mut output) = (None, None, None);
    while let Some(argument) = arguments.next().map_err(confused)? {
        match argument {
            Short('h') | Long("help") => {
                say(help::of("export"));
                return Ok(());
            }
            Long("format") => format = Some(arguments.value().map_err(confused)?),
            Long("output") => output = Some(arguments.value().map_err(confused)?),
            Value(name) if file.is_none() => file = Some(name),
            other => return Err(confused(other.unexpected())),
        }
    }
    let file = file.ok_or_else(|| Failure::usage("export needs a capture, or - for the standard input"))?;
    let found = FORMATS.iter().find(|(name, ..)| format.as_deref().is_some_and(|format| format == *name));
    let Some((_, suffix, write)) = found else { return Err(Failure::usage("--format must be txt, har or pcap")) };
    let capture = capture::open(&file)?;
    deliver(&write(&capture), output, &file, suffix)?;
    if let Some(gaps) = capture.gaps() {
        let _ = writeln!(std::io::stderr(), "wirelight: {gaps}"); // the file itself says it where it can
    }
    Ok(())
}

/// Into the file that was named, or one beside the capture; `-` and a capture from the standard input go to the standard output.
fn deliver(bytes: &[u8], output: Option<OsString>, file: &OsString, suffix: &str) -> Result<(), Failure> {
    let path = match output {
        Some(path) => PathBuf::from(path),
        None if file == "-" => PathBuf::from("-"),
        None => Path::new(file).with_extension(suffix),
    };
    if path.as_os_str() == "-" {
        return std::io::stdout().write_all(bytes).map_err(Failure::runtime);
    }
    std::fs::write(&path, bytes)
        .map_err(|error| Failure::runtime(format!("cannot write {}: {error}", path.display())))?;
    say(format_args!("wrote {}", glyphs::visible(path.as_os_str().as_encoded_bytes())));
    if suffix == "synthetic.pcap" {
        say(MADE_UP);
    }
    Ok(())
}
