//! Writes whole lines to a writer that may fail.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

/// Minimum interval between two reports of a writer that keeps failing.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// A writer and its error state.
pub(super) struct Sink {
    writer: Box<dyn Write + Send>,
    /// The writer took the beginning of a line and not its end.
    torn: bool,
    /// Lines lost since the last report.
    lost: u64,
    reported: Option<Instant>,
}

impl Sink {
    pub(super) fn new(writer: impl Write + Send + 'static) -> Sink {
        Sink { writer: Box::new(writer), torn: false, lost: 0, reported: None }
    }

    /// Writes a line, its end included, with one `write` if the writer takes it whole.
    pub(super) fn write(&mut self, mut line: Vec<u8>) {
        if self.torn {
            line.insert(0, b'\n');
        }
        line.push(b'\n');
        match self.put(&line) {
            Ok(()) if self.lost > 0 => {
                warn!("the access log is written again; {} of its lines are lost", self.lost);
                (self.lost, self.reported) = (0, None);
            }
            Ok(()) => {}
            Err(error) => self.failed(&error),
        }
    }

    fn put(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.writer.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => {
                    let taken;
                    (taken, rest) = rest.split_at(n.min(rest.len()));
                    self.torn = taken.last() != Some(&b'\n');
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn failed(&mut self, error: &io::Error) {
        self.lost += 1;
        if self.reported.is_none_or(|at| at.elapsed() >= REPORT_INTERVAL) {
            self.reported = Some(Instant::now());
            error!("the access log cannot be written: {error}; lines lost so far: {}", self.lost);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A disk with this much free space.
    #[derive(Clone, Default)]
    struct Disk(Arc<Mutex<(usize, Vec<u8>)>>);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let (room, written) = &mut *self.0.lock().unwrap();
            let n = bytes.len().min(*room);
            if n == 0 {
                return Err(ErrorKind::StorageFull.into());
            }
            *room -= n;
            written.extend_from_slice(&bytes[..n]);
            Ok(n)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_never_continues_a_torn_one() {
        let disk = Disk::default();
        let mut pen = Sink::new(disk.clone());
        let mut write = |room, line: &str| {
            disk.0.lock().unwrap().0 = room;
            pen.write(line.into());
        };
        for (room, line) in [(9, "first"), (3, "second"), (0, "third"), (1, "fourth"), (9, "fifth"), (9, "sixth")] {
            write(room, line);
        }
        assert_eq!(String::from_utf8_lossy(&disk.0.lock().unwrap().1), "first\nsec\nfifth\nsixth\n");
        assert_eq!(pen.lost, 0, "told when it could be written again");
    }
}
