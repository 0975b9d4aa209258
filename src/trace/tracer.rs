//! Implements `Probe`: keeps a `Conversation` for each connection, renders its events and queues
//! them without waiting.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::config::{EventFilter, Format, Trace};
use super::conversation::{Conversation, Position};
use super::json;
use super::lab::{LabClients, StepPermit};
use super::output_queue::{Batch, Dropped, OutputQueue};
use super::probe::{Event, Observation, Probe, nanoseconds};
use super::record::Record;
use super::redact::Redactor;
use super::render_options::RenderOptions;
use super::server_start::ServerStart;
use super::summary::{self, TransferRun};
use super::terminal;
use super::untraced::Beginning;

/// Batch size at which the worker passes it on before its iteration ends.
const BATCH: usize = 64 * 1024;

/// Rate limit per worker, in bytes of lines a second, and its burst. A busy server could write 400
/// MB/s; above the limit, whole iterations of the loop are skipped and counted.
const RATE: i64 = 16 * 1024 * 1024;
const BURST: i64 = 8 * 1024 * 1024;

/// The same while the wire view alone reads and no page watches: it keeps no more than this.
const UNWATCHED_RATE: i64 = 512 * 1024;
const UNWATCHED_BURST: i64 = 1024 * 1024;

/// All traces of one server, with a writing thread for each.
pub(crate) struct Tracing {
    outputs: Vec<Arc<Output>>,
    began: Instant,
    /// Whether a page of the wire view watches, if nothing else reads the trace.
    watched: Option<Arc<AtomicBool>>,
    untraced: Option<&'static str>,
    lab: Option<Arc<LabClients>>,
}

/// One trace output.
struct Output {
    format: Format,
    filter: EventFilter,
    options: RenderOptions,
    queue: OutputQueue,
}

/// The probe of one worker.
pub(crate) struct Tracer {
    connections: HashMap<u64, TracedConnection, BuildHasherDefault<IdHasher>>,
    writer: Writer,
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
}

/// State shared by all lines of one worker.
struct Writer {
    worker: u32,
    sequence: u64,
    time: u64,
    secrets: Vec<Range<usize>>,
    /// Source location that recorded the current event.
    caller: &'static Location<'static>,
    /// Bytes that may still be written, and when that was last updated. An iteration is always
    /// completed, so the budget may become negative.
    watched: Option<Arc<AtomicBool>>,
    budget: i64,
    refilled_at: u64,
    /// Whether this iteration is skipped.
    skipping: bool,
    skipped: Dropped,
    outputs: Vec<OutputBuffer>,
}

/// Lines that one worker has written for one output.
struct OutputBuffer {
    output: Arc<Output>,
    /// Lines to pass on; `None` if the reader has closed.
    batch: Option<Batch>,
    /// Connection and time of the last line.
    last: (u64, u64),
    transfers: TransferRun,
}

impl Tracing {
    /// Starts the writing threads and writes the start event.
    ///
    /// # Errors
    /// Returns an error if a thread cannot be created.
    pub(crate) fn start(traces: Vec<Trace>, start: &ServerStart<'_>) -> io::Result<Tracing> {
        let mut outputs = Vec::new();
        let untraced = traces.iter().find_map(|trace| trace.untraced);
        let watched = traces.iter().find_map(|trace| trace.watched.clone()).filter(|_| traces.len() == 1);
        let lab = traces.iter().find_map(|trace| trace.lab.clone());
        for Trace { format: form, writer: to, filter: choice, options: look, .. } in traces {
            let output =
                Arc::new(Output { format: form, filter: choice, options: look, queue: OutputQueue::default() });
            let mut text = Vec::new();
            match form {
                Format::Json => start.json(&mut text),
                Format::Terminal => start.terminal(&mut text, look),
            }
            output.queue.push(&mut Batch { text, counts: Dropped { events: 1, ..Dropped::default() } });
            let writer = output.clone();
            std::thread::Builder::new()
                .name("wirelight-trace".to_owned())
                .spawn(move || writer.queue.drain(to, |lost| writer.drop_notice(lost)))?;
            outputs.push(output);
        }
        Ok(Tracing { outputs, began: Instant::now(), watched, untraced, lab })
    }

    /// Creates the probe for one worker.
    pub(crate) fn tracer(&self, worker: u32) -> Tracer {
        let page = |output: &Arc<Output>| OutputBuffer {
            output: output.clone(),
            batch: Some(Batch::default()),
            last: (0, 0),
            transfers: TransferRun::default(),
        };
        let pages = self.outputs.iter().map(page).collect();
        let pen = Writer {
            worker,
            sequence: 0,
            time: 0,
            secrets: Vec::new(),
            caller: Location::caller(),
            watched: self.watched.clone(),
            budget: BURST,
            refilled_at: 0,
            skipping: false,
            skipped: Dropped::default(),
            outputs: pages,
        };
        let Tracing { began, untraced, ref lab, .. } = *self;
        let (connections, served) = (HashMap::default(), Vec::new());
        Tracer { connections, writer: pen, began, untraced, lab: lab.clone(), served }
    }

