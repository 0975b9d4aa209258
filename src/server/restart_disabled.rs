//! Replaces `restart.rs` and `socket_activation.rs` when the `restart` feature is off: no socket is
//! inherited or passed on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::address::Address;
use crate::net::sockets::listeners::Listener;
use crate::net::threads::shutdown::ShutdownControl;
use crate::net::threads::signals::Signals;

pub(super) fn take(_: &Address) -> Option<(Address, Vec<Listener>)> {
    None
}

pub(super) fn report_ready() {}

pub(super) fn on_signal(_: &mut Signals, _: &[Vec<Listener>], _: &Arc<ShutdownControl>, _: Duration) -> io::Result<()> {
    Ok(())
}
