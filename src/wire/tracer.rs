//! The listener that writes: keeps each connection's account, renders what it says, and hands it on without ever waiting.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::io;
use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::account::{Account, Place};
use super::json;
use super::line::Line;
use super::probe::{Event, Probe, nanoseconds};
use super::ring::{Batch, Lost, Ring};
use super::secret::Secrets;
use super::start::Start;
use super::story::{self, Row};
use super::terminal::{self, Look};
use super::trace::{Choice, Form, Trace};

/// A batch this large is passed on before the worker rests.
const BATCH: usize = 64 * 1024;

/// Bytes of lines that a worker writes in a second at most, and at once after it was quiet. A busy server could tell of 400 MB a
/// second, which no one reads and which costs it nearly all of its speed: then whole turns of its loop go untold, and are counted.
const RATE: i64 = 16 * 1024 * 1024;
const BURST: i64 = 8 * 1024 * 1024;

/// All traces of one server, with a thread for each that writes.
pub(crate) struct Tracing {
    outputs: Vec<Arc<Output>>,
    began: Instant,
}

/// One trace that runs.
struct Output {
    form: Form,
    choice: Choice,
    look: Look,
    ring: Ring,
}

/// One worker's listener.
pub(crate) struct Tracer {
    connections: HashMap<u64, Connection, BuildHasherDefault<Counted>>,
    pen: Pen,
    began: Instant,
}

struct Connection {
    account: Account,
    incoming: Secrets,
    outgoing: Secrets,
}

/// What lines are written with.
struct Pen {
    worker: u32,
    sequence: u64,
    time: u64,
    secrets: Vec<Range<usize>>,
    /// Who told the event at hand.
    code: &'static Location<'static>,
    /// What may still be written, and when that was counted. A turn is told to its end: then it is less than nothing.
    allowance: i64,
    counted: u64,
    /// This turn goes untold.
    silent: bool,
    untold: u64,
    pages: Vec<Page>,
}

/// What one worker has written for one output.
struct Page {
    output: Arc<Output>,
    /// What is to be passed on; none: its reader has gone.
    batch: Option<Batch>,
    /// The connection of the last line, and its time.
    last: (u64, u64),
    row: Row,
}

impl Tracing {
    /// Starts the threads that write, and tells how the server starts.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub(crate) fn start(traces: Vec<Trace>, start: &Start<'_>) -> io::Result<Tracing> {
        let mut outputs = Vec::new();
        for Trace { form, to, choice, look } in traces {
            let output = Arc::new(Output { form, choice, look, ring: Ring::default() });
            let mut text = Vec::new();
            match form {
                Form::Json => start.json(&mut text),
                Form::Terminal => start.terminal(&mut text, look),
            }
            output.ring.push(&mut Batch { text, events: 1 });
            let writer = output.clone();
            std::thread::Builder::new()
                .name("wirelight-trace".to_owned())
                .spawn(move || writer.ring.drain(to, |lost| writer.complaint(lost)))?;
            outputs.push(output);
        }
        Ok(Tracing { outputs, began: Instant::now() })
    }

    /// The listener for one worker.
    pub(crate) fn tracer(&self, worker: u32) -> Tracer {
        let page = |output: &Arc<Output>| Page {
            output: output.clone(),
            batch: Some(Batch::default()),
            last: (0, 0),
            row: Row::default(),
        };
        let pages = self.outputs.iter().map(page).collect();
        let pen = Pen {
            worker,
            sequence: 0,
            time: 0,
            secrets: Vec::new(),
            code: Location::caller(),
            allowance: BURST,
            counted: 0,
            silent: false,
            untold: 0,
            pages,
        };
        Tracer { connections: HashMap::default(), pen, began: self.began }
    }

    /// The server has ended: lets the threads write what is left, as long as each batch takes less than `patience`.
    pub(crate) fn finish(self, patience: Duration) {
        self.outputs.iter().for_each(|output| output.ring.finish(patience));
    }
}

