//! The listener that writes: keeps each connection's account, renders what it says, and hands it on without ever waiting.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use super::account::{Account, Place};
use super::json;
use super::line::Line;
use super::probe::{Event, Probe};
use super::ring::{Batch, Lost, Ring};
use super::secret::Secrets;
use super::start::Start;
use super::terminal::{self, Look};
use super::trace::{Form, Trace};

/// A batch this large is passed on before the worker rests.
const BATCH: usize = 64 * 1024;

/// Bytes of lines that a worker writes in a second at most, and at once after it was quiet. A busy server could tell of more than 100 MB
/// a second, which no one reads and which costs it most of its speed: then whole turns of its loop go untold, and are counted.
const RATE: i64 = 32 * 1024 * 1024;
const BURST: i64 = 8 * 1024 * 1024;

/// All traces of one server, with a thread for each that writes.
pub(crate) struct Tracing {
    outputs: Vec<Arc<Output>>,
    began: Instant,
}

/// One trace that runs.
struct Output {
    form: Form,
    topics: Vec<String>,
    look: Look,
    ring: Ring,
}

/// One worker's listener.
pub(crate) struct Tracer {
    connections: HashMap<u64, Connection>,
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
    /// What may still be written, and when that was counted. A turn is told to its end: then it is less than nothing.
    allowance: i64,
    counted: u64,
    /// This turn goes untold.
    silent: bool,
    untold: u64,
    /// Each output with what is to be passed on to it; none: its reader has gone.
    pages: Vec<(Arc<Output>, Option<Batch>)>,
}

impl Tracing {
    /// Starts the threads that write, and tells how the server starts.
    ///
    /// # Errors
    /// When the system has no thread for us.
    pub(crate) fn start(traces: Vec<Trace>, start: &Start<'_>) -> io::Result<Tracing> {
        let mut outputs = Vec::new();
        for Trace { form, to, topics, look } in traces {
            let output = Arc::new(Output { form, topics, look, ring: Ring::default() });
            let mut text = Vec::new();
            match form {
                Form::Json => start.json(&mut text),
                Form::Terminal => start.terminal(&mut text),
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
        let pages = self.outputs.iter().map(|output| (output.clone(), Some(Batch::default()))).collect();
        let pen = Pen {
            worker,
            sequence: 0,
            time: 0,
            secrets: Vec::new(),
            allowance: BURST,
            counted: 0,
            silent: false,
            untold: 0,
            pages,
        };
        Tracer { connections: HashMap::new(), pen, began: self.began }
    }

    /// The server has ended: lets the threads write what is left, for a second at most.
    pub(crate) fn finish(self) {
        self.outputs.iter().for_each(|output| output.ring.finish());
    }
}

impl Output {
    /// Whether events of this name are wanted.
    fn wants(&self, name: &str) -> bool {
        if self.topics.is_empty() && self.form == Form::Json {
            return true;
        }
        let topic = name.split_once('.').map_or(name, |(topic, _)| topic);
        match self.topics.is_empty() {
            true => topic != "poll",
            false => self.topics.iter().any(|wanted| wanted == name || wanted == topic),
        }
    }

    fn complaint(&self, lost: Lost) -> Vec<u8> {
        let Lost { events, bytes } = lost;
        let text = match self.form {
            Form::Json => format!("{{\"e\":\"probe.drop\",\"events\":{events},\"bytes\":{bytes}}}\n"),
            Form::Terminal => format!("{:>36}{events} events were lost: there is more than can be read\n", ""),
        };
        text.into_bytes()
    }
}

impl Probe for Tracer {
    const ON: bool = true;

    fn event(&mut self, connection: u64, event: Event<'_>) {
        let now = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.pen.time = now;
        if connection == 0 {
            return self.pen.write(0, Place::default(), event);
        }
        let known = self.connections.entry(connection);
        let Connection { account, incoming, outgoing } = known.or_insert_with(|| Connection {
            account: Account::new(now),
            incoming: Secrets::default(),
            outgoing: Secrets::default(),
        });
        self.pen.secrets.clear();
        match event {
            Event::ConnRecv { data, .. } => incoming.find(data, &mut self.pen.secrets),
            Event::ConnSend { data, .. } => outgoing.find(data, &mut self.pen.secrets),
            _ => {}
        }
        account.enter(now, event, &mut |place, event| self.pen.write(connection, place, event));
        if let Event::Closed { .. } = event {
            self.connections.remove(&connection);
        }
    }

    fn rest(&mut self) {
        self.pen.time = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.pen.turn();
        self.pen.pages.iter_mut().for_each(pass_on);
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
            for (output, batch) in &mut self.pages {
                batch.iter_mut().for_each(|batch| batch.text.extend(output.complaint(lost)));
            }
        }
    }

    fn write(&mut self, connection: u64, place: Place, event: Event<'_>) {
        self.sequence += 1;
        if self.silent {
            self.untold += 1;
            return;
        }
        let Pen { worker, sequence, time, .. } = *self;
        let line = Line { sequence, time, worker, connection, place, event, secrets: &self.secrets };
        for page in &mut self.pages {
            let (output, Some(batch)) = page else { continue };
            if !output.wants(event.name()) {
                continue;
            }
            let before = batch.text.len();
            match output.form {
                Form::Json => json::write(&mut batch.text, &line, output.look.hide, output.look.most),
                Form::Terminal => terminal::write(&mut batch.text, &line, output.look),
            }
            batch.events += 1;
            self.allowance -= (batch.text.len() - before) as i64;
            if batch.text.len() >= BATCH {
                pass_on(page);
            }
        }
    }
}

fn pass_on((output, batch): &mut (Arc<Output>, Option<Batch>)) {
    if let Some(full) = batch
        && !full.text.is_empty()
        && !output.ring.push(full)
    {
        *batch = None;
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        self.pen.confess();
        self.pen.pages.iter_mut().for_each(pass_on);
    }
}
