//! Hands the socket to another protocol after 101 (RFC 9110 §7.8).

use super::{Conn, ConnState};
use crate::http1::status::StatusCode;
use crate::net::sockets::socket::Socket;
use crate::response::Response;
use crate::response::body_source::UpgradeCallback;

impl<S: Socket> Conn<S> {
    /// Starts an upgrade, if the response is 101 and has a callback. Otherwise drops the source of
    /// a body that is not sent (a response to HEAD), which its producer notices.
    #[cold]
    pub(super) fn begin_upgrade(&mut self, response: &mut Response, status: StatusCode) -> bool {
        let Some(mut source) = response.take_source() else { return false };
        // With a body still to come, nothing marks where the other protocol begins.
        if status != StatusCode::SWITCHING_PROTOCOLS || self.http.expects_body() {
            return false;
        }
        let Some(callback) = source.take_upgrade() else { return false };
        self.http.switch_protocols();
        self.buffered.get_or_insert_default();
        self.state.change(ConnState::Upgrading(Box::new(callback)));
        true
    }

    /// Returns the socket, the bytes after the request, and the callback.
    pub(crate) fn into_upgrade(mut self) -> Option<(S, Vec<u8>, UpgradeCallback)> {
        self.release_request();
        let (Some(mut buffered), ConnState::Upgrading(callback)) = (self.buffered, self.state) else { return None };
        Some((self.socket, buffered.input.split_off(buffered.start.min(buffered.input.len())), *callback))
    }
}
