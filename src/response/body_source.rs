//! Bodies that are produced while they are sent: by an iterator, a reader, another thread.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::panics::{Guarded, catch};
use crate::response::upgraded::Upgraded;

/// A source of body bytes. The connection pulls more when it has sent the earlier ones.
pub(crate) trait BodySource: Send {
    /// Appends the next bytes to `out`, at most about `room`.
    ///
    /// # Errors
    /// The body ends early: the connection is aborted, so that the client does not take it as
    /// complete.
    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull>;

    /// Called once, before the first pull. `wake` notifies the connection that there is more after
    /// a [`Pull::Wait`].
    fn attach(&mut self, _wake: Wake) {}

    /// Returns the callback that takes the socket over, if this is an upgrade and not a body.
    fn take_upgrade(&mut self) -> Option<UpgradeCallback> {
        None
    }

    /// Returns whether [`take_upgrade`](Self::take_upgrade) returns a callback.
    fn is_upgrade(&self) -> bool {
        false
    }

    /// Returns what to send while there is no data, to keep the connection alive through proxies.
    fn heartbeat(&self) -> Option<&'static [u8]> {
        None
    }

    /// Returns whether a pull may block, since the program's code produces the bytes.
    fn blocks(&self) -> bool {
        false
    }

    /// Returns the minimal cost of a pull, in bytes sent: producing bytes takes time too. After
    /// [`MAX_BYTES_PER_TICK`] other connections get a turn.
    fn cost(&self) -> usize {
        16 * 1024
    }

    /// Returns the file that the bytes come from, if the kernel may send them itself.
    fn file(&mut self) -> Option<&mut FileSource> {
        None
    }

    /// Returns whether the bytes arrive at their own pace. A compressor must not delay them.
    #[cfg(feature = "gzip")]
    fn is_push(&self) -> bool {
        false
    }
}

/// Bytes that a body sends before other connections get a turn.
pub(crate) const MAX_BYTES_PER_TICK: usize = 256 * 1024;

/// Takes a socket over, with the bytes that were already read from it.
pub(crate) type UpgradeCallback = Guarded<Box<dyn FnOnce(Upgraded, Vec<u8>) + Send>>;

/// A body source, with panics caught: iterators, readers and their destructors belong to the
/// program, and a panic aborts this body only.
pub(crate) struct GuardedSource(Guarded<Box<dyn BodySource>>);

impl GuardedSource {
    pub(crate) fn new(source: impl BodySource + 'static) -> GuardedSource {
        GuardedSource(Guarded::new(Box::new(source)))
    }

    /// As [`BodySource::pull`]. Must not be called after an error.
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

    pub(crate) fn file(&mut self) -> Option<&mut FileSource> {
        self.0.get_mut()?.file()
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

/// Wakes a connection whose body has more. May be called from any thread, even after the connection
/// has closed.
pub(crate) type Wake = Arc<dyn Fn() + Send + Sync>;

/// Result of a pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pull {
    /// There may be more: pull again.
    More,
    /// Nothing now; the source wakes the connection.
    Wait,
    /// The body is complete.
    End,
}

/// A body whose chunks come from an iterator.
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

/// A body in memory, for a source that transforms it.
#[cfg(feature = "gzip")]
pub(crate) struct BytesSource<T> {
    pub(crate) bytes: T,
    pub(crate) taken: usize,
}

#[cfg(feature = "gzip")]
impl<T: AsRef<[u8]> + Send> BodySource for BytesSource<T> {
    fn blocks(&self) -> bool {
        true // to transform it takes time
    }

    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull> {
        let rest = self.bytes.as_ref().get(self.taken..).unwrap_or_default();
        let piece = rest.get(..room).unwrap_or(rest);
        out.extend_from_slice(piece);
        self.taken += piece.len();
        Ok(if piece.len() == rest.len() { Pull::End } else { Pull::More })
    }
}

/// A body that is read from a file, a decompressor, …
pub(crate) struct ReaderSource<R>(pub(crate) R);

impl<R: io::Read + Send> BodySource for ReaderSource<R> {
    fn blocks(&self) -> bool {
        true
    }

    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull> {
        let n = append(out, room, |into| self.0.read(into))?;
        Ok(if n == 0 { Pull::End } else { Pull::More })
    }
}

/// A body that is the rest of a file from an offset on; its end is the announced length. A file
/// that grows is sent with that length; one that shrinks aborts the response (RFC 9112 §8).
pub(crate) struct FileSource {
    pub(crate) file: Arc<File>,
    /// Where the bytes begin that are not sent yet.
    pub(crate) offset: u64,
}

impl BodySource for FileSource {
    fn blocks(&self) -> bool {
        true
    }

    fn file(&mut self) -> Option<&mut FileSource> {
        Some(self)
    }

    fn pull(&mut self, out: &mut Vec<u8>, room: usize) -> io::Result<Pull> {
        let n = append(out, room, |into| self.file.read_at(into, self.offset))?;
        self.offset += n as u64;
        Ok(if n == 0 { Pull::End } else { Pull::More })
    }
}

/// Appends the bytes of one read, at most `room`. Returns their number.
fn append(out: &mut Vec<u8>, room: usize, mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
    let start = out.len();
    out.resize(start + room, 0);
    let result = loop {
        match read(out.get_mut(start..).unwrap_or_default()) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other,
        }
    };
    out.truncate(start + *result.as_ref().unwrap_or(&0));
    result
}
