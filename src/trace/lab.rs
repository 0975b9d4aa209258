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
    /// The server holds the connection before this stage, until it may go on.
    Held { before: &'static str },
}

/// What a client that is stepped by hand lets its connection do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StepPermit {
    Wait,
    /// One stage.
    Step,
    /// It is not stepped, or no longer.
    Free,
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
    /// Stages that its connection may go through; `None` if it is not stepped by hand.
    steps: Option<u32>,
    /// When it was stepped last.
    stepped_at: Option<Instant>,
}

impl LabClients {
    /// Adds a client that is about to connect. If `stepped`, its connection waits before each stage.
    pub(crate) fn add(&self, address: SocketAddr, stepped: bool) {
        let mut clients = lock(&self.0);
        if clients.len() >= CLIENTS {
            clients.remove(0);
        }
        clients.push(LabClient { address, events: Vec::new(), steps: stepped.then_some(0), stepped_at: None });
    }

    /// Lets the connection of a client go through one more stage, or from now on run freely. Returns
    /// whether it is stepped by hand.
    pub(crate) fn step(&self, address: SocketAddr, freely: bool) -> bool {
        let mut clients = lock(&self.0);
        let Some(client) = clients.iter_mut().find(|client| client.address == address) else { return false };
        let Some(steps) = client.steps else { return false };
        client.steps = if freely { None } else { Some(steps.saturating_add(1)) };
        client.stepped_at = Some(Instant::now());
        true
    }

    /// Returns whether the client is stepped by hand, and when it was last.
    pub(crate) fn stepped(&self, address: SocketAddr) -> Option<Option<Instant>> {
        let clients = lock(&self.0);
        let client = clients.iter().find(|client| client.address == address)?;
        client.steps.map(|_| client.stepped_at)
    }

    /// Takes the permit for one stage.
    pub(super) fn take_step(&self, address: SocketAddr) -> StepPermit {
        let mut clients = lock(&self.0);
        let steps = clients.iter_mut().find(|client| client.address == address).map(|client| &mut client.steps);
        match steps {
            Some(Some(0)) => StepPermit::Wait,
            Some(Some(steps)) => {
                *steps -= 1;
                StepPermit::Step
            }
            Some(None) | None => StepPermit::Free,
        }
    }

    /// Adds an event that happens now.
    pub(crate) fn note(&self, address: SocketAddr, event: LabEvent) {
        let mut clients = lock(&self.0);
        if let Some(client) = clients.iter_mut().find(|client| client.address == address) {
            client.events.push((Instant::now(), event));
            if event.is_last() {
                client.steps = None; // its connection ends by itself
            }
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
            LabEvent::Held { .. } => "lab.held",
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
