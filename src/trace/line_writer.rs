//! Writes the events of one worker for each output, at a bounded rate.

use std::ops::Range;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::config::{EventFilter, Format};
use super::conversation::Position;
use super::json;
use super::output::Output;
use super::output_queue::{Batch, Dropped};
use super::probe::{Event, Observation};
use super::record::Record;
use super::summary::TransferRun;
use super::terminal;

/// Batch size at which the worker passes it on before its iteration ends.
const BATCH: usize = 64 * 1024;

/// Rate limit per worker, in bytes of lines a second, and its burst. A busy server could write 400
/// MB/s; above the limit, whole iterations of the loop are skipped and counted.
const RATE: i64 = 16 * 1024 * 1024;
const BURST: i64 = 8 * 1024 * 1024;

/// The same while the wire view alone reads and no page watches: it keeps no more than this.
const UNWATCHED_RATE: i64 = 512 * 1024;
const UNWATCHED_BURST: i64 = 1024 * 1024;

/// Writes the lines of one worker.
pub(super) struct LineWriter {
    worker: u32,
    sequence: u64,
    /// Time and source location of the current event.
    pub(super) time: u64,
    pub(super) caller: &'static Location<'static>,
    /// Ranges of sensitive bytes in its data.
    pub(super) secrets: Vec<Range<usize>>,
    /// Whether a page of the wire view watches, if nothing else reads the trace.
    watched: Option<Arc<AtomicBool>>,
    /// Whether nothing is skipped.
    lossless: bool,
    /// Bytes that may still be written, and when that was last updated. An iteration is always
    /// completed, so the budget may become negative.
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

impl LineWriter {
    pub(super) fn new(worker: u32, outputs: &[Arc<Output>], watched: Option<Arc<AtomicBool>>) -> LineWriter {
        let buffer = |output: &Arc<Output>| OutputBuffer {
            output: output.clone(),
            batch: Some(Batch::default()),
            last: (0, 0),
            transfers: TransferRun::default(),
        };
        LineWriter {
            worker,
            sequence: 0,
            time: 0,
            caller: Location::caller(),
            secrets: Vec::new(),
            watched,
            lossless: outputs.iter().all(|output| output.queue.is_lossless()),
            budget: BURST,
            refilled_at: 0,
            skipping: false,
            skipped: Dropped::default(),
            outputs: outputs.iter().map(buffer).collect(),
        }
    }

    /// Returns whether this iteration of the loop is skipped.
    pub(super) fn is_skipping(&self) -> bool {
        self.skipping
    }

    /// Returns whether skipped events are not reported yet.
    pub(super) fn owes_notice(&self) -> bool {
        self.skipped.events > 0
    }

    /// Ends an iteration of the loop at `now`: passes its lines on, and decides whether the next
    /// one is recorded.
    pub(super) fn end_tick(&mut self, now: u64) {
        self.time = now;
        let unwatched = self.watched.as_ref().is_some_and(|watched| !watched.load(Ordering::Relaxed));
        let (rate, burst) = if unwatched { (UNWATCHED_RATE, UNWATCHED_BURST) } else { (RATE, BURST) };
        let micros = self.time.saturating_sub(self.refilled_at) / 1000;
        self.refilled_at += micros * 1000;
        let more = i64::try_from(micros).unwrap_or(i64::MAX).saturating_mul(rate) / 1_000_000;
        self.budget = self.budget.saturating_add(more).min(burst);
        // The wire view's queue must not drop lines: they may be those of the lab, which are not skipped.
        let crowded = self.watched.is_some() && self.outputs.iter().any(|buffer| buffer.output.queue.is_crowded());
        self.skipping = !self.lossless && (self.budget <= 0 || crowded);
        if !self.skipping {
            self.report_dropped();
        }
        self.outputs.iter_mut().for_each(OutputBuffer::flush);
    }

    /// Counts an event that is not written.
    pub(super) fn count_skipped(&mut self, observation: Observation<'_>) {
        self.sequence += 1;
        self.skipped.count(observation);
    }

