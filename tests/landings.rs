//! The landings of the ladder, `examples/ladder`, run their own tests here: cargo runs none of an
//! example.

#[path = "../examples/ladder/message.rs"]
#[allow(dead_code, reason = "its tests use a part")]
mod message;
