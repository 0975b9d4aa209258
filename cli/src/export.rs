//! `wirelight export`: converts a capture to another format and writes the file.

mod har;
mod pcap;
mod transcript;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use lexopt::Arg::{Long, Short, Value};

use super::capture::{self, Capture};
use super::failure::Failure;
use super::options::bad_option;
use super::output::println_flush;
use super::{escape, help};

/// The name of a format, the suffix of its files, and its writer.
type Format = (&'static str, &'static str, fn(&Capture) -> Vec<u8>);

const FORMATS: [Format; 3] =
    [("txt", "txt", transcript::write), ("har", "har", har::write), ("pcap", "synthetic.pcap", pcap::write)];

/// Printed after a pcap export. Wireshark does not detect HTTP when a head comes in pieces: the
/// port must be named.
const PCAP_NOTE: &str = "\
its packets are synthetic, made from what the server read and wrote
to record real ones: tcpdump -i lo -w real.pcap port PORT
to decode them as HTTP: wireshark -d tcp.port==PORT,http FILE";

/// Exports a capture.
pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let (mut file, mut format, mut output) = (None, None, None);
    while let Some(argument) = arguments.next().map_err(bad_option)? {
        match argument {
            Short('h') | Long("help") => {
                println_flush(help::of("export"));
                return Ok(());
            }
            Long("format") => format = Some(arguments.value().map_err(bad_option)?),
            Long("output") => output = Some(arguments.value().map_err(bad_option)?),
            Value(name) if file.is_none() => file = Some(name),
            other => return Err(bad_option(other.unexpected())),
        }
    }
    let file = file.ok_or_else(|| Failure::usage("export needs a capture, or - for the standard input"))?;
    let found = FORMATS.iter().find(|(name, ..)| format.as_deref().is_some_and(|format| format == *name));
    let Some((_, suffix, write)) = found else { return Err(Failure::usage("--format must be txt, har or pcap")) };
    let capture = capture::open(&file)?;
    write_output(&write(&capture), output, &file, suffix)?;
    if let Some(gaps) = capture.gaps() {
        let _ = writeln!(std::io::stderr(), "wirelight: {gaps}"); // HAR and text contain it too
    }
    Ok(())
}

/// Writes the file that was named, or one beside the capture. `-` is the standard output, also for
/// a capture from the standard input.
fn write_output(bytes: &[u8], output: Option<OsString>, file: &OsString, suffix: &str) -> Result<(), Failure> {
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
    println_flush(format_args!("wrote {}", escape::visible(path.as_os_str().as_encoded_bytes())));
    if suffix == "synthetic.pcap" {
        println_flush(PCAP_NOTE);
    }
    Ok(())
}
