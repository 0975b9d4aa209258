//! Reads curl's output of an exchange: `-v`, `--trace-ascii` and `--trace`, with or without times
//! and connection numbers.

use wirelight::explain::Source;

use super::{Kind, Part, Paste, http2};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Sent,
    Received,
}

/// A message, as far as curl printed it.
struct Message {
    direction: Direction,
    bytes: Vec<u8>,
    /// Whether the empty line after the head was printed.
    head_ended: bool,
    /// Bytes of the body that curl counts and does not print.
    hidden: Option<u64>,
}

/// The messages in the order of their beginnings.
#[derive(Default)]
struct Exchange(Vec<Message>);

/// Reads the exchange; `None` if the text is not curl's output.
pub(super) fn read(text: &[u8]) -> Option<Paste> {
    if lines(text).any(|line| block(line).is_some_and(|block| block.data.is_some())) {
        return traced(text);
    }
    let begins = |line: &[u8]| {
        let message = line.strip_prefix(b"> ").or_else(|| line.strip_prefix(b"< ")).unwrap_or_default();
        message.starts_with(b"HTTP/") || memchr::memmem::find(message, b" HTTP/").is_some()
    };
    lines(text).any(begins).then(|| verbose(text))
}

/// Returns each line without its end and without the prefix of `--trace-time` and `--trace-ids`. A
/// progress meter rewrites its line: its last state is returned.
fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(|line| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        unstamped(line.rsplit(|byte| *byte == b'\r').next().unwrap_or(line))
    })
}

fn unstamped(line: &[u8]) -> &[u8] {
    let mut rest = line;
    if let [_, _, b':', _, _, b':', _, _, b'.', after @ ..] = line
        && line.first().is_some_and(u8::is_ascii_digit)
    {
        let digits = after.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = after.get(digits..).and_then(|rest| rest.strip_prefix(b" ")).unwrap_or(line);
    }
    if let Some(ids) = rest.strip_prefix(b"[")
        && let Some(end) = memchr::memmem::find(ids.get(..24.min(ids.len())).unwrap_or_default(), b"] ")
        && ids.iter().take(end).all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'x'))
    {
        rest = ids.get(end + 2..).unwrap_or_default();
    }
    rest
}

fn verbose(text: &[u8]) -> Paste {
    let mut exchange = Exchange::default();
    for line in lines(text.strip_suffix(b"\n").unwrap_or(text)) {
        match line {
            [b'>', rest @ ..] if matches!(rest, [] | [b' ', ..]) => exchange.head_line(Direction::Sent, rest),
            [b'<', rest @ ..] if matches!(rest, [] | [b' ', ..]) => exchange.head_line(Direction::Received, rest),
            [b'}', b' ', b'[', count @ ..] => exchange.hide(Direction::Sent, count),
            [b'{', b' ', b'[', count @ ..] => exchange.hide(Direction::Received, count),
            [b'*', b' ', ..] | b"*" => {}
            _ if is_progress(line) => {}
            _ => exchange.body_line(line),
        }
    }
    let note = "The output of curl -v. Lines with > were sent, lines with < received; curl's own lines are left out.";
    exchange.finish(note, |hidden| Kind::Tool(Source::Curl { hidden_bytes: hidden }))
}

/// Returns whether the line belongs to the progress meter: two title lines, and twelve columns of
/// numbers and times.
fn is_progress(line: &[u8]) -> bool {
    let words = || line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let number = |word: &[u8]| word.iter().all(|byte| byte.is_ascii_digit() || b".:-kMGTP".contains(byte));
    line.starts_with(b"  % Total")
        || line.trim_ascii_start().starts_with(b"Dload  Upload")
        || (words().take(11).count() == 11 && words().take(11).all(number))
}

impl Exchange {
    fn last(&mut self, direction: Direction) -> Option<&mut Message> {
        self.0.iter_mut().rev().find(|message| message.direction == direction)
    }

    fn begin(&mut self, direction: Direction) -> Option<&mut Message> {
        self.0.push(Message { direction, bytes: Vec::new(), head_ended: false, hidden: None });
        self.0.last_mut()
    }

    /// Adds a line of a head, without its end. The line after the empty line begins the next
    /// message.
    fn head_line(&mut self, direction: Direction, line: &[u8]) {
        let line = line.strip_prefix(b" ").unwrap_or(line);
        let open = self.last(direction).is_some_and(|message| !message.head_ended);
        if !open && line.is_empty() {
            return;
        }
        let message = if open { self.last(direction) } else { self.begin(direction) };
        if let Some(message) = message {
            message.bytes.extend_from_slice(line);
            message.bytes.extend_from_slice(b"\r\n");
            message.head_ended = line.is_empty();
        }
    }

    /// Adds a line of the body, which curl prints without a mark among its own lines.
    fn body_line(&mut self, line: &[u8]) {
        let Some(message) = self.0.last_mut().filter(|m| m.direction == Direction::Received && m.head_ended) else {
            return;
        };
        // If the body does not end with a line feed, curl's next line follows it directly.
        let own = [&b"* Connection #"[..], b"* Closing connection", b"* shutting down connection"];
        let end = own.iter().find_map(|own| memchr::memmem::rfind(line, own));
        message.bytes.extend_from_slice(line.get(..end.unwrap_or(line.len())).unwrap_or_default());
        message.bytes.extend_from_slice(if end.is_some() { b"" } else { b"\n" });
    }

