//! Decodes chunked bodies in place and encodes them.
//!
//! Outside of chunk data, the decoder is a state machine over single bytes. Its result cannot
//! depend on how the network split the stream, and no byte is examined twice.

use std::ops::Range;
use std::panic::Location;

use super::fault::{Fault, ProtocolError};
use super::grammar::{is_field_value, is_tchar};
use super::limits::Limits;

/// Decodes a chunked body inside the buffer that receives it (RFC 9112 §7.1). The data ends up
/// contiguous at the front of the buffer.
#[derive(Clone, Debug)]
pub(crate) struct Decoder {
    state: DecoderState,
    /// While a size is parsed, its value so far; within the data, the bytes of the chunk still to
    /// come.
    remaining: u64,
    /// Data bytes of all chunks announced so far.
    announced: u64,
    decoded: usize,
    consumed: usize,
    /// Raw bytes already removed from the buffer.
    drained: usize,
    digits: u8,
    /// Bytes of this chunk's extensions, of all extensions, of the trailer section.
    extension: u32,
    extensions: u32,
    trailers: u32,
}

/// Progress of decoding a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// All given bytes were decoded; the body continues.
    NeedData,
    /// The body is complete. Bytes after [`Decoder::consumed`] belong to the next message.
    Done,
}

/// What the next byte must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DecoderState {
    /// The first digit of a chunk size.
    Size,
    /// Another digit, or the byte that ends the size.
    Digits,
    /// Whitespace was read, so a `;` must follow.
    Semicolon,
    /// The first byte of an extension name.
    NameStart,
    Name,
    /// Whitespace after a name: `=` or `;` must follow.
    NameEnd,
    /// The byte after the `=`.
    ValueStart,
    Value,
    Quoted,
    /// The byte after a backslash.
    QuotedPair,
    QuoteEnd,
    SizeLf,
    /// The data of a chunk, then the CR after it.
    Data,
    DataLf,
    /// The first byte of a trailer line, or the CR of the empty line that ends the body.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Done,
}

impl Decoder {
    /// Creates a decoder at the first byte after the head.
    pub(crate) const fn new() -> Decoder {
        Decoder {
            state: DecoderState::Size,
            remaining: 0,
            announced: 0,
            decoded: 0,
            consumed: 0,
            drained: 0,
            digits: 0,
            extension: 0,
            extensions: 0,
            trailers: 0,
        }
    }

    /// Continues decoding in `body`, which holds everything received after the head, without the
    /// bytes that [`rebase`](Self::rebase) and [`compact`](Self::compact) accounted for. The offset
    /// of an error counts from the first raw byte of the body.
    ///
    /// Each data byte is moved once, whatever the sizes of chunks and reads. After an error,
    /// further calls return the same error.
    pub(crate) fn decode(
        &mut self,
        body: &mut [u8],
        limits: &Limits,
        max_body: u64,
    ) -> Result<Progress, ProtocolError> {
        loop {
            let data = self.next_data(body, limits, max_body)?;
            if data.is_empty() {
                return Ok(self.progress());
            }
            let length = data.len();
            body.copy_within(data, self.decoded);
            self.decoded += length;
        }
    }

    /// Decodes up to the end of the next data and returns where it is. Moves nothing. The range is
    /// empty if all given bytes were decoded, or the body is complete.
    pub(crate) fn next_data(
        &mut self,
        body: &[u8],
        limits: &Limits,
        max_body: u64,
    ) -> Result<Range<usize>, ProtocolError> {
        while self.state != DecoderState::Done {
            if self.state == DecoderState::Data && self.remaining > 0 {
                let available = body.len().saturating_sub(self.consumed);
                let length = usize::try_from(self.remaining).map_or(available, |remaining| remaining.min(available));
                let start = self.consumed;
                self.consumed += length;
                self.remaining -= length as u64;
                return Ok(start..self.consumed);
            }
            let Some(&byte) = body.get(self.consumed) else { break };
            self.state = self.step(byte, limits, max_body).map_err(|fault| self.reject(fault))?;
            self.consumed += 1;
        }
        Ok(self.consumed..self.consumed)
    }