    /// Lets the threads write what is left after the server has ended, while each batch takes less
    /// than `patience`.
    pub(crate) fn finish(self, patience: Duration) {
        self.outputs.iter().for_each(|output| output.queue.finish(patience));
    }
}

impl Output {
    fn wants(&self, event: &Event<'_>) -> bool {
        // For people, the full list of routes would suggest that the router tries each of them.
        let far = matches!(event, Event::RouteCandidate { near: false, .. });
        let topics = match &self.filter {
            _ if far && self.format == Format::Terminal => return false,
            EventFilter::All => return true,
            EventFilter::Summary => return summary::includes(event),
            EventFilter::Topics(topics) => topics,
        };
        let name = event.name();
        let topic = name.split_once('.').map_or(name, |(topic, _)| topic);
        topics.iter().any(|wanted| wanted == name || wanted == topic)
    }

    fn drop_notice(&self, lost: Dropped) -> Vec<u8> {
        let Dropped { events, bytes, connections, requests } = lost;
        if self.format == Format::Json {
            let numbers = format!("\"events\":{events},\"bytes\":{bytes},\"conns\":{connections},\"reqs\":{requests}");
            return format!("{{\"e\":\"probe.drop\",{numbers}}}\n").into_bytes();
        }
        let mut text = Vec::new();
        let sentence = format!("{events} events were lost: there is more than can be read");
        terminal::note(&mut text, &sentence, self.options);
        text
    }
}

impl Probe for Tracer {
    const ENABLED: bool = true;

    fn is_recording(&self) -> bool {
        !self.writer.skipping
    }

    fn record(&mut self, connection: u64, observation: Observation<'_>) {
        let observation = self.marked(connection, observation);
        if self.writer.skipping {
            return self.skip(connection, observation);
        }
        (self.writer.time, self.writer.caller) = (self.now(), Location::caller());
        if connection == 0 {
            if let Observation::Event(event) = observation {
                self.writer.write((0, 0), Position::default(), event);
            }
            return;
        }
        let Tracer { connections, writer: pen, untraced, .. } = self;
        let traced = entry(connections, connection, pen.time);
        let clock = (connection, traced.conversation.age(pen.time));
        if untraced.is_some_and(|prefix| traced.becomes_observer(observation, prefix)) {
            pen.write(clock, Position::default(), Event::ConnObserver);
        }
        let closed = matches!(observation, Observation::Closed { .. });
        if traced.observer && !closed {
            return traced.skip(pen.time, observation);
        }
        let TracedConnection { conversation: account, incoming, outgoing, .. } = traced;
        pen.secrets.clear();
        match observation {
            Observation::Event(Event::ConnRecv { data, .. }) => incoming.find(data, &mut pen.secrets),
            Observation::Event(Event::ConnSend { data, .. }) => outgoing.find(data, &mut pen.secrets),
            _ => {}
        }
        account.record(pen.time, observation, &mut |place, event| pen.write(clock, place, event));
        if closed {
            connections.remove(&connection);
        }
    }

    fn flush(&mut self) {
        if !self.served.is_empty() {
            self.write_lab_events();
        }
        self.writer.time = self.now();
        self.writer.end_tick();
        self.writer.outputs.iter_mut().for_each(flush);
    }

