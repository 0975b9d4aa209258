//! `wirelight routes`: prints the route table of the demo API, or its OpenAPI document.

use lexopt::Arg::{Long, Short};
use wirelight::App;

use super::failure::Failure;
use super::options::bad_option;
use super::output::println_flush;
use super::{demo, help};

/// Prints the table, the document or the help.
pub(super) fn run(mut arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut print: fn(&App) -> String = |app| app.routes().to_string();
    while let Some(argument) = arguments.next().map_err(bad_option)? {
        match argument {
            Long("openapi") => print = |app| demo::document(app).to_string(),
            Short('h') | Long("help") => {
                println_flush(help::of("routes"));
                return Ok(());
            }
            other => return Err(bad_option(other.unexpected())),
        }
    }
    println_flush(print(&demo::app(false)).trim_end());
    Ok(())
}
