//! Reads the rest of a large body straight into the buffer that keeps it.

use std::io;

use super::{Action, Buffered, Conn};
use crate::http1::fault::Fault;
use crate::http1::framing::BodyLength;
use crate::net::sockets::socket::Socket;
use crate::net::spare_buffers::SpareBuffers;
use crate::net::tick::{ReadBuffers, Tick};
use crate::trace::probe::{CloseReason, Probe};

/// Bytes of a body that are read before other connections run.
pub(super) const MAX_BODY_BYTES_PER_RUN: usize = 256 * 1024;
/// The least cost of a read, in bytes.
pub(super) const READ_COST: usize = 16 * 1024;
/// A body of which less is here, or less is missing, is copied through the worker's buffer: that
/// costs less than a buffer of its own.
const LARGE: usize = 16 * 1024;

/// The size of the next read of a body: larger while the client fills it.
#[derive(Clone, Copy)]
pub(super) struct ReadSize(usize);

impl Default for ReadSize {
    fn default() -> ReadSize {
        ReadSize(4 * LARGE)
    }
}

impl ReadSize {
    /// Returns how much to read of `missing` bytes: never more than twice what has arrived,
    /// whatever is announced, and one byte beyond the end, so that a read that completes the body
    /// tells whether the socket holds more.
    pub(super) fn of(self, missing: usize, arrived: usize) -> usize {
        self.0.min(missing.saturating_add(1)).min(arrived.saturating_mul(2))
    }

    /// Returns whether the client sends too little at a time for buffers of its own: each would be
    /// zeroed for a few bytes.
    pub(super) fn is_small(self) -> bool {
        self.0 <= LARGE
    }

    /// Records a read of `fresh` bytes where `size` were asked for.
    pub(super) fn record(&mut self, fresh: usize, size: usize) {
        if fresh == size {
            self.0 = (2 * self.0).min(MAX_BODY_BYTES_PER_RUN);
        } else if fresh < self.0 / 4 {
            self.0 = (self.0 / 2).max(LARGE);
        }
    }
}

impl<S: Socket> Conn<S> {
    /// Returns how much is missing of a body of known length of which `arrived` bytes are here,
    /// with its head. `None` if it is not large.
    pub(super) fn missing(&self, arrived: usize) -> Option<usize> {
        let BodyLength::Length(length) = self.http.body_length() else { return None };
        let whole = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(self.http.body_start());
        let missing = whole.saturating_sub(arrived);
        (self.http.expects_body() && arrived >= LARGE && missing >= LARGE).then_some(missing)
    }

    /// Reads the rest of a large body, and answers it if it is complete. `None`: nothing was read,
    /// since the rest is small, or comes in small parts, or its length is unknown.
    pub(super) fn read_body<P: Probe>(&mut self, read: &mut ReadBuffers, tick: &mut Tick<'_, P>) -> Option<Action> {
        let mut budget = MAX_BODY_BYTES_PER_RUN;
        while self.is_readable()
            && let Some(buffered) = &self.buffered
            && !buffered.read_size.is_small()
            && let Some(missing) = self.missing(buffered.input.len().saturating_sub(buffered.start))
        {
            if budget == 0 {
                return Some(Action::Yield);
            }
            let Ok(fresh) = self.read_part(missing, budget, &mut read.spare, tick.probe) else {
                return Some(Action::Close(CloseReason::IoError));
            };
            budget = budget.saturating_sub(fresh.max(READ_COST));
            self.has_buffered_request = fresh >= missing;
            if self.has_buffered_request || fresh == 0 {
                break;
            }
            if !self.record_read(fresh, tick.context) {
                return Some(self.time_out(Fault::Overloaded, tick));
            }
        }
        (budget < MAX_BODY_BYTES_PER_RUN).then(|| self.run_once(read, tick).unwrap_or(Action::Yield))
    }

    /// Reads once, to the end of the buffered input.
    fn read_part<P: Probe>(
        &mut self,
        missing: usize,
        budget: usize,
        spare: &mut SpareBuffers,
        probe: &mut P,
    ) -> io::Result<usize> {
        let Some(mut buffered) = self.buffered.take() else { return Ok(0) };
        let arrived = buffered.input.len().saturating_sub(buffered.start);
        let size = buffered.read_size.of(missing, arrived).min(budget);
        buffered.reserve(size, arrived.saturating_add(missing).saturating_add(1), spare);
        let end = buffered.input.len();
        buffered.input.resize(end + size, 0);
        let fresh = self.read_socket(buffered.input.get_mut(end..).unwrap_or_default(), probe);
        let read = *fresh.as_ref().unwrap_or(&0);
        buffered.input.truncate(end + read);
        buffered.read_size.record(read, size);
        self.buffered = Some(buffered);
        fresh
    }
}

