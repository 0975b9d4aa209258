//! Writes events as NDJSON, the capture format: one ASCII object per line.
//!
//! Bytes are written as strings whose characters U+0000 to U+00FF represent the byte values, which
//! keeps text readable and loses nothing. A secret is replaced by as many `*` as it has bytes, so
//! offsets stay valid.

use super::json_writer::JsonObject;
use super::lab::LabEvent;
use super::probe::{Event, IoOutcome, TimerChange};
use super::record::Record;
use super::render_options::RenderOptions;
use super::schema::{framing_name, plan_name, state_name};
use super::spans;
use crate::http1::framing::BodyLength;

/// Appends one line.
pub(crate) fn write(out: &mut Vec<u8>, line: &Record<'_>, look: RenderOptions) {
    let mut json = JsonObject::open(out, "q", line.sequence);
    json.number("t", line.time);
    json.number("w", u64::from(line.worker));
    json.number("c", line.connection);
    if line.position.request > 0 {
        json.number("r", u64::from(line.position.request));
    }
    json.word("e", line.event.name());
    if let Some(syscall) = line.event.syscall() {
        json.word("sys", syscall);
    }
    match line.event {
        Event::ConnRecv { .. } | Event::ConnSend { .. } => transfer(&mut json, line, look),
        Event::ParseAttempt { .. } | Event::ParseHead { .. } | Event::RespHead { .. } => head(&mut json, line),
        Event::ReqTolerated(_) | Event::ReqError { .. } | Event::ReqContinue { .. } => verdict(&mut json, line),
        event => fields(&mut json, event).unwrap_or_else(|| rest(&mut json, event)),
    }
    if look.source_locations {
        let (file, line) = line.source_location();
        json.text("code", &format!("{file}:{line}"));
    }
    out.extend_from_slice(b"}\n");
}

fn transfer(json: &mut JsonObject<'_>, line: &Record<'_>, look: RenderOptions) {
    let (Event::ConnRecv { outcome, data } | Event::ConnSend { outcome, data, .. }) = line.event else { return };
    if let Event::ConnSend { want, file, .. } = line.event {
        if let Some(offset) = file {
            json.number("file", offset);
        }
        json.number("want", want as u64);
    }
    match outcome {
        IoOutcome::Bytes(n) => json.number("n", n as u64),
        IoOutcome::WouldBlock => json.word("n", "would_block"),
        IoOutcome::Eof => json.word("n", "eof"),
        IoOutcome::Failed(kind) => json.text("err", &kind.to_string()),
    }
    json.number("off", line.position.offset);
    if !data.is_empty() && look.max_bytes > 0 {
        let secrets = if look.redact { line.secrets } else { &[] };
        json.bytes("data", data.get(..look.max_bytes).unwrap_or(data), secrets);
    }
}

fn head(json: &mut JsonObject<'_>, line: &Record<'_>) {
    match line.event {
        Event::ParseAttempt { have, status: found, calls, rescanned } => {
            json.number("have", have as u64);
            json.number("calls", u64::from(calls));
            json.number("rescanned", rescanned as u64);
            json.word("result", found.name());
        }
        Event::ParseHead { head, bytes } => {
            json.number("off", line.position.offset);
            json.number("len", head.length as u64);
            json.number("fields", head.fields().len() as u64);
            json.spans(&spans::head_spans(bytes.get(..head.length).unwrap_or_default()));
        }
        Event::RespHead { status, head, interim, body, framing, .. } => {
            json.number("status", u64::from(status.as_u16()));
            let start = line.position.offset;
            json.number("off", start);
            if interim > 0 {
                json.range("interim", start - interim, start);
            }
            json.number("len", head.len() as u64);
            match body {
                Some(body) => json.number("body", body as u64),
                None => json.word("body", "stream"),
            }
            json.word("framing", framing_name(framing));
            json.spans(&spans::head_spans(head));
        }
        _ => {}
    }
}

fn verdict(json: &mut JsonObject<'_>, line: &Record<'_>) {
    match line.event {
        Event::ReqTolerated(reason) => {
            json.number("at", line.position.offset);
            json.text("rfc", reason.rfc);
            json.text("text", reason.why);
        }
        Event::ReqError { reject, byte, start, head, rest } => {
            let row = reject.fault.info();
            json.number("at", line.position.offset);
            if let Some(byte) = byte {
                json.number("byte", u64::from(byte));
            }
            json.word("kind", row.name);
            json.number("status", u64::from(row.status.as_u16()));
            json.flag("close", row.close);
            json.text("rfc", row.rfc);
            json.text("text", row.message);
            if !head.is_empty() {
                json.range("range", start, start.saturating_add(head.len() as u64));
                json.spans(&spans::head_spans(head));
            }
            if let Some(rest) = rest {
                json.number("rest", rest);
            }
        }
        Event::ReqContinue { sent } => {
            json.flag("sent", sent);
            json.word("why", if sent { "the client waits for it" } else { "no handler reads the body" });
            json.text("rfc", "RFC 9110 §10.1.1");
        }
        _ => {}
    }
}

