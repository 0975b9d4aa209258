// Reads a capture, which may hold anything: what is not an event as docs/events.md describes it is left out and counted. Pure.

import { plain } from "./words.js";

/** Events that are drawn of one capture. */
const MOST = 20_000;

const number = value => Number.isSafeInteger(value) && value >= 0;
const text = value => typeof value === "string";
/** A character for each byte. */
const bytes = value => text(value) && !/[^\0-\xff]/.test(value);
const flag = value => typeof value === "boolean";
const range = value => Array.isArray(value) && value.length === 2 && value.every(number) && value[0] <= value[1];
const list = check => value => Array.isArray(value) && value.every(check);
const span = one => Array.isArray(one) && range(one.slice(0, 2)) && text(one[2]) && (one[3] === undefined || number(one[3]));
const route = one => Object(one) === one && text(one.method) && text(one.pattern);
const object = value => Object(value) === value && Object.values(value).every(text);
const either = (...checks) => value => checks.some(check => check(value));

/** Members that the page reads, by what they must be. Each event may lack what is not needed for its kind. */
const MEMBERS = {
  q: number, t: number, w: number, c: number, r: number, n: either(number, text), off: number, want: number, len: number, have: number, at: number, byte: number,
  status: number, ns: number, left_bytes: number, pending: number, retry_after: number, events: number, rest: number, bytes: number, in: number, out: number, unread: number, rescanned: number,
  connections: number, requests: number, unsampled: number, observers: number, lost: number,
  e: text, data: bytes, err: text, kind: text, rfc: text, text, why: text, from: text, to: text, plan: text, framing: text, pattern: text, src: text, code: text, name: text,
  allow: text, method: text, reason: text, which: text, how: text, by: text, addr: text, result: text, body: either(number, text),
  close: flag, keep: flag, reset: flag, lab: flag, fired: flag, sent: flag, panic: flag, match: flag,
  range, never_read: range, interim: range, spans: list(span), states: list(text), routes: list(route), params: object,
};
/** What an event of a kind cannot lack. */
const NEEDS = {
  "server.start": ["states", "routes"], "conn.recv": ["off"], "conn.send": ["off", "want"], "conn.state": ["from", "to", "why"], "parse.head": ["off", "len", "spans"],
  "req.error": ["at", "kind", "status", "close", "rfc", "text"], "body.plan": ["plan"], "body.end": ["range", "len"], "resp.head": ["status", "len", "body", "framing", "spans"],
  "resp.done": ["bytes"], "route.match": ["pattern", "src", "ns"], "route.miss": ["allow", "ns"], "route.try": ["method", "pattern", "reason"], "handler.start": ["name", "src"],
  "handler.end": ["ns"], keepalive: ["keep", "why", "rfc"], "conn.close": ["by", "how", "ns"], pipeline: ["left_bytes"], backpressure: ["pending"], "req.tolerated": ["at", "text", "rfc"],
  "rate.limited": ["which", "retry_after"], "parse.try": ["have", "result"],
};
const COMMON = ["q", "t", "w", "c"];

function isEvent(event) {
  if (Object(event) !== event || !text(event.e)) return false;
  if (Object.entries(event).some(([name, value]) => Object.hasOwn(MEMBERS, name) && !MEMBERS[name](value))) return false;
  if (event.e === "server.start" || event.e === "probe.drop" || event.e === "wire.counts") return (NEEDS[event.e] ?? []).every(name => name in event);
  if (event.e === "body.plan" && event.plan === "length" && !number(event.len) || event.spans && event.e === "req.error" && !event.range) return false;
  return [...COMMON, ...Object.hasOwn(NEEDS, event.e) ? NEEDS[event.e] : []].every(name => name in event);
}

// Bytes are drawn one by one; other text stands in sentences.
const visible = (name, value) => text(value) && name !== "data" ? plain(value) : value;

/** Returns the events of a capture, and a sentence about what is not drawn; the header of a story, if it is one. */
export function read(capture) {
  const events = [];
  let [wrong, more, story] = [0, 0, undefined];
  for (const line of capture.split("\n")) {
    if (!line.trim()) continue;
    let event;
    try { event = JSON.parse(line, visible); } catch { /* it stays undefined */ }
    if (event?.e === "story") story = event;
    else if (!isEvent(event)) wrong++;
    else if (events.length < MOST) events.push(event);
    else more++;
  }
  const notes = [wrong && `${wrong} line${wrong === 1 ? " is" : "s are"} not an event and left out.`, more && `Only the first ${MOST} events are drawn, of ${MOST + more}.`];
  const note = events.length ? notes.filter(Boolean).join(" ") : "This file has no events of a trace. wirelight --record FILE makes one.";
  return { events, note, story };
}

/** The places in `events` of the captions, each after the one before; `undefined` where none fits. */
export function places(events, captions) {
  let from = 0;
  return captions.map(({ when }) => {
    const found = events.findIndex((event, i) => i >= from && Object.entries(when).every(([name, value]) => event[name] === value));
    if (found >= 0) from = found + 1;
    return found >= 0 ? found : undefined;
  });
}
