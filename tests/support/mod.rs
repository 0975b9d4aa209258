//! What several test programs share. Each uses a part.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "each program uses a part, and stops at the first surprise"
)]

pub mod bounded;
pub mod example;
pub mod folder;
pub mod messages;
pub mod recorded;
pub mod server;
pub mod trace;
pub mod view;
