//! Signals as bytes on pipes that the event loop can wait for, each with what it asks for; knows no server.
//!
//! A signal handler may do next to nothing. This one writes one byte; all the rest happens in the loop, where it is safe.

use std::io::{self, Read};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};

/// What is done when a signal came, once for each time that it came.
pub(crate) type Action = Box<dyn FnMut() + Send>;

/// Some signals and what they ask for.
struct Ear {
    pipe: UnixStream,
    action: Action,
}

/// All signals that the server hears.
#[derive(Default)]
pub(crate) struct Signals(Vec<Ear>);

impl Signals {
    /// Takes these signals over for the whole process.
    pub(crate) fn on(&mut self, signals: &[i32], action: impl FnMut() + Send + 'static) -> io::Result<()> {
        let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        for signal in signals {
            signal_hook::low_level::pipe::register(*signal, writer.try_clone()?)?;
        }
        self.0.push(Ear { pipe: UnixStream::from_std(reader), action: Box::new(action) });
        Ok(())
    }

    pub(crate) fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        self.0.iter_mut().try_for_each(|ear| registry.register(&mut ear.pipe, token, Interest::READABLE))
    }

    pub(crate) fn deregister(&mut self, registry: &Registry) {
        for ear in &mut self.0 {
            let _ = registry.deregister(&mut ear.pipe); // fails for one that was never registered, which is as good
        }
    }

    /// Does what the signals ask for that came since the last look.
    pub(crate) fn hear(&mut self) {
        for ear in &mut self.0 {
            let mut bytes = [0; 16];
            while let Ok(n @ 1..) = ear.pipe.read(&mut bytes) {
                (0..n).for_each(|_| (ear.action)());
            }
        }
    }
}
