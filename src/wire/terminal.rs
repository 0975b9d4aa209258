//! Events for people: one aligned line each, bytes drawn so that a stranger's cannot drive the terminal; knows no connection.

use std::fmt::Write;
use std::ops::Range;

use super::escape;
use super::line::Line;
use super::names::state_name;
use super::probe::{Due, Event, Found, Outcome, Phase};
use crate::http1::framing::Body;
use crate::http1::states::State;

/// Where the text of a line begins: further lines of the same event stand below it.
const MARGIN: &str = "                                    ";

/// The first line of a trace.
pub(crate) const HEADING: &str = "         t     conn           step        what\n";

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    /// Whether the colours of ECMA-48 help. They never say anything that the words do not.
    pub(crate) color: bool,
    /// Whether the values of secret fields are hidden.
    pub(crate) hide: bool,
    /// Whether the line of our own code stands behind each event.
    pub(crate) sources: bool,
    /// Bytes of data shown of each read and write.
    pub(crate) most: usize,
}

/// Appends one event.
pub(crate) fn write(out: &mut Vec<u8>, line: &Line<'_>, look: Look) {
    let mut text = String::new();
    let (step, arrow, ink) = heading(line.event);
    let request = if line.place.request > 0 { format!("r{}", line.place.request) } else { String::new() };
    // Writing into memory cannot fail.
    // Each worker counts its connections from 1.
    let number =
        if line.worker > 0 { format!("{}.{}", line.worker, line.connection) } else { line.connection.to_string() };
    let _ = write!(text, "{:>10.3} ms  #{number:<4} {request:<4} {arrow}  ", line.time as f64 / 1e6);
    match ink.filter(|_| look.color) {
        Some(ink) => _ = write!(text, "\x1b[{ink}m{step:<12}\x1b[0m"),
        None => _ = write!(text, "{step:<12}"),
    }
    _ = match line.event {
        Event::ConnRecv { .. } | Event::ConnSend { .. } => transfer(&mut text, line, look),
        event => connection(&mut text, event).or_else(|| message(&mut text, line)).or_else(|| around(&mut text, event)),
    };
    if look.sources {
        let ((file, number), end) = (line.code(), text.find('\n').unwrap_or(text.len()));
        text.insert_str(end, &format!("  [{file}:{number}]"));
    }
    out.extend_from_slice(text.trim_end().as_bytes());
    out.push(b'\n');
}

/// The word for an event, its direction, and its colour.
fn heading(event: Event<'_>) -> (&'static str, &'static str, Option<u8>) {
    match event {
        Event::PollWake { .. } => ("wake", " ", None),
        Event::ConnOpen { .. } => ("accept", " ", Some(35)),
        Event::ConnReady { .. } => ("ready", " ", None),
        Event::ConnRecv { outcome: Outcome::Eof, .. } => ("eof", " ", Some(35)),
        Event::ConnRecv { .. } => ("recv", "→", Some(36)),
        Event::ConnSend { .. } => ("send", "←", Some(32)),
        Event::ConnInterest { .. } => ("interest", " ", None),
        Event::ConnState(_) | Event::Stand { .. } => ("state", " ", Some(34)),
        Event::ConnTimer { .. } => ("timer", " ", Some(33)),
        Event::ConnHalfClose => ("half-close", "←", Some(35)),
        Event::ConnClose { .. } | Event::Closed { .. } => ("close", " ", Some(35)),
        Event::ParseTry { .. } | Event::Looked { .. } => ("parse", " ", None),
        Event::ParseHead { .. } => ("request", " ", Some(1)),
        Event::BodyPlan { .. } | Event::BodyData { .. } | Event::BodyChunk { .. } => ("body", " ", None),
        Event::BodyEnd { .. } | Event::BodyCame { .. } => ("body", " ", None),
        Event::ReqTolerated(_) => ("tolerated", " ", Some(33)),
        Event::ReqError { .. } | Event::Refused { .. } => ("refused", " ", Some(31)),
        Event::ReqContinue { .. } => ("continue", "←", None),
        Event::RouteTry { .. } | Event::RouteMatch { .. } | Event::RouteMiss { .. } => ("route", " ", None),
        Event::HookRun { .. } | Event::HookRan { .. } => ("hook", " ", None),
        Event::HandlerStart { .. } | Event::HandlerEnd { .. } | Event::HandlerRan { .. } => ("handler", " ", None),
        Event::RespHead { .. } | Event::RespDone { .. } => ("response", "←", Some(1)),
        Event::Answered { .. } | Event::KeepAlive { .. } => ("keep-alive", " ", Some(35)),
        Event::Pipeline { .. } => ("pipeline", " ", None),
        Event::Backpressure { .. } => ("backpressure", " ", Some(33)),
        Event::LimitHit { .. } | Event::RateLimited { .. } => ("limit", " ", Some(31)),
    }
}