    pub(crate) fn progress(&self) -> Progress {
        if self.state == DecoderState::Done { Progress::Done } else { Progress::NeedData }
    }

    /// Returns the number of decoded data bytes at the front of the buffer.
    pub(crate) fn decoded(&self) -> usize {
        self.decoded
    }

    /// Returns the bytes of extensions in the current chunk.
    pub(crate) fn extension(&self) -> usize {
        self.extension as usize
    }

    /// Returns the offset of the first byte not yet examined. The bytes between the decoded data
    /// and this offset are no longer needed.
    pub(crate) fn consumed(&self) -> usize {
        self.consumed
    }

    /// Records that the caller took the decoded data and removed the first
    /// [`consumed`](Self::consumed) bytes of the buffer. Offsets restart at 0, totals continue.
    pub(crate) fn rebase(&mut self) {
        self.drained += self.consumed;
        (self.decoded, self.consumed) = (0, 0);
    }

    /// Records that the caller removed the bytes between [`decoded`](Self::decoded) and
    /// [`consumed`](Self::consumed). A caller that collects a whole body should do so between
    /// reads: chunks of one byte are five parts framing to one part data.
    pub(crate) fn compact(&mut self) {
        self.drained += self.consumed - self.decoded;
        self.consumed = self.decoded;
    }

    fn reject(&self, fault: Fault) -> ProtocolError {
        // A bare CR is detected at the byte after it.
        let back = usize::from(fault == Fault::BareCr);
        fault.at(self.drained + self.consumed - back)
    }

    /// The place of these rules, for the trace.
    pub(crate) const RULES: &Location<'static> = Location::caller();

    /// Returns the state after `byte`.
    fn step(&mut self, byte: u8, limits: &Limits, max_body: u64) -> Result<DecoderState, Fault> {
        let next = match (self.state, byte) {
            (DecoderState::Size | DecoderState::Digits, _) => self.size(byte),
            (DecoderState::SizeLf, b'\n') => self.start_chunk(max_body),
            (DecoderState::SizeLf, _) => Err(Fault::ChunkLineEnd),
            (DecoderState::Data, b'\r') => Ok(DecoderState::DataLf),
            (DecoderState::DataLf, b'\n') => Ok(DecoderState::Size),
            (DecoderState::Data | DecoderState::DataLf, _) => Err(Fault::ChunkDelimiter),
            (DecoderState::Trailer | DecoderState::TrailerName | DecoderState::TrailerValue, _) => {
                trailer(self.state, byte)
            }
            (DecoderState::TrailerLf, b'\n') => Ok(DecoderState::Trailer),
            (DecoderState::EndLf, b'\n') => Ok(DecoderState::Done),
            (DecoderState::TrailerLf | DecoderState::EndLf, _) => Err(Fault::BareCr),
            _ => extension(self.state, byte),
        }?;
        self.count(next, limits)?;
        Ok(next)
    }

    /// Parses `chunk-size = 1*HEXDIG` and the byte after it.
    fn size(&mut self, byte: u8) -> Result<DecoderState, Fault> {
        match (self.state, byte) {
            (_, b'0'..=b'9') => self.digit(byte - b'0'),
            (_, b'a'..=b'f') => self.digit(byte - b'a' + 10),
            (_, b'A'..=b'F') => self.digit(byte - b'A' + 10),
            (_, b'\n') => Err(Fault::BareLf),
            (DecoderState::Digits, b'\r') => Ok(DecoderState::SizeLf),
            (DecoderState::Digits, b';') => Ok(DecoderState::NameStart),
            (DecoderState::Digits, b' ' | b'\t') => Ok(DecoderState::Semicolon),
            _ => Err(Fault::ChunkSize),
        }
    }

    /// Adds a digit. Sizes end at `i64::MAX`, as in nginx: no file or buffer could hold more, and
    /// the sum of two fits 64 bits.
    fn digit(&mut self, value: u8) -> Result<DecoderState, Fault> {
        if self.digits == MAX_DIGITS || self.remaining > i64::MAX as u64 >> 4 {
            return Err(Fault::ChunkSizeOverflow);
        }
        self.digits += 1;
        self.remaining = self.remaining << 4 | u64::from(value);
        Ok(DecoderState::Digits)
    }