    /// Counts bytes that curl does not print: `{ [27 bytes data]`
    fn hide(&mut self, direction: Direction, count: &[u8]) {
        let digits = count.iter().take_while(|byte| byte.is_ascii_digit()).take(18);
        let count = digits.fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
        if let Some(message) = self.last(direction).filter(|message| message.head_ended) {
            message.hidden = Some(message.hidden.unwrap_or(0).saturating_add(count));
        }
    }

    fn finish(self, note: &str, kind: fn(Option<u64>) -> Kind) -> Paste {
        let mut frames = false;
        let parts = self.0.into_iter().map(|message| {
            let bytes = http2::as_http1(&message.bytes);
            frames |= bytes.is_some();
            let kind = if bytes.is_some() { Kind::Tool(Source::Http2) } else { kind(message.hidden) };
            Part { bytes: bytes.unwrap_or(message.bytes), kind }
        });
        let parts = parts.collect();
        let note = if frames { format!("{note} {}", http2::NOTE) } else { note.to_owned() };
        Paste { note, parts, foreign: false }
    }
}

/// The title of a block of `--trace`.
struct Block {
    direction: Direction,
    /// Whether it belongs to the body, and its length; `None` if it is not part of a message.
    data: Option<(bool, usize)>,
}

/// Parses a title: `=> Send header, 84 bytes (0x54)`, `<= Recv data, …`, `== Info: …`
fn block(line: &[u8]) -> Option<Block> {
    let (direction, rest) = match line {
        [b'=', b'>', b' ', rest @ ..] => (Direction::Sent, rest.strip_prefix(b"Send ")?),
        [b'<', b'=', b' ', rest @ ..] => (Direction::Received, rest.strip_prefix(b"Recv ")?),
        [b'=', b'=', b' ', ..] => return Some(Block { direction: Direction::Sent, data: None }),
        _ => return None,
    };
    let comma = memchr::memchr(b',', rest)?;
    let body = match rest.get(..comma)? {
        b"header" => false,
        b"data" => true,
        _ => return Some(Block { direction, data: None }),
    };
    let length = std::str::from_utf8(rest.get(comma + 2..)?).ok()?.split(' ').next()?.parse().ok()?;
    Some(Block { direction, data: Some((body, length)) })
}

fn traced(text: &[u8]) -> Option<Paste> {
    let mut exchange = Exchange::default();
    let mut all = lines(text).peekable();
    let mut hex = None;
    while let Some(line) = all.next() {
        let Some(Block { direction, data: Some((body, length)) }) = block(line) else { continue };
        let mut rows: Vec<(usize, &[u8])> = Vec::new();
        while let Some(row) = all.peek().and_then(|line| row(line)) {
            rows.push(row);
            all.next();
        }
        let hex = *hex.get_or_insert_with(|| rows.first().is_some_and(|row| from_hex(row.1).is_some()));
        let bytes = if hex {
            rows.iter().filter_map(|row| from_hex(row.1)).flatten().collect()
        } else {
            from_ascii(&rows, length)
        };
        exchange.block(direction, body, &bytes);
    }
    let note = if hex? {
        "The output of curl --trace: the bytes of the wire."
    } else {
        "The output of curl --trace-ascii: the bytes of the wire, with a dot for each that is not ASCII."
    };
    Some(exchange.finish(note, |_| Kind::Raw))
}

/// Parses a line of a block, as in `0015: Host: a`, into offset and text.
fn row(line: &[u8]) -> Option<(usize, &[u8])> {
    let colon = memchr::memchr(b':', line.get(..9.min(line.len()))?)?;
    let offset = std::str::from_utf8(line.get(..colon).filter(|digits| digits.len() >= 4)?).ok()?;
    let rest = line.get(colon + 1..)?;
    Some((usize::from_str_radix(offset, 16).ok()?, rest.strip_prefix(b" ").unwrap_or(rest)))
}

/// Parses up to sixteen bytes, each two digits and a space; the text column begins at column 48.
fn from_hex(row: &[u8]) -> Option<Vec<u8>> {
    let digits = row.get(..48.min(row.len()))?;
    let bytes = digits.split(|byte| *byte == b' ').filter(|pair| !pair.is_empty());
    let byte = |pair: &[u8]| (pair.len() == 2).then(|| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())?;
    bytes.map(byte).collect::<Option<Vec<u8>>>().filter(|bytes| !bytes.is_empty())
}

/// Joins the lines of a block. curl breaks a line after 64 characters, and at each CR LF, which it
/// omits; the offsets distinguish the two.
fn from_ascii(rows: &[(usize, &[u8])], length: usize) -> Vec<u8> {
    const BROKEN_AFTER: usize = 64;
    let mut bytes = Vec::new();
    for (index, (offset, text)) in rows.iter().enumerate() {
        let next = rows.get(index + 1).map_or(length, |(next, _)| *next);
        let all = next.saturating_sub(*offset).min(BROKEN_AFTER + 2);
        bytes.extend_from_slice(text);
        if all >= text.len() + 2 {
            // Copying may remove the spaces at the end of a line.
            bytes.extend(std::iter::repeat_n(b' ', all - 2 - text.len()));
            bytes.extend_from_slice(b"\r\n");
        }
    }
    bytes
}

impl Exchange {
    fn block(&mut self, direction: Direction, body: bool, bytes: &[u8]) {
        let goes_on = self.last(direction).is_some_and(|message| body || !message.head_ended);
        let message = if goes_on { self.last(direction) } else { self.begin(direction) };
        if let Some(message) = message {
            message.bytes.extend_from_slice(bytes);
            message.head_ended |= message.bytes.ends_with(b"\r\n\r\n") || body;
        }
    }
}
