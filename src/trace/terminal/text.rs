//! Formats each event of a trace as a label and a sentence.

use std::fmt::Write;

use crate::http1::framing::BodyLength;
use crate::http1::states::State;
use crate::terminal::escape;
use crate::trace::lab::{ClientClose, LabEvent};
use crate::trace::probe::{CloseReason, Event, Handler, IoOutcome, ParseStatus, Phase, RouteSearch, TimerChange};
use crate::trace::record::Record;
use crate::trace::render_options::RenderOptions;
use crate::trace::schema::state_name;

/// Returns the label and color of an event. A label has at most ten columns, including its
/// direction arrow.
pub(super) fn step(event: Event<'_>) -> (&'static str, Option<u8>) {
    match event {
        Event::PollWake { .. } => ("wake", None),
        Event::ConnOpen { .. } => ("accept", Some(35)),
        Event::ConnReady { .. } => ("ready", None),
        Event::ConnRecv { outcome: IoOutcome::Eof, .. } => ("→ FIN", Some(35)),
        Event::ConnRecv { .. } => ("→ recv", Some(36)),
        Event::ConnSend { .. } => ("← send", Some(32)),
        Event::ConnInterest { .. } => ("interest", None),
        Event::ConnState(_) => ("state", Some(34)),
        Event::ConnTimer { .. } => ("timer", Some(33)),
        Event::ConnObserver => ("observer", None),
        Event::Lab(_) => ("client", None),
        Event::ConnHalfClose => ("← FIN", Some(35)),
        Event::ConnClose { .. } => ("close", Some(35)),
        Event::ParseAttempt { .. } => ("parse", None),
        Event::ParseHead { .. } => ("request", Some(1)),
        Event::BodyFraming { .. } | Event::BodyData { .. } | Event::BodyChunk { .. } => ("body", None),
        Event::BodyEnd { .. } => ("body", None),
        Event::ReqTolerated(_) => ("tolerated", Some(33)),
        Event::ReqError { .. } => ("refused", Some(31)),
        Event::ReqContinue { .. } => ("← continue", None),
        Event::RouteCandidate { .. } | Event::RouteMatch { .. } | Event::RouteMiss { .. } => ("route", None),
        Event::HookRun { .. } => ("hook", None),
        Event::HandlerStart { .. } | Event::HandlerEnd { .. } => ("handler", None),
        Event::RespHead { .. } | Event::RespDone { .. } => ("← response", Some(1)),
        Event::KeepAlive { .. } => ("keep-alive", Some(35)),
        Event::Pipeline { .. } => ("pipeline", None),
        Event::Backpressure { .. } => ("paused", Some(33)),
        Event::LimitHit { .. } | Event::RateLimited { .. } => ("limit", Some(31)),
    }
}

/// Returns the sentence for an event.
pub(super) fn describe(line: &Record<'_>, look: RenderOptions) -> Option<String> {
    let event = line.event;
    transfer(line)
        .or_else(|| connection(event))
        .or_else(|| close(event))
        .or_else(|| message(line))
        .or_else(|| routing(event, look))
        .or_else(|| application_event(event))
}

/// Writes the result of a read or a write. Its bytes follow in lines of their own.
fn transfer(line: &Record<'_>) -> Option<String> {
    let (call, outcome, want) = match line.event {
        Event::ConnRecv { outcome, .. } => ("recv()", outcome, None),
        Event::ConnSend { want, outcome, file: Some(_), .. } => ("sendfile()", outcome, Some(want)),
        Event::ConnSend { want, outcome, .. } => ("send()", outcome, Some(want)),
        _ => return None,
    };
    let n = if let IoOutcome::Bytes(n) = outcome { n as u64 } else { 0 };
    let (from, to) = (line.position.offset, line.position.offset + n);
    Some(match (outcome, want) {
        (IoOutcome::Bytes(n), Some(want)) if n < want => format!("{call} = {n} of {want} bytes  (stream {from}..{to})"),
        (IoOutcome::Bytes(n), _) => format!("{call} = {n} bytes  (stream {from}..{to})"),
        (IoOutcome::WouldBlock, Some(want)) => {
            format!("{call} of {want} bytes = WouldBlock: the kernel's buffer is full")
        }
        (IoOutcome::WouldBlock, None) => format!("{call} = WouldBlock: nothing more has arrived"),
        (IoOutcome::Eof, Some(_)) => format!("{call} = 0: the file is shorter than announced"),
        (IoOutcome::Eof, None) => format!("{call} = 0: the client closed its side"),
        (IoOutcome::Failed(kind), _) => format!("{call} failed: {kind}"),
    })
}