    /// Refuses a body that is too large before its excess bytes arrive.
    fn start_chunk(&mut self, max_body: u64) -> Result<DecoderState, Fault> {
        if self.remaining > max_body.saturating_sub(self.announced) {
            return Err(Fault::BodyTooLarge);
        }
        self.announced += self.remaining;
        (self.digits, self.extension) = (0, 0);
        Ok(if self.remaining == 0 { DecoderState::Trailer } else { DecoderState::Data })
    }

    /// Counts bytes that carry no data; otherwise a body without data could continue forever
    /// (CVE-2023-39326).
    fn count(&mut self, next: DecoderState, limits: &Limits) -> Result<(), Fault> {
        match next {
            DecoderState::TrailerName | DecoderState::TrailerValue | DecoderState::TrailerLf => {
                self.trailers = self.trailers.saturating_add(1);
                within(self.trailers, limits.trailers).ok_or(Fault::TrailersTooLarge)
            }
            next if next.is_extension() => {
                self.extension = self.extension.saturating_add(1);
                self.extensions = self.extensions.saturating_add(1);
                within(self.extension, limits.chunk_extension)
                    .and(within(self.extensions, limits.chunk_extensions))
                    .ok_or(Fault::ChunkExtensionTooLong)
            }
            _ => Ok(()),
        }
    }
}

