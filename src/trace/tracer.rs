//! Implements `Probe`: keeps a `Conversation` for each connection, renders its events and queues
//! them without waiting.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::config::Trace;
use super::conversation::{Conversation, Position};
use super::lab::{LabClients, StepPermit};
use super::line_writer::LineWriter;
use super::output::Output;
use super::probe::{Event, Observation, Probe, nanoseconds};
use super::redact::Redactor;
use super::server_start::ServerStart;
use super::untraced::Beginning;

/// Bytes of a read or a write that is written at any rate if its client is one of the lab.
const SHORT: usize = 4 * 1024;

/// All traces of one server, with a writing thread for each.
pub(crate) struct Tracing {
    outputs: Vec<Arc<Output>>,
    began: Instant,
    /// Whether a page of the wire view watches, if nothing else reads the trace.
    watched: Option<Arc<AtomicBool>>,
    untraced: Option<&'static str>,
    lab: Option<Arc<LabClients>>,
}

/// The probe of one worker.
pub(crate) struct Tracer {
    connections: HashMap<u64, TracedConnection, BuildHasherDefault<IdHasher>>,
    writer: LineWriter,
    began: Instant,
    untraced: Option<&'static str>,
    lab: Option<Arc<LabClients>>,
    /// Clients of the lab that this worker serves.
    served: Vec<ServedClient>,
}

struct ServedClient {
    address: SocketAddr,
    /// Number of its connection.
    connection: u64,
    /// When that was accepted.
    opened: u64,
    /// It is stepped by hand.
    stepped: bool,
}

struct TracedConnection {
    conversation: Conversation,
    incoming: Redactor,
    outgoing: Redactor,
    beginning: Beginning,
    observer: bool,
    /// Its accept was written.
    begun: bool,
}

impl Tracing {
    /// Starts the writing threads and writes the start event.
    ///
    /// # Errors
    /// Returns an error if a thread cannot be created.
    pub(crate) fn start(traces: Vec<Trace>, start: &ServerStart<'_>) -> io::Result<Tracing> {
        Tracing::with(traces, start, false)
    }

    /// The same for tests, which want all events however large they are: nothing is skipped or
    /// dropped, and what waits for a slow reader has no bound.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be created.
    pub(crate) fn lossless(trace: Trace, start: &ServerStart<'_>) -> io::Result<Tracing> {
        Tracing::with(vec![trace], start, true)
    }

    fn with(traces: Vec<Trace>, start: &ServerStart<'_>, lossless: bool) -> io::Result<Tracing> {
        let untraced = traces.iter().find_map(|trace| trace.untraced);
        let watched = traces.iter().find_map(|trace| trace.watched.clone()).filter(|_| traces.len() == 1);
        let lab = traces.iter().find_map(|trace| trace.lab.clone());
        let outputs =
            traces.into_iter().map(|trace| Output::start(trace, start, lossless)).collect::<io::Result<_>>()?;
        Ok(Tracing { outputs, began: Instant::now(), watched, untraced, lab })
    }

    /// Creates the probe for one worker.
    pub(crate) fn tracer(&self, worker: u32) -> Tracer {
        Tracer {
            connections: HashMap::default(),
            writer: LineWriter::new(worker, &self.outputs, self.watched.clone()),
            began: self.began,
            untraced: self.untraced,
            lab: self.lab.clone(),
            served: Vec::new(),
        }
    }

    /// Lets the threads write what is left after the server has ended, while each batch takes less
    /// than `patience`.
    pub(crate) fn finish(self, patience: Duration) {
        self.outputs.iter().for_each(|output| output.queue.finish(patience));
    }
}

impl Probe for Tracer {
    const ENABLED: bool = true;

    fn is_recording(&self) -> bool {
        !self.writer.is_skipping()
    }

