//! Stand-ins for the TLS types when the `tls` feature is off. Uninhabited, so they compile to
//! nothing.

use std::convert::Infallible;
use std::io::{self, Read, Write};

use super::raw_stream::RawStream;
use super::socket::Socket;
use crate::response::upgraded::Upgraded;

/// No TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsAcceptor(Option<Infallible>);

impl TlsAcceptor {
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn session(&self) -> io::Result<Option<Infallible>> {
        Ok(self.0)
    }
}

pub(crate) struct TlsStream(Infallible);

impl TlsStream {
    pub(crate) fn new(_: RawStream, never: Infallible) -> TlsStream {
        TlsStream(never)
    }

    pub(crate) fn inner(&self) -> &RawStream {
        match self.0 {}
    }

    pub(crate) fn inner_mut(&mut self) -> &mut RawStream {
        match self.0 {}
    }

    pub(crate) fn into_upgraded(self) -> io::Result<Upgraded> {
        match self.0 {}
    }
}

impl Read for TlsStream {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl Write for TlsStream {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

impl Socket for TlsStream {
    fn shutdown_write(&mut self) {
        match self.0 {}
    }

    fn reset_on_close(&mut self) {
        match self.0 {}
    }
}