impl Buffered {
    /// Makes room for `size` more bytes of input, in a spare buffer if one is large enough.
    fn reserve(&mut self, size: usize, whole: usize, spare: &mut SpareBuffers) {
        if self.input.capacity() - self.input.len() >= size {
            return;
        }
        let arrived = self.input.get(self.start..).unwrap_or_default();
        // In powers of two: all buffers of a body together are at most twice the last one.
        let mut larger = spare.take(whole, whole.min((arrived.len() + size).next_power_of_two()));
        larger.clear();
        larger.extend_from_slice(arrived);
        (self.input, self.start) = (larger, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::App;
    use crate::net::threads::mailbox::Offload;
    use crate::net::tick::{Buffers, Config, Context, LoopTime, READ_BUFFER};
    use crate::net::worker::slab::Key;
    use crate::testing::MemorySocket;
    use crate::trace::probe::NoProbe;

    /// Runs before the test fails.
    const RUNS: usize = 100;

    /// A connection to a route that answers with the sum of the bytes of its body.
    struct Upload(Conn<MemorySocket>, Buffers);

    impl Upload {
        fn new() -> Upload {
            Upload(Conn::new(MemorySocket::new(), 1, None, 0), Buffers::new())
        }

        /// Sends bytes, and runs the connection until it waits. Returns its output.
        fn send(&mut self, bytes: &[u8]) -> Vec<u8> {
            let mut app = App::new();
            let sum =
                |req: &crate::Request<'_>| req.body().iter().map(|&byte| u64::from(byte)).sum::<u64>().to_string();
            app.post("/", sum).max_body(u64::MAX);
            let (config, offload) = (Config::default(), Offload::default());
            let time = LoopTime::at(1_000, None, false, &config.timeouts);
            let key = Key { index: 0, generation: 0 };
            let context = Context { app: &app, key, offload: &offload, config: &config, time: &time };
            self.0.socket().incoming.extend_from_slice(bytes);
            self.0.mark_readable();
            for _ in 0..RUNS {
                let probe = &mut NoProbe;
                let (read, mut tick) = self.1.lend(&context, probe);
                match self.0.run(read, &mut tick) {
                    Action::Wait => return std::mem::take(&mut self.0.socket().outgoing),
                    Action::Yield => {}
                    action => panic!("{action:?}"),
                }
            }
            panic!("it does not come to rest");
        }

        fn capacity(&self) -> usize {
            self.0.buffered.as_ref().map_or(0, |buffered| buffered.input.capacity())
        }
    }

    fn head(length: u64) -> Vec<u8> {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    }

    /// A buffer of its own is zeroed for each read: that must not be done for a byte.
    #[test]
    fn small_parts_are_read_into_the_worker_s_buffer() {
        let mut size = ReadSize::default();
        let mut reads = 0;
        while !size.is_small() {
            size.record(1, size.of(1 << 20, 1 << 20));
            reads += 1;
        }
        assert_eq!(reads, 2);
        size.record(READ_BUFFER - 1, READ_BUFFER);
        assert!(size.is_small());
        size.record(READ_BUFFER, READ_BUFFER);
        assert!(!size.is_small(), "the client sends more at a time");
    }

    #[test]
    fn memory_follows_what_has_arrived_not_what_is_announced() {
        let mut upload = Upload::new();
        assert_eq!(upload.send(&head(1 << 30)), b"");
        assert!(upload.capacity() <= 256, "{}", upload.capacity());
        let mut arrived = head(1 << 30).len();
        for part in [1, 20_000, READ_BUFFER, 100_000, 1_000_000, 1] {
            assert_eq!(upload.send(&vec![b'x'; part]), b"");
            arrived += part;
            assert!(upload.capacity() <= 4 * arrived.max(256), "{} for {arrived}", upload.capacity());
        }
    }

    #[test]
    fn the_largest_length_is_a_length() {
        for length in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
            let mut upload = Upload::new();
            for bytes in [[head(length), vec![b'x'; LARGE]].concat(), vec![b'x'; 100_000]] {
                assert_eq!(upload.send(&bytes), b"");
                assert!(upload.capacity() <= 4 * 120_000, "{}", upload.capacity());
            }
        }
    }

    #[test]
    fn a_large_body_is_whole_and_the_next_request_follows() {
        for length in [LARGE, READ_BUFFER, 2 * READ_BUFFER, 100_000, 1_000_000] {
            let body: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let sum = body.iter().map(|&byte| u64::from(byte)).sum::<u64>().to_string();
            for parts in [1, 2, 7] {
                let mut upload = Upload::new();
                let bytes = [head(length as u64), body.clone(), head(1), b"\x07".to_vec()].concat();
                let received: Vec<u8> =
                    bytes.chunks(bytes.len().div_ceil(parts)).flat_map(|part| upload.send(part)).collect();
                let received = String::from_utf8(received).unwrap();
                let bodies: Vec<_> = received.split("\r\n\r\n").skip(1).collect();
                assert!(
                    matches!(&bodies[..], [first, "7"] if first.starts_with(&format!("{sum}HTTP/1.1 200"))),
                    "{length} in {parts}: {received}"
                );
                assert_eq!(upload.capacity(), 0);
            }
        }
    }

    #[test]
    fn a_body_of_the_same_size_uses_the_buffer_again() {
        let mut upload = Upload::new();
        let request = [head(1_000_000), vec![1; 1_000_000]].concat();
        for _ in 0..2 {
            assert!(upload.send(&request).ends_with(b"\r\n\r\n1000000"));
        }
        let whole = request.len() + 1;
        assert!(upload.1.read.spare.take(whole, 0).capacity() >= whole);
        assert_eq!(upload.1.read.spare.take(whole, 0).capacity(), 0, "one was enough");
    }
}
