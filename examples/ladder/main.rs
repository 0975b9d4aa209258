//! Runs one step of the ladder: `cargo run --example ladder -- 03`. Each file beside this one is a
//! whole program; README.md says what they are for.
#![allow(clippy::duplicate_mod, reason = "each step is a whole program and brings its own modules")]

use std::io;

mod s00_seven_calls;
mod s01_one_read;
mod s02_say_nothing;
mod s03_until_blank_line;
mod s04_close_in_stages;
mod s05_parse;
mod s06_request_body;
mod s07_response_length;
mod s08_keep_alive;
mod s09_pipelining;
mod s10_chunked_in;
mod s11_chunked_out;
mod s12_threads;
mod s13_pool;
mod s14_spin;
mod s15_poll;
mod s16_drain;
mod s17_room;
mod s18_states;
mod s19_patience;
mod s20_limits;
mod s21_router;
mod s22_values;
mod s23_graceful_stop;
mod s24_the_library;
mod side_address_in_use;
mod side_backlog;
mod side_expect_100;
mod side_forty_ms;
mod side_workers;

type Program = fn() -> io::Result<()>;

/// The name on the command line, and the `main` of the program.
const PROGRAMS: &[(&str, Program)] = &[
    ("00", s00_seven_calls::main),
    ("01", s01_one_read::main),
    ("02", s02_say_nothing::main),
    ("03", s03_until_blank_line::main),
    ("04", s04_close_in_stages::main),
    ("05", s05_parse::main),
    ("06", s06_request_body::main),
    ("07", s07_response_length::main),
    ("08", s08_keep_alive::main),
    ("09", s09_pipelining::main),
    ("10", s10_chunked_in::main),
    ("11", s11_chunked_out::main),
    ("12", s12_threads::main),
    ("13", s13_pool::main),
    ("14", s14_spin::main),
    ("15", s15_poll::main),
    ("16", s16_drain::main),
    ("17", s17_room::main),
    ("18", s18_states::main),
    ("19", s19_patience::main),
    ("20", s20_limits::main),
    ("21", s21_router::main),
    ("22", s22_values::main),
    ("23", s23_graceful_stop::main),
    ("24", s24_the_library::main),
    ("address_in_use", side_address_in_use::main),
    ("backlog", side_backlog::main),
    ("expect_100", side_expect_100::main),
    ("forty_ms", side_forty_ms::main),
    ("workers", side_workers::main),
];

fn main() -> io::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    match PROGRAMS.iter().find(|program| program.0 == name) {
        Some((_, program)) => program(),
        None => {
            let names: Vec<_> = PROGRAMS.iter().map(|program| program.0).collect();
            Err(io::Error::other(format!("which step? {}", names.join(", "))))
        }
    }
}