    fn record(&mut self, connection: u64, observation: Observation<'_>) {
        let observation = self.marked(connection, observation);
        if self.writer.is_skipping() {
            if !self.is_never_skipped(connection, observation) {
                return self.skip(connection, observation);
            }
            self.writer.report_dropped();
        }
        (self.writer.time, self.writer.caller) = (self.now(), Location::caller());
        if connection == 0 {
            if let Observation::Event(event) = observation {
                self.writer.write((0, 0), Position::default(), event);
            }
            return;
        }
        let Tracer { connections, writer, untraced, .. } = self;
        let traced = entry(connections, connection, writer.time);
        let clock = (connection, traced.conversation.age(writer.time));
        if untraced.is_some_and(|prefix| traced.becomes_observer(observation, prefix)) {
            writer.write(clock, Position::default(), Event::ConnObserver);
        }
        traced.begun |= matches!(observation, Observation::Event(Event::ConnOpen { .. }));
        let closed = matches!(observation, Observation::Closed { .. });
        if traced.observer && !closed {
            return traced.skip(writer.time, observation);
        }
        let TracedConnection { conversation, incoming, outgoing, .. } = traced;
        writer.secrets.clear();
        match observation {
            Observation::Event(Event::ConnRecv { data, .. }) => incoming.find(data, &mut writer.secrets),
            Observation::Event(Event::ConnSend { data, .. }) => outgoing.find(data, &mut writer.secrets),
            _ => {}
        }
        conversation.record(writer.time, observation, &mut |position, event| writer.write(clock, position, event));
        if closed {
            connections.remove(&connection);
        }
    }

    fn flush(&mut self) {
        if !self.served.is_empty() {
            self.write_lab_events();
        }
        let now = self.now();
        self.writer.end_tick(now);
    }

    fn owes_notice(&self) -> bool {
        self.writer.owes_notice()
    }

    fn is_stepped(&self, connection: u64) -> bool {
        self.served.iter().any(|client| client.connection == connection && client.stepped)
    }

    fn may_step(&mut self, connection: u64) -> bool {
        let client = self.served.iter_mut().find(|client| client.connection == connection);
        let (Some(client), Some(lab)) = (client, &self.lab) else { return true };
        let permit = lab.take_step(client.address);
        client.stepped = permit != StepPermit::Free;
        permit != StepPermit::Wait
    }
}

impl Tracer {
    fn now(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }

    /// Marks the accept of a client of the lab.
    fn marked<'o>(&mut self, connection: u64, observation: Observation<'o>) -> Observation<'o> {
        match (observation, &self.lab) {
            (Observation::Event(Event::ConnOpen { fd, token, peer: Some(peer), local, .. }), Some(lab))
                if lab.has(peer) =>
            {
                let (opened, stepped) = (nanoseconds(self.began.elapsed()), lab.stepped(peer).is_some());
                self.served.push(ServedClient { address: peer, connection, opened, stepped });
                Event::ConnOpen { fd, token, peer: Some(peer), local, lab: true }.into()
            }
            _ => observation,
        }
    }

    /// Returns whether it is written at any rate. A connection whose accept was written has its close
    /// too: else a reader would wait for it. Of a connection from the lab, all but long runs of bytes
    /// is: a visitor who sends a large body, or sends while others flood the server, else sees half
    /// of an exchange and takes it for the whole.
    #[cold]
    fn is_never_skipped(&self, connection: u64, observation: Observation<'_>) -> bool {
        match observation {
            Observation::Event(Event::ConnOpen { lab, .. }) => lab,
            Observation::Event(Event::ConnRecv { data, .. } | Event::ConnSend { data, .. }) if data.len() > SHORT => {
                false
            }
            Observation::Closed { .. } => self.connections.get(&connection).is_some_and(|traced| traced.begun),
            _ => self.served.iter().any(|client| client.connection == connection),
        }
    }

    /// Writes what the clients of the lab have observed since the last time. They are few, so
    /// this too is written at any rate.
    #[cold]
    fn write_lab_events(&mut self) {
        let Tracer { writer, lab: Some(lab), served, began, .. } = self else { return };
        writer.caller = Location::caller();
        served.retain(|&ServedClient { address, connection, opened, .. }| {
            let events = lab.take(address);
            if !events.is_empty() {
                writer.report_dropped();
            }
            for (at, event) in &events {
                writer.time = nanoseconds(at.saturating_duration_since(*began));
                let clock = (connection, writer.time.saturating_sub(opened));
                writer.write(clock, Position::default(), Event::Lab(*event));
            }
            !events.iter().any(|(_, event)| event.is_last())
        });
    }

    /// Updates the state without writing, so that later events are correct.
    fn skip(&mut self, connection: u64, observation: Observation<'_>) {
        let Tracer { connections, writer, untraced, .. } = self;
        if connection == 0 {
            return writer.count_skipped(observation);
        }
        let traced = entry(connections, connection, writer.time);
        let closed = matches!(observation, Observation::Closed { .. });
        // Always written: else its accept, if that was written, would stay a client's.
        if untraced.is_some_and(|prefix| traced.becomes_observer(observation, prefix)) {
            writer.write((connection, traced.conversation.age(writer.time)), Position::default(), Event::ConnObserver);
        }
        traced.skip(writer.time, observation);
        if !traced.observer || closed {
            writer.count_skipped(observation);
        }
        if closed {
            connections.remove(&connection);
        }
    }
}

