//! Writes the gzip format (RFC 1952), with the state of the compressor kept between bodies.

use std::cell::Cell;
use std::io;

use flate2::{Compress, Compression, FlushCompress, Status};

/// The window of deflate, as a power of two: its largest (RFC 1951 §2).
const WINDOW_BITS: u8 = 15;

/// Free space for the output of a step.
const MIN_ROOM: usize = 1024;

thread_local! {
    /// The state of the last body that this thread compressed, and its level. It has a quarter of
    /// a megabyte, and to allocate it takes as long as to compress 2 KiB.
    static KEPT: Cell<Option<(u32, Compress)>> = const { Cell::new(None) };
}

/// Compresses one body. Its state comes from the thread and returns to it.
pub(super) struct Encoder {
    level: u32,
    /// `None` only while it is dropped.
    state: Option<Compress>,
}

impl Encoder {
    /// Begins a body at `level`, from 1 to 9.
    pub(super) fn new(level: u32) -> Encoder {
        let state = match KEPT.take() {
            Some((kept, mut state)) if kept == level => {
                state.reset();
                state
            }
            _ => Compress::new_gzip(Compression::new(level), WINDOW_BITS),
        };
        Encoder { level, state: Some(state) }
    }

    /// Compresses `plain`, and appends to `out` what is ready.
    pub(super) fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.step(plain, out, FlushCompress::None)
    }

    /// Compresses `plain`, the last part of the body, and appends the rest of the output.
    pub(super) fn finish(&mut self, plain: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        self.step(plain, out, FlushCompress::Finish)
    }

    fn step(&mut self, plain: &[u8], out: &mut Vec<u8>, flush: FlushCompress) -> io::Result<()> {
        let Some(state) = &mut self.state else { return Ok(()) };
        let begin = state.total_in();
        loop {
            let taken = usize::try_from(state.total_in() - begin).unwrap_or(usize::MAX);
            out.reserve(MIN_ROOM);
            let status = state.compress_vec(plain.get(taken..).unwrap_or_default(), out, flush)?;
            let is_done = match flush {
                FlushCompress::Finish => status == Status::StreamEnd,
                _ => out.len() < out.capacity(), // the input is used up
            };
            if is_done {
                return Ok(());
            }
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        if let Some(state) = self.state.take() {
            // Fails while the thread ends.
            let _ = KEPT.try_with(|kept| kept.set(Some((self.level, state))));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn plain(coded: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        GzDecoder::new(coded).read_to_end(&mut plain).unwrap();
        plain
    }

    fn coded(level: u32, parts: &[&[u8]]) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::new(level), Vec::new());
        for part in parts {
            encoder.write(part, &mut out).unwrap();
        }
        encoder.finish(b"", &mut out).unwrap();
        out
    }

    #[test]
    fn bodies_of_one_thread_do_not_depend_on_each_other() {
        let text = "a line of text, and another\n".repeat(2_000);
        let noise: Vec<u8> = (0..70_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let first = coded(2, &[text.as_bytes()]);
        for (level, parts) in
            [(2, vec![&noise[..]]), (6, vec![text.as_bytes(), &noise, b"", b"end"]), (2, vec![b"short"]), (2, vec![])]
        {
            assert_eq!(plain(&coded(level, &parts)), parts.concat(), "{level}");
            assert_eq!(coded(2, &[text.as_bytes()]), first, "the same bytes as before");
        }
    }

    #[test]
    fn a_body_that_is_given_up_leaves_no_trace() {
        let mut encoder = Encoder::new(2);
        encoder.write(b"a body whose client has left", &mut Vec::new()).unwrap();
        drop(encoder);
        assert_eq!(plain(&coded(2, &[b"another"])), b"another");
    }

    #[test]
    fn the_state_is_kept() {
        drop(Encoder::new(3));
        let kept = || allocation_counter::measure(|| drop(Encoder::new(3)));
        assert_eq!(kept().count_total, 0);
        let (one, two) = (Encoder::new(3), Encoder::new(3));
        drop((one, two));
        assert_eq!(kept().count_total, 0);
        assert!(allocation_counter::measure(|| drop(Encoder::new(4))).count_total > 0, "another level");
    }
}