/// Writes the sentence for a connection event.
fn connection(event: Event<'_>) -> Option<String> {
    Some(match event {
        Event::PollWake { events, waited_ns } => {
            format!("epoll_wait() = {events} event{}, after {}", plural(events), duration(waited_ns))
        }
        Event::ConnOpen { fd, peer, .. } => {
            let from = peer.map_or(String::new(), |peer| format!(", from {peer}"));
            format!("accept4() = fd {fd}{from}")
        }
        Event::ConnReady { readable, writable, read_closed, error } => {
            let closed = (read_closed, "the client's FIN is here");
            listed(&[(readable, "readable"), (writable, "writable"), closed, (error, "an error is here")], ", ")
        }
        Event::ConnInterest { readable, writable } => {
            let wanted = listed(&[(readable, "readable"), (writable, "writable")], " or ");
            format!("epoll_ctl(): wake me when {wanted}")
        }
        Event::ConnState(step) => {
            let machine = if matches!(step.from, State::Recv(_)) { "client" } else { "server" };
            let name = |state| state_name(state).split_once('.').map_or("", |(_, name)| name);
            format!("{machine}: {} → {}: {}", name(step.from), name(step.to), step.why)
        }
        Event::ConnTimer { timer, change: due } => match due {
            TimerChange::Set(set_ms) => {
                format!("{} timeout in {}", timer.name(), duration(set_ms.saturating_mul(1_000_000)))
            }
            TimerChange::Off => "no timeout: the application takes the time it takes".to_owned(),
            TimerChange::Expired => format!("{} timeout: time is up", timer.name()),
        },
        Event::Backpressure { pending } => {
            format!("{pending} bytes wait for the client; nothing is read until they have left")
        }
        Event::ConnObserver => "asks for the wire view; its bytes are not traced".to_owned(),
        Event::Lab(event) => client(event),
        _ => return None,
    })
}

/// Writes what a client of the lab does or observes.
fn client(event: LabEvent) -> String {
    match event {
        LabEvent::Connected => "connect() = 0".to_owned(),
        LabEvent::Sent { bytes, offset } => format!("sent {bytes} bytes  (stream {offset}..{})", offset + bytes),
        LabEvent::Got { bytes, offset } => format!("read {bytes} bytes  (stream {offset}..{})", offset + bytes),
        LabEvent::Eof => "read the server's FIN".to_owned(),
        LabEvent::Rst => "was reset by the server".to_owned(),
        LabEvent::Closed(ClientClose::Half) => "sent its FIN, and reads on".to_owned(),
        LabEvent::Closed(ClientClose::Fin) => "closed".to_owned(),
        LabEvent::Closed(ClientClose::Rst) => "reset the connection".to_owned(),
        LabEvent::Held { before } => format!("held before: {before}"),
    }
}

/// Writes how a connection, or the server's side of it, ends.
fn close(event: Event<'_>) -> Option<String> {
    let Event::ConnClose { how: ending, reset, why, unread, received, sent, requests, .. } = event else {
        let half = "shutdown(): the server closed its side, and reads on (RFC 9112 §9.6)";
        return matches!(event, Event::ConnHalfClose).then(|| half.to_owned());
    };
    let how = match ending {
        CloseReason::Fin | CloseReason::Lingered if reset => format!("RST, since {unread} bytes were not read: "),
        CloseReason::Fin => String::new(),
        CloseReason::Lingered => "in stages: ".to_owned(),
        CloseReason::Reset => "RST: ".to_owned(),
        CloseReason::Switched => "switched: ".to_owned(),
        CloseReason::IoError | CloseReason::WorkerDied => "broken: ".to_owned(),
    };
    Some(format!("{how}{why}; {requests} request{}, {received} in / {sent} out", plural(requests as usize)))
}

/// Writes the sentence for a parser event.
fn message(line: &Record<'_>) -> Option<String> {
    Some(match line.event {
        Event::ParseAttempt { have, status: found, calls, .. } => {
            let found = match found {
                ParseStatus::Partial => "partial, need more",
                ParseStatus::Complete => "head complete",
                ParseStatus::Error => "refused",
            };
            format!("{found} (attempt {calls}, {have} bytes)")
        }
        Event::ParseHead { head, bytes } => {
            let mut text = String::new();
            escape::data(&mut text, head.method.as_str().as_bytes());
            text.push(' ');
            escape::data(&mut text, head.target.whole.of(bytes));
            let (count, number) = (head.fields().len(), line.position.request);
            let which = if number > 1 { format!("  (request {number})") } else { String::new() };
            text + &format!(" {}, {count} field{}{which}", head.version, plural(count))
        }
        Event::BodyFraming { body } => match body {
            BodyLength::Absent => "none is announced (RFC 9112 §6.3)".to_owned(),
            BodyLength::Length(length) => format!("{length} bytes are announced (RFC 9112 §6.3)"),
            BodyLength::Chunked => "in chunks (RFC 9112 §6.3)".to_owned(),
        },
        Event::BodyData { start, end } => format!("stream {start}..{end}"),
        Event::BodyChunk { start, end, size, .. } => {
            format!("chunk of {size:#x} = {size} bytes  (stream {start}..{end})")
        }
        Event::BodyEnd { length, .. } => format!("complete, {length} byte{}", plural(length)),
        Event::ReqTolerated(reason) => format!("{} ({})", reason.why, reason.rfc),
        Event::ReqError { reject, byte, .. } => {
            let (row, offset) = (reject.fault.info(), line.position.offset);
            let found = byte.map_or(String::new(), |byte| format!(", {byte:#04x}"));
            format!("{} (byte {offset}{found}, {}): {}", row.message, row.rfc, row.status)
        }
        Event::ReqContinue { sent: true } => "100: the client waits for it (RFC 9110 §10.1.1)".to_owned(),
        Event::ReqContinue { sent: false } => "no 100: no handler reads the body (RFC 9110 §10.1.1)".to_owned(),
        _ => return None,
    })
}