/// Appends the members of a connection event. Returns `None` for any other event.
fn fields(json: &mut JsonObject<'_>, event: Event<'_>) -> Option<()> {
    match event {
        Event::PollWake { events, waited_ns } => {
            json.number("events", events as u64);
            json.number("waited_ns", waited_ns);
        }
        Event::ConnOpen { fd, token, peer, local, lab } => {
            json.number("fd", u64::try_from(fd).unwrap_or_default());
            json.number("token", token as u64);
            for (name, address) in [("peer", peer), ("local", local)] {
                if let Some(address) = address {
                    json.text(name, &address.to_string());
                }
            }
            if lab {
                json.flag("lab", true);
            }
        }
        Event::ConnReady { readable, writable, read_closed, error } => {
            json.flag("readable", readable);
            json.flag("writable", writable);
            json.flag("read_closed", read_closed);
            json.flag("error", error);
        }
        Event::ConnInterest { readable, writable } => {
            json.flag("readable", readable);
            json.flag("writable", writable);
        }
        Event::ConnState(step) => {
            json.word("from", state_name(step.from));
            json.word("to", state_name(step.to));
            json.text("why", step.why);
        }
        Event::ConnTimer { timer, change: due } => {
            json.word("kind", if due == TimerChange::Off { "none" } else { timer.name() });
            match due {
                TimerChange::Set(set_ms) => json.number("set_ms", set_ms),
                TimerChange::Off => {}
                TimerChange::Expired => json.flag("fired", true),
            }
        }
        Event::ConnHalfClose | Event::ConnObserver => {}
        Event::Lab(event) => client(json, event),
        Event::ConnClose { how: ending, reset, ignored, by, why, unread, received, sent, requests, ns } => {
            json.word("by", by);
            json.word("how", ending.name());
            json.flag("reset", reset);
            json.text("why", why);
            let numbers =
                [("unread", unread as u64), ("in", received), ("out", sent), ("reqs", requests.into()), ("ns", ns)];
            numbers.iter().for_each(|(name, number)| json.number(name, *number));
            ignored.iter().for_each(|(start, end)| json.range("never_read", *start, *end));
        }
        Event::Backpressure { pending } => {
            json.number("pending", pending as u64);
            json.flag("read_paused", true);
        }
        _ => return None,
    }
    Some(())
}

/// Appends the members of an event of the lab.
fn client(json: &mut JsonObject<'_>, event: LabEvent) {
    match event {
        LabEvent::Sent { bytes, offset } | LabEvent::Got { bytes, offset } => {
            json.number("n", bytes);
            json.number("off", offset);
        }
        LabEvent::Closed(how) => json.word("how", how.name()),
        LabEvent::Held { before } => json.word("before", before),
        LabEvent::Connected | LabEvent::Eof | LabEvent::Rst => {}
    }
}

/// Appends the members of a request event.
fn rest(json: &mut JsonObject<'_>, event: Event<'_>) {
    match event {
        Event::BodyFraming { body } => {
            json.word("plan", plan_name(body));
            if let BodyLength::Length(length) = body {
                json.number("len", length);
            }
            json.text("rfc", "RFC 9112 §6.3");
        }
        Event::BodyData { start, end } => json.range("range", start, end),
        Event::BodyChunk { start, end, size, ext } => {
            json.range("range", start, end);
            json.number("size", size);
            json.number("ext", ext);
        }
        Event::BodyEnd { start, end, length, trailers } => {
            json.range("range", start, end);
            json.number("len", length as u64);
            json.number("trailers", u64::from(trailers));
        }
        Event::RouteCandidate { .. } | Event::RouteMatch { .. } | Event::RouteMiss { .. } => routing(json, event),
        Event::LimitHit { which, value } => {
            json.word("which", which);
            json.number("value", value);
        }
        Event::RateLimited { which, value, retry_after } => {
            json.text("which", which);
            json.number("value", value);
            json.number("retry_after", retry_after);
        }
        Event::HookRun { phase, name, location: place, number, short_circuited: stopped, ns } => {
            json.word("phase", phase.name());
            json.text("name", name);
            json.source(place);
            json.number("number", number as u64);
            json.flag("short_circuit", stopped);
            json.number("ns", ns);
        }
        Event::HandlerStart { handler, blocking } => {
            json.text("name", handler.name);
            json.flag("blocking", blocking);
            json.source(handler.location);
        }
        Event::HandlerEnd { panicked, ns, .. } => {
            json.flag("panic", panicked);
            json.number("ns", ns);
        }
        Event::RespDone { bytes, ns, first_ns, last_ns } => {
            let numbers = [("bytes", bytes), ("ns", ns), ("first_ns", first_ns), ("last_ns", last_ns)];
            numbers.iter().for_each(|(name, number)| json.number(name, *number));
        }
        Event::KeepAlive { keep, reason, reuse } => {
            json.flag("keep", keep);
            json.text("why", reason.why);
            json.text("rfc", reason.rfc);
            json.number("reuse", u64::from(reuse));
        }
        Event::Pipeline { left } => json.number("left_bytes", left as u64),
        _ => {}
    }
}

/// Appends the members of a routing event.
fn routing(json: &mut JsonObject<'_>, event: Event<'_>) {
    match event {
        Event::RouteCandidate { id, method, pattern, matched, segment, mismatch, reason, near, .. } => {
            json.number("id", u64::from(id));
            json.text("method", method);
            json.text("pattern", pattern);
            json.flag("match", matched);
            if let Some(segment) = segment {
                json.number("segment", segment as u64);
            }
            json.flag("near", near);
            if let Some(mismatch) = mismatch {
                json.word("why", mismatch.name());
            }
            json.text("reason", reason);
        }
        Event::RouteMatch { id, pattern, location: place, params, search } => {
            json.number("id", u64::from(id));
            json.text("pattern", pattern);
            json.source(place);
            json.object("params", params);
            json.number("tried", search.tried as u64);
            json.number("ns", search.ns);
        }
        Event::RouteMiss { allow, search } => {
            json.text("allow", allow);
            json.number("tried", search.tried as u64);
            json.number("ns", search.ns);
        }
        _ => {}
    }
}
