//! Sockets, readiness, time and threads; knows no route.

mod body_memory;
pub(crate) mod conn;
mod exchange;
mod file_budget;
pub(crate) mod millis;
mod observer;
mod sent_tracker;
mod slow_handlers;
pub(crate) mod sockets;
mod spare_buffers;
pub(crate) mod threads;
pub(crate) mod tick;
pub(crate) mod timeouts;
mod transfer;
pub(crate) mod worker;