/// Writes the sentence for a routing event.
fn routing(event: Event<'_>, look: RenderOptions) -> Option<String> {
    let mut text = String::new();
    match event {
        Event::RouteCandidate { method, pattern, matched: true, .. } => {
            escape::text(&mut text, &format!("not {method} {pattern}: it fits, but another one comes first"));
        }
        Event::RouteCandidate { method, pattern, reason, .. } => {
            escape::text(&mut text, &format!("not {method} {pattern}: {reason}"));
        }
        Event::RouteMatch { pattern, location: place, params, search, .. } => {
            escape::text(&mut text, pattern);
            for (name, value) in params {
                escape::text(&mut text, &format!("  {name}={value}"));
            }
            let RouteSearch { tried, ns, .. } = search;
            // Writing into memory cannot fail.
            _ = write!(text, " (1 of {tried} routes, {})  {}:{}", duration(ns), place.file(), place.line());
            if !look.brief {
                push_unlisted(&mut text, search);
            }
        }
        Event::RouteMiss { allow: "", search } => {
            _ = write!(text, "none of {} routes has this path", search.tried);
            push_unlisted(&mut text, search);
        }
        Event::RouteMiss { allow, .. } => _ = write!(text, "none for this method; the path has {allow}"),
        _ => return None,
    }
    Some(text)
}

/// Writes the number of routes that are not listed one by one.
fn push_unlisted(text: &mut String, search: RouteSearch) {
    match search.other_first_segment {
        0 => {}
        1 => text.push_str("; 1 has another first segment"),
        others => _ = write!(text, "; {others} have another first segment"),
    }
}

/// Writes the sentence for an event of the application or the response.
fn application_event(event: Event<'_>) -> Option<String> {
    Some(match event {
        Event::LimitHit { which, value } => format!("{which}: the limit is {value}"),
        Event::RateLimited { which, value, retry_after } => {
            let mut text = String::new();
            escape::text(&mut text, which);
            text + &format!(": all {value} are used up, again in {retry_after} s (RFC 6585 §4)")
        }
        Event::HookRun { phase, name, location: place, short_circuited: stopped, ns, .. } => {
            let kind = if phase == Phase::Guard { "" } else { " hook" };
            let end = if stopped { ": answered itself" } else { "" };
            let (file, line) = (place.file(), place.line());
            format!("{}{kind}  {}  {}{end}  {file}:{line}", phase.name(), short_name(name), duration(ns))
        }
        Event::HandlerStart { handler: Handler { name, location: place }, blocking } => {
            let pool = if blocking { " on the pool" } else { "" };
            format!("{} starts{pool}  {}:{}", short_name(name), place.file(), place.line())
        }
        Event::HandlerEnd { handler, panicked, ns } => {
            let name = handler.map_or_else(|| "the handler".to_owned(), |handler| short_name(handler.name));
            format!("{name} {} after {}", if panicked { "panicked" } else { "returned" }, duration(ns))
        }
        Event::RespHead { status, head, body: Some(body), .. } => {
            format!("{status}, {} + {body} bytes", head.len())
        }
        Event::RespHead { status, head, body: None, .. } => format!("{status}, {} bytes + a stream", head.len()),
        Event::RespDone { bytes, ns, first_ns, last_ns } => {
            let whole = match last_ns.saturating_sub(first_ns) {
                0 => String::new(),
                apart => format!(", the last {} after the first", duration(apart)),
            };
            format!("the kernel has all {bytes} bytes{whole}, {} after the head was made", duration(ns))
        }
        Event::KeepAlive { keep, reason, .. } => {
            format!("{}: {} ({})", if keep { "keep" } else { "close" }, reason.why, reason.rfc)
        }
        Event::Pipeline { left } => format!("{left} bytes of what follows are here already (RFC 9112 §9.3.2)"),
        _ => return None,
    })
}

/// Joins the words that apply into a list.
fn listed(words: &[(bool, &str)], separator: &str) -> String {
    words.iter().filter(|(applies, _)| *applies).map(|(_, word)| *word).collect::<Vec<_>>().join(separator)
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Shortens a function's path to its name and the type or module that contains it.
fn short_name(name: &str) -> String {
    let path = name.trim_end_matches("::{{closure}}");
    let mut ends = path.rsplit("::").map(|part| part.trim_end_matches('>'));
    let (last, before) = (ends.next().unwrap_or(path), ends.next());
    let closure = if path.len() < name.len() { "a closure in " } else { "" };
    before.map_or_else(|| format!("{closure}{last}"), |before| format!("{closure}{before}::{last}"))
}

/// Formats a time in the unit that makes it shortest.
pub(super) fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        1_000_000..100_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        100_000_000..10_000_000_000 => format!("{:.0} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}