impl TracedConnection {
    /// Updates the state without writing, so that later events are correct.
    fn skip(&mut self, now: u64, observation: Observation<'_>) {
        match observation {
            Observation::Event(Event::ConnRecv { data, .. }) => self.incoming.skip(data),
            Observation::Event(Event::ConnSend { data, .. }) => self.outgoing.skip(data),
            _ => {}
        }
        self.conversation.skip(now, observation);
    }

    /// Returns whether the connection asks for the path prefix now, for the first time.
    fn becomes_observer(&mut self, observation: Observation<'_>, prefix: &str) -> bool {
        let asks = match observation {
            _ if self.observer => return false,
            Observation::Event(Event::ConnRecv { data, .. }) => {
                if self.conversation.is_between_requests() {
                    self.beginning = Beginning::default();
                }
                self.beginning.read(data, prefix.as_bytes())
            }
            // A request that came in one read with the one before it.
            Observation::Event(Event::ParseHead { bytes, .. }) => Beginning::default().read(bytes, prefix.as_bytes()),
            _ => false,
        };
        self.observer = asks;
        asks
    }
}

/// Returns the entry of a connection, which its first event creates.
fn entry(
    connections: &mut HashMap<u64, TracedConnection, BuildHasherDefault<IdHasher>>,
    number: u64,
    now: u64,
) -> &mut TracedConnection {
    connections.entry(number).or_insert_with(|| TracedConnection {
        conversation: Conversation::new(now),
        incoming: Redactor::default(),
        outgoing: Redactor::default(),
        beginning: Beginning::default(),
        observer: false,
        begun: false,
    })
}

