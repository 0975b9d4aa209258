//! Writes a capture as text: times, directions, stream offsets, and lines with visible line ends.

use std::fmt::Write;

use crate::capture::{Capture, Connection, ConnectionId};
use crate::escape;

/// Returns the transcript, connection by connection.
pub(super) fn write(capture: &Capture) -> Vec<u8> {
    let mut out = String::from(
        "wirelight transcript, times in ms since the server started; → client to server, ← server to client\n",
    );
    if let Some(gaps) = capture.gaps() {
        out.push_str(&gaps);
        out.push('\n');
    }
    for (number, connection) in &capture.connections {
        // Writing to memory cannot fail.
        let _ = one(&mut out, *number, connection);
    }
    out.into_bytes()
}

fn one(out: &mut String, number: ConnectionId, connection: &Connection) -> std::fmt::Result {
    let peer = connection.peer.map_or_else(|| "an unknown client".to_owned(), |peer| peer.to_string());
    writeln!(out, "\n#{number} from {peer}\n{}  open", stamp(connection.opened))?;
    for transfer in &connection.transfers {
        let arrow = if transfer.from_client { '→' } else { '←' };
        let (mut time, mut offset) = (stamp(transfer.time), transfer.offset);
        for line in transfer.bytes.split_inclusive(|byte| *byte == b'\n') {
            writeln!(out, "{time}  {arrow} {offset:>7}  {}", escape::visible(line))?;
            offset = offset.saturating_add(line.len() as u64);
            time = " ".repeat(time.len());
        }
    }
    if connection.missing > 0 {
        writeln!(out, "{} bytes were not recorded", connection.missing)?;
    }
    match connection.closed {
        Some(time) => writeln!(out, "{}  close, {}", stamp(time), escape::visible(connection.close_kind.as_bytes())),
        None => writeln!(out, "not closed when the capture ended"),
    }
}

fn stamp(time: u64) -> String {
    format!("{:>12.3}", time as f64 / 1e6)
}