fn transfer(text: &mut String, line: &Line<'_>, look: Look) -> Option<()> {
    let (Event::ConnRecv { outcome, data } | Event::ConnSend { outcome, data, .. }) = line.event else { return None };
    let (from, to) = (line.place.offset, line.place.offset + data.len() as u64);
    _ = match (line.event, outcome) {
        (Event::ConnSend { want, .. }, Outcome::Bytes(n)) => {
            write!(text, "send() = {n} of {want} bytes  (stream {from}..{to})")
        }
        (Event::ConnSend { want, .. }, Outcome::WouldBlock) => {
            write!(text, "send() of {want} bytes = WouldBlock: no room")
        }
        (_, Outcome::Bytes(n)) => write!(text, "recv() = {n} bytes  (stream {from}..{to})"),
        (_, Outcome::WouldBlock) => write!(text, "recv() = WouldBlock: drained, back to sleep"),
        (_, Outcome::Eof) => write!(text, "recv() = 0: the client closed its side"),
        (_, Outcome::Failed(kind)) => write!(text, "failed: {kind}"),
    };
    let shown = data.get(..look.most).unwrap_or(data);
    let mut at = 0;
    for piece in shown.split_inclusive(|byte| *byte == b'\n') {
        _ = write!(text, "\n{MARGIN}{:06}  ", from + at as u64);
        masked(text, piece, at, if look.hide { line.secrets } else { &[] });
        at += piece.len();
    }
    if shown.len() < data.len() && look.most > 0 {
        _ = write!(text, "\n{MARGIN}… {} bytes more", data.len() - shown.len());
    }
    Some(())
}

/// Data that begins at `at`, with `•••(22 bytes)` for what is secret.
fn masked(text: &mut String, data: &[u8], at: usize, secrets: &[Range<usize>]) {
    let mut from = 0;
    for secret in secrets {
        let start = secret.start.saturating_sub(at).min(data.len());
        let end = secret.end.saturating_sub(at).min(data.len());
        if start < end {
            escape::data(text, data.get(from..start).unwrap_or_default());
            _ = write!(text, "•••({} bytes)", end - start);
            from = end;
        }
    }
    escape::data(text, data.get(from..).unwrap_or_default());
}

/// What happens to a connection. `None`: it is another event.
fn connection(text: &mut String, event: Event<'_>) -> Option<()> {
    _ = match event {
        Event::PollWake { events, waited_ns } => {
            write!(text, "epoll_wait() = {events} events, after {}", duration(waited_ns))
        }
        Event::ConnOpen { fd, peer, queue, .. } => {
            let from = peer.map_or(String::new(), |peer| format!(", from {peer}"));
            let more = queue.filter(|more| *more > 0).map(|more| format!("; {more} more wait in the kernel"));
            write!(text, "accept4() = fd {fd}{from}{}", more.unwrap_or_default())
        }
        Event::ConnReady { readable, writable, read_closed, error } => {
            let closed = (read_closed, "the client's FIN is here");
            let said = [(readable, "readable"), (writable, "writable"), closed, (error, "an error is here")];
            let said: Vec<_> = said.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            write!(text, "{}", said.join(", "))
        }
        Event::ConnInterest { readable, writable } => {
            let said = [(readable, "to read"), (writable, "to write")];
            let said: Vec<_> = said.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
            write!(text, "epoll_ctl(): wake me {}", said.join(" or "))
        }
        Event::ConnState(step) => {
            let whose = if matches!(step.from, State::Recv(_)) { "client" } else { "server" };
            let name = |state| state_name(state).split_once('.').map_or("", |(_, name)| name);
            write!(text, "{whose}: {} → {}: {}", name(step.from), name(step.to), step.why)
        }
        Event::ConnTimer { timer, due } => match due {
            Due::In(set_ms) => write!(text, "{}: {set_ms} ms from now", timer.name()),
            Due::Never => write!(text, "none: the application takes the time it takes"),
            Due::Passed => write!(text, "{}: time is up", timer.name()),
        },
        Event::ConnHalfClose => write!(text, "shutdown(): our FIN is out, reading on (RFC 9112 §9.6)"),
        Event::ConnClose { ending, why, unread, received, sent, requests, .. } => {
            let how = ending.name().to_uppercase();
            let plural = if requests == 1 { "" } else { "s" };
            write!(text, "{how}: {why}; {unread} bytes unread, {requests} request{plural}, {received} in / {sent} out")
        }
        Event::Backpressure { pending } => {
            write!(text, "{pending} bytes wait for the client; nothing is read until they left")
        }
        _ => return None,
    };
    Some(())
}

