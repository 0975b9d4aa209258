//! Bodies that are produced while they are sent: by an iterator, a reader, another thread.

use std::io;
use std::sync::Arc;

use crate::guard::panics::{Guarded, catch};
use crate::response::upgraded::Upgraded;

/// Where the bytes of a long body come from. The connection asks for more only when the last ones
/// have left.
pub(crate) trait BodySource: Send {
    /// Appends the next bytes to `out`, about `room` of them at most.
    ///
    /// # Errors
    /// The body breaks off: the connection is cut, so that nobody takes the part for the whole.
    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull>;

    /// Called once, before the first pull: `wake` tells the connection that there is more after a
    /// [`Pull::Wait`].
    fn attach(&mut self, _wake: Wake) {}

    /// Who takes the socket over, when this is not a body at all but the end of HTTP on this
    /// connection.
    fn take_upgrade(&mut self) -> Option<UpgradeCallback> {
        None
    }

    /// Returns whether [`take_upgrade`](Self::take_upgrade) returns a new owner.
    fn is_upgrade(&self) -> bool {
        false
    }

    /// What to send when nothing else was sent for a while, to keep the connection alive through
    /// proxies.
    fn heartbeat(&self) -> Option<&'static [u8]> {
        None
    }

    /// Whether a pull may wait for something: code of the program makes the bytes.
    fn blocks(&self) -> bool {
        false
    }

    /// What a pull counts as at least, in bytes sent: making bytes takes time too, even if few come
    /// of it, or none. After [`MAX_BYTES_PER_TICK`] the other connections get their turn.
    fn cost(&self) -> usize {
        16 * 1024
    }

    /// Whether its bytes come when they like; then those that are here must not wait in a coder for
    /// more.
    #[cfg(feature = "gzip")]
    fn is_push(&self) -> bool {
        false
    }
}

/// What a body sends before the other connections get their turn.
pub(crate) const MAX_BYTES_PER_TICK: usize = 256 * 1024;

/// Takes a socket over, with the bytes that were read from it already.
pub(crate) type UpgradeCallback = Guarded<Box<dyn FnOnce(Upgraded, Vec<u8>) + Send>>;

/// A body source as connections hold it. Iterators, readers and their destructors are the
/// program's: a panic in one breaks off this body and nothing else.
pub(crate) struct GuardedSource(Guarded<Box<dyn BodySource>>);

impl GuardedSource {
    pub(crate) fn new(source: impl BodySource + 'static) -> GuardedSource {
        GuardedSource(Guarded::new(Box::new(source)))
    }

    /// As [`BodySource::pull`]. After an error nothing more is to be asked of it.
    pub(crate) fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull> {
        let Some(source) = self.0.get_mut() else { return Ok(Pull::End) };
        catch(|| source.pull(out, room)).unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
    }

    pub(crate) fn attach(&mut self, wake: Wake) {
        if let Some(source) = self.0.get_mut() {
            source.attach(wake);
        }
    }

    pub(crate) fn blocks(&self) -> bool {
        self.0.get().is_some_and(|source| source.blocks())
    }

    pub(crate) fn take_upgrade(&mut self) -> Option<UpgradeCallback> {
        self.0.get_mut()?.take_upgrade()
    }

    pub(crate) fn is_upgrade(&self) -> bool {
        self.0.get().is_some_and(|source| source.is_upgrade())
    }

    pub(crate) fn heartbeat(&self) -> Option<&'static [u8]> {
        self.0.get()?.heartbeat()
    }

    pub(crate) fn cost(&self) -> usize {
        self.0.get().map_or(MAX_BYTES_PER_TICK, |source| source.cost())
    }

    #[cfg(feature = "gzip")]
    pub(crate) fn is_push(&self) -> bool {
        self.0.get().is_some_and(|source| source.is_push())
    }
}

impl std::fmt::Debug for GuardedSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}

/// Tells a connection that its body has more. May be called from any thread, and when the
/// connection is long gone.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// What a source says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pull {
    /// There may be more: ask again.
    More,
    /// Nothing now; the source will call.
    Wait,
    /// That was all.
    End,
}

/// A body whose pieces come from an iterator.
pub(crate) struct IteratorSource<I>(pub(crate) I);

impl<I: Iterator<Item: AsRef<[u8]>> + Send> BodySource for IteratorSource<I> {
    fn blocks(&self) -> bool {
        true
    }

    fn pull(&mut self, out: &mut Vec<u8>, _: usize) -> io::Result<Pull> {
        match self.0.next() {
            Some(piece) => {
                out.extend_from_slice(piece.as_ref());
                Ok(Pull::More)
            }
            None => Ok(Pull::End),
        }
    }
}

/// A body that is read from somewhere: a file, a decompressor.
pub(crate) struct ReaderSource<R>(pub(crate) R);

impl<R: io::Read + Send> BodySource for ReaderSource<R> {
    fn blocks(&self) -> bool {
        true
    }

    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull> {
        let start = out.len();
        out.resize(start + room, 0);
        let read = loop {
            match self.0.read(out.get_mut(start..).unwrap_or_default()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        out.truncate(start + *read.as_ref().unwrap_or(&0));
        Ok(if read? == 0 { Pull::End } else { Pull::More })
    }
}
