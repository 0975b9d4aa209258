//! Signals as bytes on pipes, each pipe with a thread that does what the signal asks for; knows no server.
//!
//! A signal handler may do next to nothing. This one writes one byte; the rest happens on the thread. It is not the event loop's
//! thread: a handler that never returns must not keep the process from hearing that it is to stop.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::guard::panics::catch;

/// The ways that signals come in, open until this is dropped.
#[derive(Default)]
pub(crate) struct Signals(Vec<UnixStream>);

impl Signals {
    /// Takes these signals over for the whole process. `action` is called with the number of them that came, on a thread of its own;
    /// what it returns is after how long it is to be called again if none comes meanwhile, then with 0.
    ///
    /// # Errors
    /// When a pipe, a signal handler or a thread cannot be had.
    pub(crate) fn on(
        &mut self,
        signals: &[i32],
        action: impl FnMut(usize) -> Option<Duration> + Send + 'static,
    ) -> io::Result<()> {
        let (reader, writer) = UnixStream::pair()?;
        for signal in signals {
            signal_hook::low_level::pipe::register(*signal, writer.try_clone()?)?;
        }
        self.0.push(reader.try_clone()?);
        std::thread::Builder::new().name("wirelight-signal".into()).spawn(move || hear(&reader, action)).map(drop)
    }
}

impl Drop for Signals {
    /// The threads read the end of their pipes, and end.
    fn drop(&mut self) {
        for pipe in &self.0 {
            _ = pipe.shutdown(Shutdown::Both); // fails for a pipe that is shut already, which is as good
        }
    }
}

fn hear(mut pipe: &UnixStream, mut action: impl FnMut(usize) -> Option<Duration>) {
    let mut bytes = [0; 16];
    loop {
        let came = match pipe.read(&mut bytes) {
            Ok(0) => return,
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
            Err(error) => return error!("signals can no longer be heard: {error}"),
        };
        let again = catch(|| action(came)).unwrap_or_else(|panicked| {
            error!("the action of a signal {panicked}");
            None
        });
        // A time of zero would mean: without end.
        if let Err(error) = pipe.set_read_timeout(again.map(|time| time.max(Duration::from_millis(1)))) {
            error!("a signal's time cannot be kept: {error}");
        }
    }
}
