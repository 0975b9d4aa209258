//! Without the feature `restart`, nobody leaves this process a socket, and it leaves none to anybody.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::places::Address;
use crate::net::sockets::listeners::Listener;
use crate::net::threads::shutdown::ShutdownControl;
use crate::net::threads::signals::Signals;

pub(super) fn take(_: &Address) -> Option<(Address, Vec<Listener>)> {
    None
}

pub(super) fn tell_ready() {}

pub(super) fn on_signal(_: &mut Signals, _: &[Vec<Listener>], _: &Arc<ShutdownControl>, _: Duration) -> io::Result<()> {
    Ok(())
}
