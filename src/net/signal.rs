//! TERM and INT as bytes on a pipe that the event loop can wait for; decides nothing about them.
//!
//! A signal handler may do next to nothing. This one writes one byte; all the rest happens in the loop, where it is safe.

use std::io::{self, Read};

use mio::net::UnixStream;
use signal_hook::consts::{SIGINT, SIGTERM};

/// The reading end.
pub(crate) struct Signals(UnixStream);

impl Signals {
    /// Takes TERM and INT over for the whole process.
    pub(crate) fn register() -> io::Result<Signals> {
        let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        for signal in [SIGTERM, SIGINT] {
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        Ok(Signals(UnixStream::from_std(reader)))
    }

    pub(crate) fn source(&mut self) -> &mut UnixStream {
        &mut self.0
    }

    /// How many signals came since the last look.
    pub(crate) fn take(&mut self) -> usize {
        let mut bytes = [0; 16];
        let mut count = 0;
        while let Ok(n @ 1..) = self.0.read(&mut bytes) {
            count += n;
        }
        count
    }
}