    /// Writes how many events were skipped.
    pub(super) fn report_dropped(&mut self) {
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
    pub(super) fn write(&mut self, (connection, age): (u64, u64), position: Position, event: Event<'_>) {
        self.sequence += 1;
        let LineWriter { worker, sequence, time, caller, .. } = *self;
        let record =
            Record { sequence, time, age, worker, connection, position, event, caller, secrets: &self.secrets };
        for buffer in &mut self.outputs {
            let OutputBuffer { output, batch: Some(batch), last, transfers } = buffer else { continue };
            if !output.wants(&event) {
                continue;
            }
            let before = batch.text.len();
            let (about, then) = std::mem::replace(last, (connection, time));
            let pause = if about == connection && connection > 0 { time.saturating_sub(then) } else { 0 };
            let (hidden, note) = match output.filter {
                EventFilter::Summary => transfers.push(connection, pause, &event),
                _ => (false, None),
            };
            note.iter().for_each(|note| terminal::note(&mut batch.text, note, output.options));
            match output.format {
                _ if hidden => {}
                Format::Json => json::write(&mut batch.text, &record, output.options),
                Format::Terminal => terminal::write(&mut batch.text, &record, pause, output.options),
            }
            batch.counts.count_event(&event);
            self.budget -= (batch.text.len() - before) as i64;
            if batch.text.len() >= BATCH {
                buffer.flush();
            }
        }
    }
}

impl OutputBuffer {
    /// Passes the lines on to the writing thread.
    fn flush(&mut self) {
        if let Some(full) = &mut self.batch
            && !full.text.is_empty()
            && !self.output.queue.push(full)
        {
            self.batch = None;
        }
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        for OutputBuffer { output, batch, transfers, .. } in &mut self.outputs {
            if let (Some(batch), Some(note)) = (batch, transfers.end()) {
                terminal::note(&mut batch.text, &note, output.options);
            }
        }
        self.report_dropped();
        self.outputs.iter_mut().for_each(OutputBuffer::flush);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::http1::limits::Limits;
    use crate::trace::config::Trace;
    use crate::trace::probe::IoOutcome;
    use crate::trace::server_start::ServerStart;

    impl LineWriter {
        /// Sets the budget so that the next iteration is skipped, or not.
        pub(crate) fn skip_next_tick(&mut self, skip: bool) {
            self.budget = if skip { i64::MIN / 2 } else { BURST };
        }
    }

    /// Iterations are skipped before the queue of the wire view is full, and no longer than it is.
    #[test]
    fn a_slow_wire_view_gets_no_more_than_its_queue_holds() {
        let (page, writer) = io::pipe().unwrap();
        let limits = Limits::default();
        let start = ServerStart { addresses: Vec::new(), backlog: 1, workers: 1, limits: &limits, routes: Vec::new() };
        let data = [b'x'; 64 * 1024];
        for (watched, skips) in [(Some(Arc::new(AtomicBool::new(true))), true), (None, false)] {
            let trace = Trace::json().to(writer.try_clone().unwrap());
            let output = Output::start(trace, &start, false).unwrap();
            let mut writer = LineWriter::new(0, &[output], watched);
            for _ in 0..100 {
                writer.skip_next_tick(false);
                writer.end_tick(0);
                let outcome = IoOutcome::Bytes(data.len());
                writer.write((1, 0), Position::default(), Event::ConnRecv { outcome, data: &data });
                if writer.is_skipping() {
                    break;
                }
            }
            writer.skip_next_tick(false);
            writer.end_tick(0);
            assert_eq!(writer.is_skipping(), skips);
        }
        drop(page);
    }

    /// A drop notice that is dropped with its batch still counts the events it reports.
    #[test]
    fn a_lost_drop_notice_is_counted_with_its_events() {
        let limits = Limits::default();
        let start = ServerStart { addresses: Vec::new(), backlog: 1, workers: 1, limits: &limits, routes: Vec::new() };
        let output = Output::start(Trace::json().to(io::sink()), &start, false).unwrap();
        let mut writer = LineWriter::new(0, &[output], None);
        writer.skipped.events = 7;
        writer.report_dropped();
        assert_eq!(writer.outputs[0].batch.as_ref().unwrap().counts.events, 7);
    }
}
