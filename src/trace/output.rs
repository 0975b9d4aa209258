//! One trace output: what it wants, and the thread that writes its lines.

use std::io;
use std::sync::Arc;

use super::config::{EventFilter, Format, Trace};
use super::output_queue::{Batch, Dropped, OutputQueue};
use super::probe::Event;
use super::render_options::RenderOptions;
use super::server_start::ServerStart;
use super::summary;
use super::terminal;

/// One trace output.
pub(super) struct Output {
    pub(super) format: Format,
    pub(super) filter: EventFilter,
    pub(super) options: RenderOptions,
    pub(super) queue: OutputQueue,
}

impl Output {
    /// Starts the writing thread and queues the start event.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be created.
    pub(super) fn start(trace: Trace, start: &ServerStart<'_>, lossless: bool) -> io::Result<Arc<Output>> {
        let Trace { format, writer: to, filter, options, .. } = trace;
        let mut text = Vec::new();
        match format {
            Format::Json => start.json(&mut text),
            Format::Terminal => start.terminal(&mut text, options),
        }
        let output = Arc::new(Output { format, filter, options, queue: OutputQueue::new(lossless) });
        output.queue.push(&mut Batch { text, counts: Dropped { events: 1, ..Dropped::default() } });
        let writer = output.clone();
        std::thread::Builder::new()
            .name("wirelight-trace".to_owned())
            .spawn(move || writer.queue.drain(to, |lost| writer.drop_notice(lost)))?;
        Ok(output)
    }

    /// Returns whether the output shows such events.
    pub(super) fn wants(&self, event: &Event<'_>) -> bool {
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

    /// Returns the line that reports lost events.
    pub(super) fn drop_notice(&self, lost: Dropped) -> Vec<u8> {
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