/// What the bytes of a message mean.
fn message(text: &mut String, line: &Line<'_>) -> Option<()> {
    _ = match line.event {
        Event::ParseTry { have, found, calls, .. } => match found {
            Found::Partial => write!(text, "partial, need more (look {calls}, {have} bytes)"),
            Found::Complete => write!(text, "complete (look {calls}, {have} bytes)"),
            Found::Error => write!(text, "refused (look {calls}, {have} bytes)"),
        },
        Event::ParseHead { head, bytes } => {
            escape::data(text, head.method.as_str().as_bytes());
            text.push(' ');
            escape::data(text, head.target.whole.of(bytes));
            let count = head.fields().len();
            write!(text, " {}, {count} field{}", head.version, if count == 1 { "" } else { "s" })
        }
        Event::BodyPlan { body } => match body {
            Body::Absent => write!(text, "none is announced (RFC 9112 §6.3)"),
            Body::Length(length) => write!(text, "{length} bytes are announced (RFC 9112 §6.3)"),
            Body::Chunked => write!(text, "in chunks (RFC 9112 §6.3)"),
        },
        Event::BodyData { start, end } => write!(text, "stream {start}..{end}"),
        Event::BodyChunk { start, end, size, .. } => {
            write!(text, "chunk of {size:#x} = {size} bytes (stream {start}..{end})")
        }
        Event::BodyEnd { length, .. } => write!(text, "complete, {length} bytes"),
        Event::ReqTolerated(reason) => write!(text, "{} ({})", reason.why, reason.rfc),
        Event::ReqError { reject, byte, .. } => {
            let row = reject.fault.row();
            let found = byte.map_or(String::new(), |byte| format!(", {byte:#04x}"));
            write!(text, "{} (byte {}{found}, {}): {}", row.sentence, line.place.offset, row.rfc, row.status)
        }
        Event::ReqContinue { sent: true } => write!(text, "100: the client waits for it (RFC 9110 §10.1.1)"),
        Event::ReqContinue { sent: false } => write!(text, "no 100: nobody reads the body (RFC 9110 §10.1.1)"),
        _ => return None,
    };
    Some(())
}

/// What the application and the answer are at.
fn around(text: &mut String, event: Event<'_>) -> Option<()> {
    _ = match event {
        Event::RouteTry { method, pattern, matched, reason, .. } => {
            escape::text(text, &format!("{method:<6} {pattern}"));
            text.push_str(if matched { "  yes" } else { "  no: " });
            escape::text(text, reason);
            Ok(())
        }
        Event::RouteMatch { pattern, place, params, search, .. } => {
            escape::text(text, pattern);
            for (name, value) in params {
                escape::text(text, &format!("  {name}={value}"));
            }
            write!(text, "  {}:{}  {}", place.file(), place.line(), duration(search.ns))
        }
        Event::RouteMiss { allow: "", search } => write!(text, "none: not one of {} has this path", search.tried),
        Event::RouteMiss { allow, .. } => write!(text, "none for this method; the path has {allow}"),
        Event::LimitHit { which, value } => write!(text, "{which}: {value} at most, and that is reached"),
        Event::RateLimited { which, value, retry_after } => {
            escape::text(text, which);
            write!(text, ": all {value} are used up, again in {retry_after} s (RFC 6585 §4)")
        }
        Event::HookRun { phase, name, place, stopped, ns, .. } => {
            let kind = if phase == Phase::Guard { "" } else { " hook" };
            let end = if stopped { ": answered itself" } else { "" };
            let (file, line) = (place.file(), place.line());
            write!(text, "{}{kind}  {}  {}{end}  {file}:{line}", phase.name(), called(name), duration(ns))
        }
        Event::HandlerStart { name, place, blocking } => {
            let pool = if blocking { ", on the pool" } else { "" };
            write!(text, "{} starts{pool}  {}:{}", called(name), place.file(), place.line())
        }
        Event::HandlerEnd { panicked, ns } => {
            write!(text, "{}  {}", if panicked { "panicked" } else { "done" }, duration(ns))
        }
        Event::RespHead { status, head, body: Some(body), .. } => {
            write!(text, "{status}, {} + {body} bytes", head.len())
        }
        Event::RespHead { status, head, body: None, .. } => write!(text, "{status}, {} bytes + a stream", head.len()),
        Event::RespDone { bytes, ns, first_ns, last_ns } => {
            let whole = match last_ns.saturating_sub(first_ns) {
                0 => String::new(),
                apart => format!(", the last {} behind the first", duration(apart)),
            };
            write!(text, "{bytes} bytes are with the kernel{whole}, {} after its head", duration(ns))
        }
        Event::KeepAlive { keep, reason, reuse } => {
            let (verb, rfc) = (if keep { "keep" } else { "close" }, reason.rfc);
            write!(text, "{verb}: {} ({rfc}), request {reuse} of this connection", reason.why)
        }
        Event::Pipeline { left } => write!(text, "{left} bytes of what follows are here already (RFC 9112 §9.3.2)"),
        _ => return None,
    };
    Some(())
}

/// A function as its program's author knows it: its name, with the type or module that it stands in.
fn called(name: &str) -> String {
    let path = name.trim_end_matches("::{{closure}}");
    let mut ends = path.rsplit("::").map(|part| part.trim_end_matches('>'));
    let (last, before) = (ends.next().unwrap_or(path), ends.next());
    let closure = if path.len() < name.len() { "a closure in " } else { "" };
    before.map_or_else(|| format!("{closure}{last}"), |before| format!("{closure}{before}::{last}"))
}

fn duration(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        _ => format!("{:.1} ms", ns as f64 / 1e6),
    }
}
