//! Every log line of the library: one line each whatever its text holds, and a logger that panics harms nothing.
//!
//! The macros have the names and the syntax of the `log` crate's. Nothing else in the library calls that crate.

use std::error::Error;
use std::fmt::{self, Display, Write};

use log::{Level, Record};

use super::panics::catch;

/// Logs at a level, under the module it stands in or another target.
macro_rules! report {
    (target: $target:expr, $level:expr, $($message:tt)+) => {
        if ::log::log_enabled!(target: $target, $level) {
            let place = $crate::guard::logging::Place { target: $target, file: file!(), line: line!() };
            $crate::guard::logging::write($level, &place, format_args!($($message)+));
        }
    };
    ($level:expr, $($message:tt)+) => { report!(target: module_path!(), $level, $($message)+) };
}

macro_rules! error { ($($message:tt)+) => { report!(::log::Level::Error, $($message)+) }; }
macro_rules! warn { ($($message:tt)+) => { report!(::log::Level::Warn, $($message)+) }; }
macro_rules! info { ($($message:tt)+) => { report!(::log::Level::Info, $($message)+) }; }
macro_rules! debug { ($($message:tt)+) => { report!(::log::Level::Debug, $($message)+) }; }

/// Where a line comes from.
pub(crate) struct Place {
    pub(crate) target: &'static str,
    pub(crate) file: &'static str,
    pub(crate) line: u32,
}

/// Hands one line to the program's logger. The message may call the program (the `Display` of its errors), and so may the logger: a
/// panic of either costs this line.
#[cold]
#[inline(never)]
pub(crate) fn write(level: Level, place: &Place, message: fmt::Arguments<'_>) {
    let log = |message: fmt::Arguments<'_>| {
        let mut record = Record::builder();
        record.level(level).target(place.target).module_path_static(Some(place.target));
        record.file_static(Some(place.file)).line(Some(place.line));
        catch(|| log::logger().log(&record.args(message).build()))
    };
    if let Err(panicked) = log(format_args!("{}", OneLine(message))) {
        _ = log(format_args!("a log line is lost, its text or the logger {}", OneLine(panicked)));
    }
}

/// Text without control, invisible or reordering characters: those are spelled out as Rust does it, `\n` and `\u{1b}`, so that text of
/// a client can neither begin a line of the log nor drive the terminal that shows it.
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

/// An error with all its causes, outermost first: `cannot load: no such file`. Stops after [`CAUSES`] of them: a chain may be a ring.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn Error + 'a));

const CAUSES: usize = 16;

impl Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        for _ in 0..CAUSES {
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
    fn nothing_in_a_line_ends_it_or_drives_a_terminal() {
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
        assert_eq!(Chain(&error).to_string(), "outer: middle: inner");
        assert_eq!(Chain(&io::Error::other("alone")).to_string(), "alone");
    }
}
