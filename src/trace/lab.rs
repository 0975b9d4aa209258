//! Passes on what the clients of the wire view's lab observe. The tracer of the worker that serves
//! such a client writes it among the events of its connection.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Instant;

use crate::sync::lock;

/// Clients that are remembered. A few run at a time; one that no worker accepts is never taken.
const CLIENTS: usize = 64;

/// What a client does or observes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LabEvent {
    /// `connect` has returned.
    Connected,
    /// The kernel took so many bytes, which begin at this offset of the stream.
    Sent { bytes: u64, offset: u64 },
    /// So many bytes were read, which begin at this offset of the stream.
    Got { bytes: u64, offset: u64 },
    /// The server's FIN was read.
    Eof,
    /// The server reset the connection.
    Rst,
    /// The client has closed its writing side, or the connection.
    Closed(ClientClose),
}

/// How a client closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientClose {
    /// FIN; it reads on.
    Half,
    Fin,
    Rst,
}

/// The clients, by their addresses.
#[derive(Default)]
pub(crate) struct LabClients(Mutex<Vec<LabClient>>);

struct LabClient {
    address: SocketAddr,
    /// Events that are not written yet.
    events: Vec<(Instant, LabEvent)>,
}

impl LabClients {
    /// Adds a client that is about to connect.
    pub(crate) fn add(&self, address: SocketAddr) {
        let mut clients = lock(&self.0);
        if clients.len() >= CLIENTS {
            clients.remove(0);
        }
        clients.push(LabClient { address, events: Vec::new() });
    }

    /// Adds an event that happens now.
    pub(crate) fn note(&self, address: SocketAddr, event: LabEvent) {
        let mut clients = lock(&self.0);
        if let Some(client) = clients.iter_mut().find(|client| client.address == address) {
            client.events.push((Instant::now(), event));
        }
    }

    pub(super) fn has(&self, address: SocketAddr) -> bool {
        lock(&self.0).iter().any(|client| client.address == address)
    }

    /// Takes the events of a client. Forgets it after its last one.
    pub(super) fn take(&self, address: SocketAddr) -> Vec<(Instant, LabEvent)> {
        let mut clients = lock(&self.0);
        let Some(at) = clients.iter().position(|client| client.address == address) else { return Vec::new() };
        let events = clients.get_mut(at).map(|client| std::mem::take(&mut client.events)).unwrap_or_default();
        if events.iter().any(|(_, event)| event.is_last()) {
            clients.swap_remove(at);
        }
        events
    }
}

impl LabEvent {
    /// Returns whether the client does nothing after it.
    pub(super) fn is_last(self) -> bool {
        matches!(self, LabEvent::Closed(ClientClose::Fin | ClientClose::Rst))
    }

    /// Returns its name in the schema.
    pub(super) fn name(self) -> &'static str {
        match self {
            LabEvent::Connected => "lab.connected",
            LabEvent::Sent { .. } => "lab.sent",
            LabEvent::Got { .. } => "lab.got",
            LabEvent::Eof => "lab.eof",
            LabEvent::Rst => "lab.rst",
            LabEvent::Closed(_) => "lab.closed",
        }
    }
}

impl ClientClose {
    pub(super) fn name(self) -> &'static str {
        match self {
            ClientClose::Half => "half",
            ClientClose::Fin => "fin",
            ClientClose::Rst => "rst",
        }
    }
}
