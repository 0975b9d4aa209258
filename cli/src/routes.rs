//! `wirelight routes`: prints the route table of the demo API; opens nothing.

use lexopt::Arg::{Long, Short};

use super::{Failure, confused, demo, help, say};

/// Prints the table, or the help when it was asked for.
pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    match arguments.next().map_err(confused)? {
        None => say(demo::app().routes().to_string().trim_end()),
        Some(Short('h') | Long("help")) => say(help::of("routes")),
        Some(other) => return Err(confused(other.unexpected())),
    }
    Ok(())
}
