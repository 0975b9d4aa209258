//! A request that broke off, came too late or was wrong: which refusal it gets, and what of it still stands; writes none.

use super::{Connection, Fault, Framing, Head, Limits, ProtocolError, Recv, Send, Version};

impl Connection {
    /// The peer sent FIN behind `input`. A request that broke off is refused (RFC 9112 §8); anything else just ends.
    pub(crate) fn receive_eof(&mut self, input: &[u8], head: &mut Head, limits: &Limits) -> Result<(), ProtocolError> {
        match self.recv {
            Recv::Head => Err(self.truncated(input, head, limits, Fault::EndedEarly)),
            Recv::Body => {
                self.fail(input);
                Err(Fault::EndedEarly.at(input.len()))
            }
            Recv::Idle => {
                self.set_recv(Recv::Closed);
                self.set_send(Send::Closed);
                Ok(())
            }
            Recv::Done | Recv::Closed | Recv::Failed => Ok(()),
        }
    }

    /// Time is up for a head or a body that is not whole: the refusal to send, if the peer began to speak at all.
    pub(crate) fn expire(
        &mut self,
        input: &[u8],
        head: &mut Head,
        limits: &Limits,
        late: Fault,
    ) -> Option<ProtocolError> {
        match self.recv {
            Recv::Head => Some(self.truncated(input, head, limits, late)),
            Recv::Body => {
                self.fail(input);
                Some(late.at(input.len()))
            }
            _ => None,
        }
    }

    /// Whether a refused request has a head that stands: what was wrong came behind it, or was too much.
    pub(crate) fn head_is_valid(&self) -> bool {
        !self.head_invalid
    }

    /// A head that will not be whole any more: one last look may find that it was wrong all along, which is the better answer.
    fn truncated(&mut self, input: &[u8], head: &mut Head, limits: &Limits, otherwise: Fault) -> ProtocolError {
        self.fail(input);
        match head.parse(input, limits) {
            Err(reject) => reject,
            Ok(_) => otherwise.at(input.len()),
        }
    }

    /// `input`: the request as far as it came, if its head does not stand.
    #[cold]
    #[inline(never)]
    pub(super) fn fail(&mut self, input: &[u8]) {
        self.set_recv(Recv::Failed);
        self.keep_alive = false;
        self.body_start = 0;
        self.framing = Framing::default();
        self.head_invalid = self.send == Send::Idle;
        if self.head_invalid {
            // The version of a refused head is not known: the answer is framed for the one that every client reads. The method
            // stands at its front: who asks with HEAD takes no content, whatever else is wrong (RFC 9110 §9.3.2).
            self.version = Version::Http11;
            self.sends_body = !input.strip_prefix(b"\r\n").unwrap_or(input).starts_with(b"HEAD ");
            self.set_send(Send::Respond);
        }
    }
}