impl Output {
    fn wants(&self, event: &Event<'_>) -> bool {
        // To a person a list of all routes would say that the router goes through it.
        let far = matches!(event, Event::RouteTry { near: false, .. });
        let topics = match &self.choice {
            _ if far && self.form == Form::Terminal => return false,
            Choice::Everything => return true,
            Choice::Story => return story::has(event),
            Choice::Topics(topics) => topics,
        };
        let name = event.name();
        let topic = name.split_once('.').map_or(name, |(topic, _)| topic);
        topics.iter().any(|wanted| wanted == name || wanted == topic)
    }

    fn complaint(&self, lost: Lost) -> Vec<u8> {
        let Lost { events, bytes } = lost;
        if self.form == Form::Json {
            return format!("{{\"e\":\"probe.drop\",\"events\":{events},\"bytes\":{bytes}}}\n").into_bytes();
        }
        let mut text = Vec::new();
        let sentence = format!("{events} events were lost: there is more than can be read");
        terminal::note(&mut text, &sentence, self.look);
        text
    }
}

impl Probe for Tracer {
    const ON: bool = true;

    fn hears(&self) -> bool {
        !self.pen.silent
    }

    fn event(&mut self, connection: u64, event: Event<'_>) {
        if self.pen.silent {
            return self.pass(connection, event);
        }
        (self.pen.time, self.pen.code) = (self.now(), Location::caller());
        if connection == 0 {
            return self.pen.write((0, 0), Place::default(), event);
        }
        let Tracer { connections, pen, .. } = self;
        let Connection { account, incoming, outgoing } = known(connections, connection, pen.time);
        pen.secrets.clear();
        match event {
            Event::ConnRecv { data, .. } => incoming.find(data, &mut pen.secrets),
            Event::ConnSend { data, .. } => outgoing.find(data, &mut pen.secrets),
            _ => {}
        }
        let clock = (connection, account.age(pen.time));
        account.enter(pen.time, event, &mut |place, event| pen.write(clock, place, event));
        if let Event::Closed { .. } = event {
            connections.remove(&connection);
        }
    }

    fn rest(&mut self) {
        self.pen.time = self.now();
        self.pen.turn();
        self.pen.pages.iter_mut().for_each(pass_on);
    }
}

impl Tracer {
    fn now(&self) -> u64 {
        nanoseconds(self.began.elapsed())
    }

    /// Tells nobody, but keeps the books: what is told later has to be true.
    fn pass(&mut self, connection: u64, event: Event<'_>) {
        let Tracer { connections, pen, .. } = self;
        pen.sequence += 1;
        pen.untold += 1;
        if connection == 0 {
            return;
        }
        let Connection { account, incoming, outgoing } = known(connections, connection, pen.time);
        match event {
            Event::ConnRecv { data, .. } => incoming.pass(data),
            Event::ConnSend { data, .. } => outgoing.pass(data),
            _ => {}
        }
        account.pass(pen.time, event);
        if let Event::Closed { .. } = event {
            connections.remove(&connection);
        }
    }
}

impl Pen {
    /// A turn of the loop has ended: is the next one told?
    fn turn(&mut self) {
        let micros = self.time.saturating_sub(self.counted) / 1000;
        self.counted += micros * 1000;
        let more = i64::try_from(micros).unwrap_or(i64::MAX).saturating_mul(RATE) / 1_000_000;
        self.allowance = self.allowance.saturating_add(more).min(BURST);
        self.silent = self.allowance <= 0;
        if !self.silent {
            self.confess();
        }
    }

    /// Says how much went untold.
    fn confess(&mut self) {
        let lost = Lost { events: std::mem::take(&mut self.untold), bytes: 0 };
        if lost.events > 0 {
            for Page { output, batch, .. } in &mut self.pages {
                for batch in batch.iter_mut() {
                    batch.text.extend(output.complaint(lost));
                    batch.events += lost.events; // should it be dropped itself, they are still lost
                }
            }
        }
    }

