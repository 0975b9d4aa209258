//! `wirelight routes`: prints the route table of the demo API.

use lexopt::Arg::{Long, Short};

use super::failure::Failure;
use super::options::bad_option;
use super::output::println_flush;
use super::{demo, help};

/// Prints the table or the help.
pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    match arguments.next().map_err(bad_option)? {
        None => println_flush(demo::app().routes().to_string().trim_end()),
        Some(Short('h') | Long("help")) => println_flush(help::of("routes")),
        Some(other) => return Err(bad_option(other.unexpected())),
    }
    Ok(())
}
