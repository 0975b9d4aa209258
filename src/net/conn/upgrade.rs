//! How a connection leaves HTTP: behind the 101 its socket belongs to somebody else (RFC 9110 §7.8).

use super::{Conn, ConnState};
use crate::http1::status::StatusCode;
use crate::net::sockets::socket::Socket;
use crate::response::Response;
use crate::response::body_source::UpgradeCallback;

impl<S: Socket> Conn<S> {
    /// The head of an answer without a body is in the output. Whether it was the 101 of somebody who wants the socket. If not, the
    /// source of a body that an answer to HEAD does not have ends here, and who feeds it learns that nobody will read it.
    #[cold]
    pub(super) fn begin_upgrade(&mut self, response: &mut Response, status: StatusCode) -> bool {
        let Some(mut source) = response.take_source() else { return false };
        // Behind a body that is still to come nobody could tell where the other protocol begins.
        if status != StatusCode::SWITCHING_PROTOCOLS || self.http.expects_body() {
            return false;
        }
        let Some(callback) = source.take_upgrade() else { return false };
        self.http.switch_protocols();
        self.buffered.get_or_insert_default();
        self.state.change(ConnState::Upgrading(Box::new(callback)));
        true
    }

    /// What the socket's new owner gets: the socket, the bytes behind the request, and control.
    pub(crate) fn into_upgrade(mut self) -> Option<(S, Vec<u8>, UpgradeCallback)> {
        self.release_request();
        let (Some(mut buffered), ConnState::Upgrading(callback)) = (self.buffered, self.state) else { return None };
        Some((self.socket, buffered.input.split_off(buffered.start.min(buffered.input.len())), *callback))
    }
}
