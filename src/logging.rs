//! Writes the log lines of the library: always a single line, and a logger that panics is harmless.
//!
//! The macros have the names and the syntax of the `log` crate's. Only this file calls that crate.

use std::error::Error;
use std::fmt::{self, Display, Write};

use log::{Level, LevelFilter, Record};

use crate::panics::catch;

/// Logs at a level. The target is the calling module unless given.
macro_rules! report {
    (target: $target:expr, $level:expr, $($message:tt)+) => {
        if ::log::log_enabled!(target: $target, $level) || $crate::logging::is_last_resort($level) {
            let origin = $crate::logging::Origin { target: $target, file: file!(), line: line!() };
            $crate::logging::write($level, &origin, format_args!($($message)+));
        }
    };
    ($level:expr, $($message:tt)+) => { report!(target: module_path!(), $level, $($message)+) };
}

macro_rules! error { ($($message:tt)+) => { report!(::log::Level::Error, $($message)+) }; }
macro_rules! warn { ($($message:tt)+) => { report!(::log::Level::Warn, $($message)+) }; }
macro_rules! info { ($($message:tt)+) => { report!(::log::Level::Info, $($message)+) }; }
macro_rules! debug { ($($message:tt)+) => { report!(::log::Level::Debug, $($message)+) }; }

/// Where a line is from.
pub(crate) struct Origin {
    pub(crate) target: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

/// Returns whether the program has no logger. One that is off (`RUST_LOG=off`) is a logger: `log`
/// has no question for that, but what stands in for a missing logger has no fields.
pub(crate) fn has_no_logger() -> bool {
    log::max_level() == LevelFilter::Off && size_of_val(log::logger()) == 0
}

/// Returns whether a line of this level is written to stderr because the program has no logger.
/// Otherwise the cause of a 500 would be nowhere. Python's `logging` does the same.
#[inline]
pub(crate) fn is_last_resort(level: Level) -> bool {
    level <= Level::Warn && level <= log::STATIC_MAX_LEVEL && has_no_logger()
}

/// Passes one line to the program's logger, or to stderr if it has none. The `Display` of an error
/// and the logger are code of the program: if one panics, the line is lost.
#[cold]
#[inline(never)]
pub(crate) fn write(level: Level, origin: &Origin, message: fmt::Arguments<'_>) {
    let log = |message: fmt::Arguments<'_>| {
        if has_no_logger() {
            return catch(|| {
                let line = format!("[{level} {}] {message}\n", origin.target);
                eprint!("{line}"); // one write: another process may have the same terminal
            });
        }
        let mut record = Record::builder();
        record.level(level).target(origin.target).module_path_static(Some(origin.target));
        record.file_static(Some(origin.file)).line(Some(origin.line));
        catch(|| log::logger().log(&record.args(message).build()))
    };
    if let Err(panicked) = log(format_args!("{}", OneLine(message))) {
        _ = log(format_args!("a log line is lost: its text or the logger {}", OneLine(panicked)));
    }
}

/// Escapes control, invisible and reordering characters as Rust does, `\n` and `\u{1b}`: text of a
/// client can neither start a log line nor control the terminal that shows it.
pub(crate) struct OneLine<T>(pub(crate) T);

impl<T: Display> Display for OneLine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                ' '..='~' => self.0.write_char(c)?,
                c => write!(self.0, "{}", c.escape_debug())?,
            }
        }
        Ok(())
    }
}

/// Formats an error with its causes, outermost first: `cannot load: no such file`. Stops after
/// [`MAX_CAUSES`], since a chain may be circular.
pub(crate) struct ErrorChain<'a>(pub(crate) &'a (dyn Error + 'a));

const MAX_CAUSES: usize = 16;

impl Display for ErrorChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        for _ in 0..MAX_CAUSES {
            let Some(error) = cause else { break };
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn nothing_in_a_line_ends_it_or_controls_a_terminal() {
        for (text, shown) in [
            ("plain \"text\" \\ 'é'", "plain \"text\" \\ 'é'"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\0"),
            ("\u{1b}[2J\u{7f}\u{9b}31m", "\\u{1b}[2J\\u{7f}\\u{9b}31m"),
            ("\u{202e}\u{2028}\u{feff}", "\\u{202e}\\u{2028}\\u{feff}"),
        ] {
            assert_eq!(OneLine(text).to_string(), shown);
        }
    }

    #[derive(Debug)]
    struct Layer(&'static str, Option<Box<Layer>>);

    impl Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Layer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_ref().map(|cause| cause.as_ref() as _)
        }
    }

    #[test]
    fn a_chain_names_every_cause() {
        let error = Layer("outer", Some(Box::new(Layer("middle", Some(Box::new(Layer("inner", None)))))));
        assert_eq!(ErrorChain(&error).to_string(), "outer: middle: inner");
        assert_eq!(ErrorChain(&io::Error::other("alone")).to_string(), "alone");
    }
}
