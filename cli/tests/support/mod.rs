//! What several tests of the command share: the library's test support, and the command as a child process.
#![allow(
    dead_code,
    unused_imports,
    clippy::unwrap_used,
    reason = "each program uses a part, and stops at the first surprise"
)]

pub use library::{bounded, folder, messages, server, trace};
pub use program::Program;

#[path = "../../../tests/support/mod.rs"]
mod library;
pub mod program;
