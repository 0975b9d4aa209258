//! A capture as text for reading and for reports: times, offsets, directions, line ends drawn; secrets are masked already.

use std::fmt::Write;

use crate::cli::capture::{Capture, Connection};
use crate::cli::glyphs;

/// The transcript, connection by connection.
pub(super) fn write(capture: &Capture) -> Vec<u8> {
    let mut out = String::from(
        "wirelight transcript, times in ms since the server began; → client to server, ← server to client\n",
    );
    for (number, connection) in &capture.connections {
        // Writing into memory cannot fail.
        let _ = one(&mut out, *number, connection);
    }
    out.into_bytes()
}

fn one(out: &mut String, number: u64, connection: &Connection) -> std::fmt::Result {
    let peer = connection.peer.map_or_else(|| "somebody".to_owned(), |peer| peer.to_string());
    writeln!(out, "\n#{number} from {peer}\n{}  open", stamp(connection.opened))?;
    let mut offsets = [0usize; 2];
    for transfer in &connection.transfers {
        let arrow = if transfer.from_client { '→' } else { '←' };
        let [from_server, from_client] = &mut offsets;
        let offset = if transfer.from_client { from_client } else { from_server };
        let mut time = stamp(transfer.time);
        for line in transfer.bytes.split_inclusive(|byte| *byte == b'\n') {
            writeln!(out, "{time}  {arrow} {offset:>7}  {}", glyphs::visible(line))?;
            *offset += line.len();
            time = " ".repeat(time.len());
        }
    }
    match connection.closed {
        Some(time) => writeln!(out, "{}  close, {}", stamp(time), glyphs::visible(connection.how.as_bytes())),
        None => writeln!(out, "not closed when the capture ended"),
    }
}

fn stamp(time: u64) -> String {
    format!("{:>12.3}", time as f64 / 1e6)
}