/// Appends one chunk. Writes nothing for empty data, since a chunk of size 0 would end the body.
pub(crate) fn encode_chunk(out: &mut Vec<u8>, data: &[u8]) {
    if data.is_empty() {
        return;
    }
    out.reserve(data.len() + "0123456789abcdef\r\n\r\n".len());
    let digits = (usize::BITS - data.len().leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[data.len() >> (4 * place) & 0xf]);
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

/// Appends the last chunk and an empty trailer section.
pub(crate) fn encode_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

/// Maximum digits of a size, including leading zeros: some clients pad to 8. Go stops at 16; nginx
/// and node have no limit.
const MAX_DIGITS: u8 = 32;

impl DecoderState {
    fn is_extension(self) -> bool {
        matches!(
            self,
            DecoderState::Semicolon
                | DecoderState::NameStart
                | DecoderState::Name
                | DecoderState::NameEnd
                | DecoderState::ValueStart
                | DecoderState::Value
                | DecoderState::Quoted
                | DecoderState::QuotedPair
                | DecoderState::QuoteEnd
        )
    }
}

fn within(count: u32, limit: usize) -> Option<()> {
    (count as usize <= limit).then_some(())
}

/// Skips `*( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )` (RFC 9112 §7.1.1).
/// Whitespace before the line end is not part of it and is refused, since two readers may interpret
/// it differently.
fn extension(state: DecoderState, byte: u8) -> Result<DecoderState, Fault> {
    use DecoderState::*;
    Ok(match (state, byte) {
        (_, b'\n') => return Err(Fault::BareLf),
        (Name | Value | QuoteEnd, b'\r') => SizeLf,
        (Semicolon | Name | NameEnd | Value | QuoteEnd, b';') => NameStart,
        (Semicolon | NameStart | NameEnd | ValueStart, b' ' | b'\t') => state,
        (NameStart | Name, _) if is_tchar(byte) => Name,
        (Name, b' ' | b'\t') => NameEnd,
        (Name | NameEnd, b'=') => ValueStart,
        (ValueStart | Value, _) if is_tchar(byte) => Value,
        (ValueStart, b'"') => Quoted,
        (Quoted, b'"') => QuoteEnd,
        (Quoted, b'\\') => QuotedPair,
        (Quoted | QuotedPair, _) if is_field_value(byte) => Quoted,
        (Value | QuoteEnd, b' ' | b'\t') => Semicolon,
        _ => return Err(Fault::ChunkExtension),
    })
}

/// Skips a field line without obs-fold and without whitespace before the colon, as in the head (RFC
/// 9112 §5), or the CR of the empty line. Names and values are dropped: a trailer must not become a
/// field (RFC 9110 §6.5.1).
fn trailer(state: DecoderState, byte: u8) -> Result<DecoderState, Fault> {
    Ok(match (state, byte) {
        (_, b'\n') => return Err(Fault::BareLf),
        (DecoderState::Trailer, b'\r') => DecoderState::EndLf,
        (DecoderState::Trailer | DecoderState::TrailerName, _) if is_tchar(byte) => DecoderState::TrailerName,
        (DecoderState::TrailerName, b':') => DecoderState::TrailerValue,
        (DecoderState::TrailerValue, b'\r') => DecoderState::TrailerLf,
        (DecoderState::TrailerValue, _) if is_field_value(byte) => DecoderState::TrailerValue,
        _ => return Err(Fault::TrailerInvalid),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The body and its number of raw bytes, or `None` while it is incomplete.
    type Outcome = Result<Option<(Vec<u8>, usize)>, ProtocolError>;

    /// What the owner of the buffer does between two reads.
    #[derive(Clone, Copy, Debug)]
    enum Between {
        Nothing,
        CloseGap,
        Rebase,
    }
    const WAYS: [Between; 3] = [Between::Nothing, Between::CloseGap, Between::Rebase];

    fn tight() -> Limits {
        Limits { chunk_extension: 8, chunk_extensions: 12, trailers: 16, ..Limits::default() }
    }

    fn run<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, way: Between, limits: &Limits, max_body: u64) -> Outcome {
        let mut decoder = Decoder::new();
        let (mut buffer, mut taken, mut raw) = (Vec::new(), Vec::new(), 0);
        for piece in pieces {
            buffer.extend_from_slice(piece);
            let before = decoder.consumed();
            let progress = decoder.decode(&mut buffer, limits, max_body)?;
            assert!(decoder.decoded() <= decoder.consumed() && decoder.consumed() <= buffer.len());
            raw += decoder.consumed() - before;
            if progress == Progress::Done {
                taken.extend_from_slice(&buffer[..decoder.decoded()]);
                return Ok(Some((taken, raw)));
            }
            assert_eq!(decoder.consumed(), buffer.len(), "it waits only when it has read all");
            match way {
                Between::Nothing => {}
                Between::CloseGap => {
                    buffer.drain(decoder.decoded()..decoder.consumed());
                    decoder.compact();
                }
                Between::Rebase => {
                    taken.extend_from_slice(&buffer[..decoder.decoded()]);
                    buffer.drain(..decoder.consumed());
                    decoder.rebase();
                }
            }
        }
        Ok(None)
    }

    /// Decodes without moving data.
    fn run_in_place<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: &Limits, max_body: u64) -> Outcome {
        let mut decoder = Decoder::new();
        let (mut taken, mut raw) = (Vec::new(), 0);
        for piece in pieces {
            loop {
                let data = decoder.next_data(piece, limits, max_body)?;
                if data.is_empty() {
                    break;
                }
                taken.extend_from_slice(&piece[data]);
            }
            raw += decoder.consumed();
            if decoder.progress() == Progress::Done {
                return Ok(Some((taken, raw)));
            }
            assert_eq!(decoder.consumed(), piece.len(), "it waits only when it has read all");
            decoder.rebase();
        }
        Ok(None)
    }

    /// Feeds the bytes whole, one by one and split at each position: all results must agree.
    fn decode(raw: &[u8], limits: &Limits, max_body: u64) -> Outcome {
        let whole = run([raw], Between::Nothing, limits, max_body);
        assert_eq!(run_in_place([raw], limits, max_body), whole, "in place");
        assert_eq!(run_in_place(raw.chunks(1), limits, max_body), whole, "in place, byte by byte");
        for way in WAYS {
            assert_eq!(run(raw.chunks(1), way, limits, max_body), whole, "byte by byte, {way:?}");
            for cut in 0..=raw.len() {
                let (first, second) = raw.split_at(cut);
                assert_eq!(run([first, second], way, limits, max_body), whole, "cut at {cut}, {way:?}");
            }
        }
        whole
    }

    fn accepts(raw: &str, body: &str) {
        let next = format!("{raw}GET / HTTP/1.1\r\n");
        let expected = Ok(Some((body.as_bytes().to_vec(), raw.len())));
        assert_eq!(decode(next.as_bytes(), &Limits::default(), 1000), expected, "{raw:?}");
    }

    fn refuses(raw: &[u8], fault: Fault, at: usize) {
        let shown = String::from_utf8_lossy(raw);
        assert_eq!(decode(raw, &tight(), 1000), Err(ProtocolError { fault, at }), "{shown:?}");
    }

    #[test]
    fn chunks_become_one_body() {
        accepts("0\r\n\r\n", "");
        accepts("5\r\nhello\r\n0\r\n\r\n", "hello");
        accepts("5\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\n\r\n", "hello, world");
        accepts("A\r\n0123456789\r\n0\r\n\r\n", "0123456789");
        accepts("a\r\n0123456789\r\n000\r\n\r\n", "0123456789");
        accepts("00000000000000000000000000000005\r\nhello\r\n0\r\n\r\n", "hello");
        accepts("9\r\na\r\nb\r\n\r\nc\r\n0\r\n\r\n", "a\r\nb\r\n\r\nc");
        accepts("5\r\n0\r\n\r\n\r\n0\r\n\r\n", "0\r\n\r\n");
    }

    #[test]
    fn extensions_are_ignored() {
        for extension in [
            ";a",
            ";a=b",
            ";a;b;c=d",
            "; a = b",
            " ;a",
            "\t; \ta =\t\"b\" ;c",
            ";a=\"b;c \\\" d\"",
            ";a=\"\"",
            ";a=\"\u{e4}\t\"",
            ";a=\"\\\u{e4}\"",
        ] {
            accepts(&format!("5{extension}\r\nhello\r\n0{extension}\r\n\r\n"), "hello");
        }
    }

    #[test]
    fn trailers_are_read_and_dropped() {
        accepts("5\r\nhello\r\n0\r\nX-Sum: abc\r\n\r\n", "hello");
        accepts("0\r\nA:\r\nContent-Length: 70\r\nB:\t\u{e4} \r\n\r\n", "");
    }

    #[test]
    fn an_unfinished_body_is_waited_for() {
        let raw = b"5;a=\"b\"\r\nhello\r\n0;c\r\nX: y\r\n\r\n";
        for end in 0..raw.len() {
            assert_eq!(decode(&raw[..end], &Limits::default(), 5), Ok(None));
        }
        assert_eq!(decode(raw, &Limits::default(), 5), Ok(Some((b"hello".to_vec(), raw.len()))));
    }

    #[test]
    fn sizes_are_hexadecimal_digits_and_nothing_else() {
        let cases: [(&[u8], usize); 13] = [
            (b"0x5\r\n", 1),
            (b"+5\r\n", 0),
            (b"-5\r\n", 0),
            (b" 5\r\n", 0),
            (b"5g\r\n", 1),
            (b"\r\nhello", 0),
            (b"5,\r\n", 1),
            (b"5\0\r\n", 1),
            (b"5_0\r\n", 1),
            (b"5\x0b\r\n", 1),
            (b"\xef\xbc\x95\r\n", 0),
            (b";a=b\r\n", 0),
            (b"GET / HTTP/1.1\r\n", 0),
        ];
        for (raw, at) in cases {
            refuses(raw, Fault::ChunkSize, at);
        }
        refuses(b"5\r\nhello\r\n\r\n", Fault::ChunkSize, 10);
    }

    #[test]
    fn sizes_never_wrap() {
        refuses(b"10000000000000005\r\n", Fault::ChunkSizeOverflow, 16);
        refuses(b"ffffffffffffffff\r\n", Fault::ChunkSizeOverflow, 15);
        refuses(b"8000000000000000\r\n", Fault::ChunkSizeOverflow, 15);
        refuses(&[b'0'; 40], Fault::ChunkSizeOverflow, 32);
        refuses(b"7fffffffffffffff\r\n", Fault::BodyTooLarge, 17);
        let most = decode(b"7fffffffffffffff\r\nhello", &Limits::default(), u64::MAX);
        assert_eq!(most, Ok(None));
        let sum = b"1\r\nx\r\n7fffffffffffffff\r\nhello";
        assert_eq!(decode(sum, &Limits::default(), i64::MAX as u64), Err(Fault::BodyTooLarge.at(23)));
    }

    #[test]
    fn lines_end_with_cr_lf() {
        refuses(b"5\nhello", Fault::BareLf, 1);
        refuses(b"\nhello", Fault::BareLf, 0);
        refuses(b"5;a=b\nhello", Fault::BareLf, 5);
        refuses(b"5;a=\"\n\"\r\n", Fault::BareLf, 5);
        refuses(b"5\rX\r\n", Fault::ChunkLineEnd, 2);
        refuses(b"5;a\rb\r\n", Fault::ChunkLineEnd, 4);
        refuses(b"5\r\r\n", Fault::ChunkLineEnd, 2);
        refuses(b"0\n\n", Fault::BareLf, 1);
        refuses(b"0\r\n\n", Fault::BareLf, 3);
        refuses(b"0\r\n\rX", Fault::BareCr, 3);
        refuses(b"0\r\nX: y\n\r\n", Fault::BareLf, 7);
        refuses(b"0\r\nX\n: y\r\n", Fault::BareLf, 4);
        refuses(b"0\r\nX: y\rz\r\n\r\n", Fault::BareCr, 7);
    }

    #[test]
    fn data_is_followed_by_cr_lf() {
        refuses(b"5\r\nhello0\r\n\r\n", Fault::ChunkDelimiter, 8);
        refuses(b"5\r\nhelloXX0\r\n\r\n", Fault::ChunkDelimiter, 8);
        refuses(b"5\r\nhello\rX0\r\n\r\n", Fault::ChunkDelimiter, 9);
        refuses(b"5\r\nhello\n0\r\n\r\n", Fault::ChunkDelimiter, 8);
    }

    #[test]
    fn extensions_keep_their_grammar() {
        let cases: [(&[u8], usize); 15] = [
            (b"5 a\r\n", 2),
            (b"5 \r\n", 2),
            (b"5;\r\n", 2),
            (b"5;=b\r\n", 2),
            (b"5;a=\r\n", 4),
            (b"5;a b\r\n", 4),
            (b"5;a=b c\r\n", 6),
            (b"5;a=\"b\"c\r\n", 7),
            (b"5;a=b=c\r\n", 5),
            (b"5;a \r\n", 4),
            (b"5;a=b \r\n", 6),
            (b"5;a=\"b\r\n", 6),
            (b"5;a=\"\0\"\r\n", 5),
            (b"5;a=\"\\\x7f\"\r\n", 6),
            (b"5;\x80\r\n", 2),
        ];
        for (raw, at) in cases {
            refuses(raw, Fault::ChunkExtension, at);
        }
    }

    #[test]
    fn trailers_keep_the_grammar_of_a_field_line() {
        let cases: [(&[u8], usize); 9] = [
            (b"0\r\nX : y\r\n\r\n", 4),
            (b"0\r\n: y\r\n\r\n", 3),
            (b"0\r\nX\r\n\r\n", 4),
            (b"0\r\n X: y\r\n\r\n", 3),
            (b"0\r\nX: y\r\n z\r\n\r\n", 9),
            (b"0\r\nX: a\0b\r\n\r\n", 7),
            (b"0\r\nX: \x7f\r\n\r\n", 6),
            (b"0\r\nX\x80: y\r\n\r\n", 4),
            (b"0\r\nGET / HTTP/1.1\r\n\r\n", 6),
        ];
        for (raw, at) in cases {
            refuses(raw, Fault::TrailerInvalid, at);
        }
    }

    #[test]
    fn limits_hold_to_the_byte() {
        let within: [&[u8]; 3] =
            [b"1;7654321\r\nx\r\n0\r\n\r\n", b"1;765432\r\nx\r\n0;432\r\n\r\n", b"0\r\nA:345678\r\nB:2345\r\n\r\n"];
        for raw in within {
            assert!(matches!(decode(raw, &tight(), 1), Ok(Some(_))), "{}", String::from_utf8_lossy(raw));
        }
        refuses(b"1;76543210\r\nx\r\n", Fault::ChunkExtensionTooLong, 9);
        refuses(b"1;7654321\r\nx\r\n1;4321\r\nx\r\n", Fault::ChunkExtensionTooLong, 19);
        refuses(b"0\r\nA:34567890123456\r\n", Fault::TrailersTooLarge, 19);
        refuses(b"0\r\nA:345678\r\nB:23456\r\n", Fault::TrailersTooLarge, 20);
        let none = Limits { chunk_extension: 0, chunk_extensions: 0, trailers: 0, ..Limits::default() };
        assert_eq!(decode(b"1\r\nx\r\n0\r\n\r\n", &none, 1), Ok(Some((b"x".to_vec(), 11))));
    }

    #[test]
    fn a_large_body_is_refused_at_its_size_line() {
        let raw = b"3\r\nabc\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(decode(raw, &Limits::default(), 6), Ok(Some((b"abcabc".to_vec(), raw.len()))));
        assert_eq!(decode(raw, &Limits::default(), 5), Err(Fault::BodyTooLarge.at(10)));
        assert_eq!(decode(raw, &Limits::default(), 0), Err(Fault::BodyTooLarge.at(2)));
    }

    #[test]
    fn a_reject_is_repeated() {
        let mut decoder = Decoder::new();
        for more in [&b"5\r\nhelloX"[..], b"5\r\nhelloX0\r\n\r\n"] {
            let result = decoder.decode(&mut more.to_vec(), &Limits::default(), 1000);
            assert_eq!(result, Err(Fault::ChunkDelimiter.at(8)));
        }
    }

    #[test]
    fn what_we_encode() {
        let mut out = Vec::new();
        encode_chunk(&mut out, b"hello");
        encode_chunk(&mut out, b"");
        encode_chunk(&mut out, &[b'x'; 0x1a0]);
        encode_end(&mut out);
        let expected = [&b"5\r\nhello\r\n1a0\r\n"[..], &[b'x'; 0x1a0], b"\r\n0\r\n\r\n"].concat();
        assert_eq!(out, expected);
    }

    /// Splits the bytes at the given positions.
    fn cut<'a>(bytes: &'a [u8], places: &[prop::sample::Index]) -> Vec<&'a [u8]> {
        let mut ends: Vec<usize> = places.iter().map(|place| place.index(bytes.len() + 1)).collect();
        ends.extend([0, bytes.len()]);
        ends.sort_unstable();
        ends.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            way in prop::sample::select(WAYS.to_vec()),
        ) {
            let mut raw = Vec::new();
            for part in &parts {
                encode_chunk(&mut raw, part);
            }
            encode_end(&mut raw);
            let body = parts.concat();
            let outcome = run(cut(&raw, &places), way, &Limits::default(), body.len() as u64);
            prop_assert_eq!(outcome, Ok(Some((body, raw.len()))));
        }

        #[test]
        fn cuts_change_nothing_and_nothing_is_made_up(
            raw in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..64),
                "([0-5]{1,2}(;a=\"b\"|;c)?\r\n[a\r]{0,5}\r\n){0,4}(0\r\n(X: y\r\n)?\r\n)?[0-9a-f;=\"\r\n]{0,4}"
                    .prop_map(String::into_bytes),
            ],
            places in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            way in prop::sample::select(WAYS.to_vec()),
        ) {
            let whole = run([&raw[..]], Between::Nothing, &tight(), 100);
            prop_assert_eq!(&run(cut(&raw, &places), way, &tight(), 100), &whole);
            match whole {
                Ok(Some((body, used))) => prop_assert!(body.len() <= used && used <= raw.len()),
                Ok(None) => {}
                Err(reject) => prop_assert!(reject.at < raw.len()),
            }
        }
    }
}