    fn owes_notice(&self) -> bool {
        self.writer.skipped.events > 0
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

    /// Writes what the clients of the lab have observed since the last time.
    #[cold]
    fn write_lab_events(&mut self) {
        let Tracer { writer: pen, lab: Some(lab), served, began, .. } = self else { return };
        pen.caller = Location::caller();
        served.retain(|&ServedClient { address, connection, opened, .. }| {
            let events = lab.take(address);
            for (at, event) in &events {
                pen.time = nanoseconds(at.saturating_duration_since(*began));
                match pen.skipping {
                    true => pen.count_skipped(Event::Lab(*event).into()),
                    false => {
                        let clock = (connection, pen.time.saturating_sub(opened));
                        pen.write(clock, Position::default(), Event::Lab(*event));
                    }
                }
            }
            !events.iter().any(|(_, event)| event.is_last())
        });
    }

    /// Updates the state without writing, so that later events are correct.
    fn skip(&mut self, connection: u64, observation: Observation<'_>) {
        let Tracer { connections, writer: pen, untraced, .. } = self;
        if connection == 0 {
            return pen.count_skipped(observation);
        }
        let traced = entry(connections, connection, pen.time);
        let closed = matches!(observation, Observation::Closed { .. });
        // Always written: else its accept, if that was written, would stay a client's.
        if untraced.is_some_and(|prefix| traced.becomes_observer(observation, prefix)) {
            pen.write((connection, traced.conversation.age(pen.time)), Position::default(), Event::ConnObserver);
        }
        traced.skip(pen.time, observation);
        if !traced.observer || closed {
            pen.count_skipped(observation);
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

impl Writer {
    /// Ends an iteration of the loop and decides whether the next one is recorded.
    fn end_tick(&mut self) {
        let unwatched = self.watched.as_ref().is_some_and(|watched| !watched.load(Ordering::Relaxed));
        let (rate, burst) = if unwatched { (UNWATCHED_RATE, UNWATCHED_BURST) } else { (RATE, BURST) };
        let micros = self.time.saturating_sub(self.refilled_at) / 1000;
        self.refilled_at += micros * 1000;
        let more = i64::try_from(micros).unwrap_or(i64::MAX).saturating_mul(rate) / 1_000_000;
        self.budget = self.budget.saturating_add(more).min(burst);
        self.skipping = self.budget <= 0;
        if !self.skipping {
            self.report_dropped();
        }
    }

    /// Counts an event that is not written.
    fn count_skipped(&mut self, observation: Observation<'_>) {
        self.sequence += 1;
        self.skipped.count(observation);
    }

    /// Writes how many events were skipped.
    fn report_dropped(&mut self) {
        let lost = std::mem::take(&mut self.skipped);
        if lost.events > 0 {
            for OutputBuffer { output, batch, .. } in &mut self.outputs {
                for batch in batch.iter_mut() {
                    batch.text.extend(output.drop_notice(lost));
                    batch.counts += lost; // if this notice is dropped too, they still count as lost
                }
            }
        }
    }

    /// Writes an event of the connection with this number and age.
    fn write(&mut self, (connection, age): (u64, u64), place: Position, event: Event<'_>) {
        self.sequence += 1;
        let Writer { worker, sequence, time, caller: code, .. } = *self;
        let line = Record {
            sequence,
            time,
            age,
            worker,
            connection,
            position: place,
            event,
            caller: code,
            secrets: &self.secrets,
        };
        for page in &mut self.outputs {
            let OutputBuffer { output, batch: Some(batch), last, transfers: row } = page else { continue };
            if !output.wants(&event) {
                continue;
            }
            let before = batch.text.len();
            let (about, then) = std::mem::replace(last, (connection, time));
            let pause = if about == connection && connection > 0 { time.saturating_sub(then) } else { 0 };
            let (hidden, note) = match output.filter {
                EventFilter::Summary => row.push(connection, pause, &event),
                _ => (false, None),
            };
            note.iter().for_each(|note| terminal::note(&mut batch.text, note, output.options));
            match output.format {
                _ if hidden => {}
                Format::Json => json::write(&mut batch.text, &line, output.options),
                Format::Terminal => terminal::write(&mut batch.text, &line, pause, output.options),
            }
            batch.counts.count_event(&event);
            self.budget -= (batch.text.len() - before) as i64;
            if batch.text.len() >= BATCH {
                flush(page);
            }
        }
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

fn flush(OutputBuffer { output, batch, .. }: &mut OutputBuffer) {
    if let Some(full) = batch
        && !full.text.is_empty()
        && !output.queue.push(full)
    {
        *batch = None;
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        for OutputBuffer { output, batch, transfers: row, .. } in &mut self.writer.outputs {
            if let (Some(batch), Some(note)) = (batch, row.end()) {
                terminal::note(&mut batch.text, &note, output.options);
            }
        }
        self.writer.report_dropped();
        self.writer.outputs.iter_mut().for_each(flush);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::Value;

    use super::*;
    use crate::http1::limits::Limits;
    use crate::trace::probe::IoOutcome;

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
            tracer.writer.budget = if silent.contains(&number) { i64::MIN } else { BURST };
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

    /// A drop notice that is dropped with its batch still counts the events it reports.
    #[test]
    fn what_a_lost_confession_told_is_lost_with_it() {
        let limits = Limits::default();
        let start = ServerStart { addresses: Vec::new(), backlog: 1, workers: 1, limits: &limits, routes: Vec::new() };
        let tracing = Tracing::start(vec![Trace::json().to(io::sink())], &start).unwrap();
        let mut tracer = tracing.tracer(0);
        tracer.writer.skipped.events = 7;
        tracer.writer.report_dropped();
        assert_eq!(tracer.writer.outputs[0].batch.as_ref().unwrap().counts.events, 7);
    }

    /// What was skipped is told soon, also if nothing else happens: the worker wakes for it.
    #[test]
    fn what_is_skipped_is_owed_until_it_is_told() {
        let limits = Limits::default();
        let start = ServerStart { addresses: Vec::new(), backlog: 1, workers: 1, limits: &limits, routes: Vec::new() };
        let tracing = Tracing::start(vec![Trace::json().to(io::sink())], &start).unwrap();
        let mut tracer = tracing.tracer(0);
        assert!(!tracer.owes_notice());
        for (budget, owes) in [(i64::MIN, true), (i64::MIN, true), (BURST, false)] {
            tracer.writer.budget = budget;
            tracer.flush();
            if tracer.writer.skipping {
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
}