/// Hashes connection numbers, which clients cannot choose: spreading them is enough. Each event
/// looks one up.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::Value;

    use super::*;
    use crate::http1::limits::Limits;
    use crate::trace::lab::{ClientClose, LabEvent};
    use crate::trace::probe::{CloseReason, IoOutcome};

    /// Returns the recorded events of five reads, when those at `silent` fall into skipped
    /// iterations.
    fn told(silent: &[usize]) -> Vec<Value> {
        let (mut page, writer) = io::pipe().unwrap();
        let limits = Limits::default();
        let start = ServerStart { addresses: Vec::new(), backlog: 1, workers: 1, limits: &limits, routes: Vec::new() };
        let tracing = Tracing::start(vec![Trace::json().to(writer)], &start).unwrap();
        let mut tracer = tracing.tracer(0);
        let reads = ["GET / HTTP/1.1\r\nHost: a\r\nCookie: to", "p secret\r\n folded", "\r\nA: b", "\r\n\r\n", "GET"];
        for (number, data) in reads.iter().enumerate() {
            tracer.writer.skip_next_tick(silent.contains(&number));
            tracer.flush();
            let outcome = IoOutcome::Bytes(data.len());
            tracer.record(1, Event::ConnRecv { outcome, data: data.as_bytes() }.into());
        }
        drop(tracer);
        tracing.finish(Duration::from_secs(60));
        let mut text = String::new();
        page.read_to_string(&mut text).unwrap();
        text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What was skipped is told soon, also if nothing else happens: the worker wakes for it.
    #[test]
    fn what_is_skipped_is_owed_until_it_is_told() {
        let limits = Limits::default();
        let start = ServerStart { addresses: Vec::new(), backlog: 1, workers: 1, limits: &limits, routes: Vec::new() };
        let tracing = Tracing::start(vec![Trace::json().to(io::sink())], &start).unwrap();
        let mut tracer = tracing.tracer(0);
        assert!(!tracer.owes_notice());
        for owes in [true, true, false] {
            tracer.writer.skip_next_tick(owes);
            tracer.flush();
            if tracer.writer.is_skipping() {
                tracer.record(1, Event::ConnRecv { outcome: IoOutcome::WouldBlock, data: b"" }.into());
            }
            assert_eq!(tracer.owes_notice(), owes);
        }
    }

    #[test]
    fn events_after_a_gap_are_true_and_the_gap_is_counted() {
        let whole = told(&[]);
        assert_eq!(whole.len(), 5);
        for silent in [&[0, 1][..], &[1], &[2, 3], &[0, 2, 4], &[4]] {
            let (mut last, mut missing) = (0, 0);
            for line in told(silent) {
                if line["e"] == "probe.drop" {
                    missing += line["events"].as_u64().unwrap();
                    continue;
                }
                let number = line["q"].as_u64().unwrap();
                let of_whole = &whole[number as usize - 1];
                assert_eq!((&line["off"], &line["data"]), (&of_whole["off"], &of_whole["data"]), "{silent:?}");
                assert_eq!(number - last - 1, std::mem::take(&mut missing), "{silent:?}");
                last = number;
            }
            assert_eq!(5 - last, missing, "{silent:?}");
        }
    }

    /// What a client of the lab does is in the trace whatever else is skipped, but for long runs of
    /// bytes. What has begun in the trace ends in it.
    #[test]
    fn the_lab_and_what_has_begun_are_written_at_any_rate() {
        let (mut page, writer) = io::pipe().unwrap();
        let lab = Arc::new(LabClients::default());
        let limits = Limits::default();
        let start = ServerStart { addresses: Vec::new(), backlog: 1, workers: 1, limits: &limits, routes: Vec::new() };
        let tracing = Tracing::start(vec![Trace::json().to(writer).lab(lab.clone())], &start).unwrap();
        let mut tracer = tracing.tracer(0);
        let (client, server) = (SocketAddr::from(([127, 0, 0, 1], 4000)), SocketAddr::from(([127, 0, 0, 1], 80)));
        let accept = |peer| Event::ConnOpen { fd: 7, token: 1, peer: Some(peer), local: Some(server), lab: false };
        let read = |data| Event::ConnRecv { outcome: IoOutcome::Bytes(1), data };
        lab.add(client, false);
        for (number, peer, skipped) in [(1, client, true), (2, server, true), (3, server, false)] {
            tracer.writer.skip_next_tick(skipped);
            tracer.flush();
            tracer.record(number, accept(peer).into());
            tracer.writer.skip_next_tick(true);
            tracer.flush();
            tracer.record(number, read(b"x").into());
            tracer.record(number, read(&[b'x'; SHORT + 1]).into());
            tracer.record(number, Event::ReqContinue { sent: true }.into());
            lab.note(client, LabEvent::Closed(ClientClose::Fin));
            tracer.writer.skip_next_tick(true);
            tracer.flush();
            tracer.record(number, Observation::Closed { how: CloseReason::Fin, unread: 0 });
        }
        drop(tracer);
        tracing.finish(Duration::from_secs(60));
        let mut text = String::new();
        page.read_to_string(&mut text).unwrap();
        let lines: Vec<Value> = text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
        let seen: Vec<_> = lines.iter().map(|line| (line["e"].as_str().unwrap(), line["c"].as_u64())).collect();
        let expected = [
            ("conn.open", Some(1)),
            ("conn.recv", Some(1)),
            ("probe.drop", None),
            ("req.continue", Some(1)),
            ("lab.closed", Some(1)),
            ("conn.close", Some(1)),
            ("probe.drop", None),
            ("conn.open", Some(3)),
            ("probe.drop", None),
            ("conn.close", Some(3)),
        ];
        assert_eq!(seen, expected);
        assert_eq!([2, 6, 8].map(|at| lines[at]["events"].as_u64()), [1, 5, 3].map(Some));
    }
}