    /// Writes an event of a connection, of which the number and the age are given.
    fn write(&mut self, (connection, age): (u64, u64), place: Place, event: Event<'_>) {
        self.sequence += 1;
        let Pen { worker, sequence, time, code, .. } = *self;
        let line = Line { sequence, time, age, worker, connection, place, event, code, secrets: &self.secrets };
        for page in &mut self.pages {
            let Page { output, batch: Some(batch), last, row } = page else { continue };
            if !output.wants(&event) {
                continue;
            }
            let before = batch.text.len();
            let (about, then) = std::mem::replace(last, (connection, time));
            let pause = if about == connection && connection > 0 { time.saturating_sub(then) } else { 0 };
            let (hidden, note) = match output.choice {
                Choice::Story => row.next(connection, pause, &event),
                _ => (false, None),
            };
            note.iter().for_each(|note| terminal::note(&mut batch.text, note, output.look));
            match output.form {
                _ if hidden => {}
                Form::Json => json::write(&mut batch.text, &line, output.look),
                Form::Terminal => terminal::write(&mut batch.text, &line, pause, output.look),
            }
            batch.events += 1;
            self.allowance -= (batch.text.len() - before) as i64;
            if batch.text.len() >= BATCH {
                pass_on(page);
            }
        }
    }
}

/// The connection of this number, known from its first event on.
fn known(
    connections: &mut HashMap<u64, Connection, BuildHasherDefault<Counted>>,
    number: u64,
    now: u64,
) -> &mut Connection {
    connections.entry(number).or_insert_with(|| Connection {
        account: Account::new(now),
        incoming: Secrets::default(),
        outgoing: Secrets::default(),
    })
}

/// Numbers that are counted, and that nobody can choose: spreading them is enough, and each event looks one up.
#[derive(Default)]
struct Counted(u64);

impl Hasher for Counted {
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

fn pass_on(Page { output, batch, .. }: &mut Page) {
    if let Some(full) = batch
        && !full.text.is_empty()
        && !output.ring.push(full)
    {
        *batch = None;
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        for Page { output, batch, row, .. } in &mut self.pen.pages {
            if let (Some(batch), Some(note)) = (batch, row.end()) {
                terminal::note(&mut batch.text, &note, output.look);
            }
        }
        self.pen.confess();
        self.pen.pages.iter_mut().for_each(pass_on);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::Value;

    use super::*;
    use crate::http1::limits::Limits;
    use crate::wire::probe::Outcome;

    /// What of five reads is told, when those at `silent` fall into turns that are not.
    fn told(silent: &[usize]) -> Vec<Value> {
        let (mut page, writer) = io::pipe().unwrap();
        let limits = Limits::default();
        let start = Start { addresses: Vec::new(), backlog: 1, workers: 1, limits: &limits, routes: Vec::new() };
        let tracing = Tracing::start(vec![Trace::json().to(writer)], &start).unwrap();
        let mut tracer = tracing.tracer(0);
        let reads = ["GET / HTTP/1.1\r\nHost: a\r\nCookie: to", "p secret\r\n folded", "\r\nA: b", "\r\n\r\n", "GET"];
        for (number, data) in reads.iter().enumerate() {
            tracer.pen.allowance = if silent.contains(&number) { i64::MIN } else { BURST };
            tracer.rest();
            let outcome = Outcome::Bytes(data.len());
            tracer.event(1, Event::ConnRecv { outcome, data: data.as_bytes() });
        }
        drop(tracer);
        tracing.finish(Duration::from_secs(60));
        let mut text = String::new();
        page.read_to_string(&mut text).unwrap();
        text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A confession that is dropped with its batch takes what it confesses along.
    #[test]
    fn what_a_lost_confession_told_is_lost_with_it() {
        let limits = Limits::default();
        let start = Start { addresses: Vec::new(), backlog: 1, workers: 1, limits: &limits, routes: Vec::new() };
        let tracing = Tracing::start(vec![Trace::json().to(io::sink())], &start).unwrap();
        let mut tracer = tracing.tracer(0);
        tracer.pen.untold = 7;
        tracer.pen.confess();
        assert_eq!(tracer.pen.pages[0].batch.as_ref().unwrap().events, 7);
    }

    #[test]
    fn what_is_told_behind_a_silence_is_true_and_the_gap_is_counted() {
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
