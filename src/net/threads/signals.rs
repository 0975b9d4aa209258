//! Delivers signals through pipes to threads, which start with the first signal.
//!
//! The signal handler writes one byte. The action runs on a thread, so that a blocked event loop
//! cannot delay it. The threads start late because a second thread costs: the C library then needs
//! about a hundred instructions more for the system calls of a request.

use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use signal_hook::SigId;

use crate::panics::catch;
use crate::sync::lock;

/// Runs after so many signals. Returns when to run again if none follows; then it is called with 0.
type Action = Box<dyn FnMut(usize) -> Option<Duration> + Send>;

/// The registered signals, until this is dropped.
#[derive(Default)]
pub(crate) struct Signals {
    pipes: Vec<UnixStream>,
    /// Pipes without a thread, with their actions.
    pending: Mutex<Vec<(UnixStream, Action)>>,
    registered: Vec<SigId>,
}

impl Signals {
    /// Takes these signals over for the whole process.
    ///
    /// # Errors
    /// When a pipe or a signal handler cannot be had.
    pub(crate) fn register(
        &mut self,
        signals: &[i32],
        action: impl FnMut(usize) -> Option<Duration> + Send + 'static,
    ) -> io::Result<()> {
        let (reader, writer) = UnixStream::pair()?;
        for signal in signals {
            self.registered.push(signal_hook::low_level::pipe::register(*signal, writer.try_clone()?)?);
        }
        self.pipes.push(reader.try_clone()?);
        lock(&self.pending).push((reader, Box::new(action)));
        Ok(())
    }

    /// Keeps another registration until this is dropped.
    pub(crate) fn keep(&mut self, registered: SigId) {
        self.registered.push(registered);
    }

    /// Watches for the first signal. All event loops do, since one may be blocked by a handler.
    pub(crate) fn watch(&self, registry: &Registry, token: Token) -> io::Result<()> {
        let register =
            |pipe: &UnixStream| registry.register(&mut SourceFd(&pipe.as_raw_fd()), token, Interest::READABLE);
        self.pipes.iter().try_for_each(register)
    }

    /// Starts the threads, once.
    pub(crate) fn start_threads(&self) {
        for (pipe, action) in std::mem::take(&mut *lock(&self.pending)) {
            let thread = std::thread::Builder::new().name("wirelight-signal".into());
            if let Err(error) = thread.spawn(move || dispatch(&pipe, action)) {
                error!("a signal cannot be heard: {error}");
            }
        }
    }
}

impl Drop for Signals {
    /// The threads read the end of their pipes and end.
    fn drop(&mut self) {
        self.registered.drain(..).for_each(|id| _ = signal_hook::low_level::unregister(id));
        for pipe in &self.pipes {
            _ = pipe.shutdown(Shutdown::Both); // fails for a pipe that is shut already, which is as good
        }
    }
}

fn dispatch(mut pipe: &UnixStream, mut action: Action) {
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
        // A timeout of zero would be none.
        if let Err(error) = pipe.set_read_timeout(again.map(|time| time.max(Duration::from_millis(1)))) {
            error!("a signal's time cannot be kept: {error}");
        }
    }
}
