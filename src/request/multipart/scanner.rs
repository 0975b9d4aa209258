//! Finds the parts of a form in its bytes, however many of them are here.

use memchr::memmem::Finder;
use memchr::memrchr;

use super::head::{PartHead, head_end};
use super::{MultipartError, Result};

/// Maximum number of blanks after a boundary (RFC 2046 §5.1.1 calls them transport padding). No
/// client sends any.
const MAX_PADDING: usize = 64;

/// A state machine over the bytes of a form. It keeps none of them: its user keeps those that a step
/// did not take, and adds to them.
pub(super) struct Scanner {
    /// The line end before a boundary, which belongs to it (RFC 2046 §5.1.1), two hyphens, and the
    /// boundary.
    finder: Finder<'static>,
    state: State,
    max_parts: usize,
    parts: usize,
}

#[derive(Clone, Copy)]
enum State {
    /// At the first byte of the body, where a boundary needs no line end before it.
    Start,
    Preamble,
    /// In the head of a part; so many bytes of it are known not to hold its end.
    Head(usize),
    /// At the line end of the empty line after a head. It may belong to a boundary: then the part
    /// has no data.
    EmptyLine,
    Data,
    /// After the last boundary.
    Epilogue,
}

/// What the first bytes are, and how many.
pub(super) enum Step {
    /// That depends on the bytes after them.
    More,
    /// Not of a part.
    Skip(usize),
    Part(PartHead, usize),
    /// Data of the current part, but perhaps not all of it.
    Data(usize),
    /// The body has ended, after its last boundary.
    End,
}

/// What the bytes after a boundary make of it.
enum LineEnd {
    More,
    /// It is one; the line ends after so many bytes.
    Found {
        length: usize,
        last: bool,
    },
    /// It is text that only begins as a boundary does, as in Go and werkzeug.
    Text,
}

impl Scanner {
    /// Returns a scanner at the start of a body.
    pub(super) fn new(boundary: &str, max_parts: usize) -> Scanner {
        let finder = Finder::new(&format!("\r\n--{boundary}")).into_owned();
        Scanner { finder, state: State::Start, max_parts, parts: 0 }
    }

    pub(super) fn set_max_parts(&mut self, parts: usize) {
        self.max_parts = parts;
    }

    /// Returns whether the next bytes may be data of a part.
    pub(super) fn is_in_part(&self) -> bool {
        matches!(self.state, State::EmptyLine | State::Data)
    }

    /// Takes the next step. `bytes` begin where the last step ended; `complete` says that the body
    /// has no others. After an error the step is the same again.
    pub(super) fn step(&mut self, bytes: &[u8], complete: bool) -> Result<Step> {
        match self.state {
            State::Start => self.start(bytes, complete),
            State::Preamble if bytes.is_empty() && complete => {
                Err(MultipartError::Malformed("it does not hold its boundary"))
            }
            State::Data if bytes.is_empty() && complete => {
                Err(MultipartError::Malformed("its last boundary is missing"))
            }
            State::Preamble | State::Data | State::EmptyLine => self.text(bytes, complete),
            State::Head(searched) => self.head(bytes, searched, complete),
            State::Epilogue if bytes.is_empty() => Ok(if complete { Step::End } else { Step::More }),
            State::Epilogue => Ok(Step::Skip(bytes.len())),
        }
    }

    fn start(&mut self, bytes: &[u8], complete: bool) -> Result<Step> {
        let mark = self.mark();
        if let Some(rest) = bytes.strip_prefix(mark) {
            let length = mark.len();
            match line_end(rest, complete)? {
                LineEnd::More => return Ok(Step::More),
                LineEnd::Found { length: rest, last } => return Ok(self.boundary(length + rest, last)),
                LineEnd::Text => {}
            }
        } else if !complete && mark.starts_with(bytes) {
            return Ok(Step::More);
        }
        self.state = State::Preamble;
        Ok(Step::Skip(0))
    }

    /// Takes text up to the next boundary, or that boundary.
    fn text(&mut self, bytes: &[u8], complete: bool) -> Result<Step> {
        let needle = self.finder.needle();
        let length = match self.finder.find(bytes) {
            Some(0) => match line_end(bytes.get(needle.len()..).unwrap_or_default(), complete)? {
                LineEnd::More => return Ok(Step::More),
                LineEnd::Found { length, last } => return Ok(self.boundary(needle.len() + length, last)),
                LineEnd::Text => needle.len(), // has no other CR, with which one could begin
            },
            Some(found) => found,
            None if complete => bytes.len(),
            None => match memrchr(b'\r', bytes) {
                Some(at) if bytes.get(at..).is_some_and(|rest| needle.starts_with(rest)) => at,
                _ => bytes.len(),
            },
        };
        Ok(match self.state {
            _ if length == 0 => Step::More,
            State::EmptyLine => {
                self.state = State::Data;
                Step::Skip(2)
            }
            State::Data => Step::Data(length),
            _ => Step::Skip(length),
        })
    }

    fn boundary(&mut self, length: usize, last: bool) -> Step {
        self.state = if last { State::Epilogue } else { State::Head(0) };
        Step::Skip(length)
    }

    fn head(&mut self, bytes: &[u8], searched: usize, complete: bool) -> Result<Step> {
        if self.parts == self.max_parts {
            return Err(MultipartError::TooLarge(format!("A form has {} parts at most.", self.max_parts)));
        }
        let Some(end) = head_end(bytes, searched)? else {
            self.state = State::Head(bytes.len());
            return if complete {
                Err(MultipartError::Malformed("the head of a part has no end"))
            } else {
                Ok(Step::More)
            };
        };
        let head = PartHead::parse(bytes.get(..end).unwrap_or_default(), self.mark())?;
        self.state = State::EmptyLine;
        self.parts += 1;
        Ok(Step::Part(head, end + 2))
    }

    /// The boundary with its hyphens.
    fn mark(&self) -> &[u8] {
        self.finder.needle().get(2..).unwrap_or_default()
    }
}

/// Parses what follows a boundary: two hyphens if it is the last one, blanks, then CRLF, or the end
/// of the body after the last.
fn line_end(bytes: &[u8], complete: bool) -> Result<LineEnd> {
    let (rest, last) = bytes.strip_prefix(b"--").map_or((bytes, false), |rest| (rest, true));
    let padding = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if padding > MAX_PADDING {
        return Err(MultipartError::Malformed("there are too many blanks after a boundary"));
    }
    let rest = rest.get(padding..).unwrap_or_default();
    let length = bytes.len() - rest.len();
    Ok(match rest {
        [b'\r', b'\n', ..] => LineEnd::Found { length: length + 2, last },
        [] | [b'\r'] if !complete => LineEnd::More,
        [b'-'] if !complete && length == 0 => LineEnd::More,
        [] if last => LineEnd::Found { length, last },
        _ => LineEnd::Text,
    })
}
