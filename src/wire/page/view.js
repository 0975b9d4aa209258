// What the page shows: view(events, selection) returns plain data and depends on nothing else. draw.js puts it on the screen.

import { connections, fields, headOf, size, slice, tiles } from "./model.js";
import { NOTES, clip, digits, plain, plural, sentence, time, verdict } from "./words.js";

const BARS = 40;
/** Of a stream longer than this, the two ends are shown. */
const SHOWN = 16 * 1024;
const END = 4 * 1024;
/** Steps on the strip, around the current one. */
const STEPS = 60;

/** selection: `conn`; `step`, the `q` of a step; `side`, `a`, `b`, bytes; `all` lanes. */
export function view(events, selection = {}) {
  const all = connections(events).filter(conn => !conn.observer);
  const conn = all.find(one => one.key === selection.conn) ?? all.findLast(one => one.requests.length) ?? all.at(-1);
  const start = events.findLast(event => event.e === "server.start");
  const shown = { counts: counted(events, all), asks: asks(start) };
  if (!conn) return { ...shown, empty: true, title: ["Nothing has come yet.", "Ask this server for something, and every byte of it appears here."] };
  const list = steps(conn);
  const chosen = list.findLastIndex(step => step.q <= selection.step);
  const now = chosen >= 0 ? chosen : telling(conn, list);
  const until = list[now + 1]?.first ?? Infinity;
  const request = chosen >= 0 ? at(conn, list[now]) : asked(conn);
  const seen = chosen >= 0 ? until : Infinity;
  const pick = selection.side && selection;
  return {
    ...shown, key: conn.key, name: conn.name, title: sentence(conn, request), verdict: request && verdict(request),
    lanes: lanes(all, conn, list[now], selection),
    strip: around(list, now).map((step, i, shown) => ({ ...step, gap: i ? step.t - shown[i - 1].end : 0, current: step === list[now] })), steps: list.length,
    came: pane(conn, "in", seen, request, pick), went: pane(conn, "out", seen, request, pick),
    promise: promise(conn, request, seen), refused: request?.error && slice(conn.input, request.at, request.at + 65536),
    rails: rails(conn, start, until), rows: request ? meaning(conn, request, pick) : [], request: request?.r, requests: conn.requests.at(-1)?.r,
  };
}

function counted(events, all) {
  const requests = all.reduce((sum, conn) => sum + conn.requests.length, 0);
  return { connections: all.length, requests, ...events.findLast(event => event.e === "wire.counts") };
}

// What a first visitor can ask for: routes of GET without parameters.
export function asks(start) {
  const plain = (start?.routes ?? []).filter(({ method, pattern }) => method === "GET" && !/[{*]|^\/_wire/.test(pattern));
  return plain.map(route => route.pattern).slice(0, 6);
}

// The last request that a person asked for.
const asked = ({ requests }) => requests.findLast(one => one.target !== "/favicon.ico") ?? requests.at(-1);

// The step that says most: a fault, else the answer, else the last.
function telling(conn, list) {
  const request = asked(conn);
  const fault = list.findIndex(step => request?.error && step.q === request.error.q);
  const answer = list.findLastIndex(step => step.kind === "out" && step.t <= request?.to);
  return fault >= 0 ? fault : answer >= 0 ? answer : list.length - 1;
}

const around = (list, now) => list.slice(Math.max(0, Math.min(now - STEPS / 2, list.length - STEPS))).slice(0, STEPS);

// The request that a step is about, or the one around it.
const at = ({ requests }, step) => requests.find(one => one.r === step.r) ?? requests.findLast(one => one.events[0].q <= step.q) ?? requests[0];

/** Work takes microseconds and waits take seconds, so a stretch between two times is as wide as the logarithm of its length. */
export function fold(times, real) {
  const marks = [...new Set(times)].sort((a, b) => a - b);
  const scale = (part, all) => Math.round(100 + 9700 * part / (all || 1)) / 100;
  if (real) return { place: t => scale(t - marks[0], marks.at(-1) - marks[0]), folds: [] };
  const folds = [];
  let x = 0;
  const places = marks.map((t, i) => {
    const gap = i ? t - marks[i - 1] : 0;
    const width = i && 1.2 + 7 * Math.log10(1 + gap / 5e4);
    if (gap > 4e8) folds.push({ x: x + width / 2, text: `⋯ ${time(gap)}` });
    return x += width;
  });
  const index = new Map(marks.map((mark, i) => [mark, i]));
  const place = t => scale(places[index.get(t) ?? marks.findLastIndex(mark => mark <= t)] ?? 0, x);
  let last = -9;
  for (const one of folds) {
    one.x = scale(one.x, x);
    if (one.x - last < 6) one.text = ""; else last = one.x;
  }
  return { place, folds };
}

function lanes(all, chosen, step, { all: every, most = 10, real }) {
  const recent = all.slice(every ? -50 : -most);
  const shown = recent.includes(chosen) ? recent : [chosen, ...recent.slice(1)];
  const last = Math.max(...shown.map(conn => conn.last));
  const times = shown.flatMap(conn => [conn.open, conn.until ?? last, ...conn.requests.slice(0, BARS).flatMap(one => [one.from, one.to ?? last])]);
  const { place, folds } = fold([...times, step.t], real);
  return { real: Boolean(real), hidden: all.length - shown.length, folds, now: place(step.t), rows: shown.map(conn => lane(conn, conn === chosen, place, last)) };
}

function lane(conn, current, place, last) {
  const bars = [];
  for (const { read, from, to, error, answer, line } of conn.requests.slice(0, BARS)) {
    const status = answer?.status ?? error?.status ?? "…";
    const before = bars.at(-1);
    if (read && before?.read === read) {
      Object.assign(before, { to: place(to ?? last), more: before.more + 1, status: `${before.status}, ${status}` });
      continue;
    }
    const kind = status === 408 ? "late" : error || status >= 500 ? "bad" : to === undefined ? "wait" : "good";
    bars.push({ from: place(from), to: place(to ?? conn.until ?? last), kind, read, more: 0, line: clip(line.replace(/^GET /, ""), 40), status });
  }
  const count = conn.requests.findLast(one => one.head)?.r;
  return {
    key: conn.key, name: conn.name, who: `${conn.agent}${count > 1 ? `, ${count} requests` : ""}`, current, torn: conn.torn,
    from: place(conn.open), to: place(conn.until ?? last), end: conn.close ? conn.close.reset ? "reset" : "closed" : conn.lost ? "lost" : "open",
    bars: bars.map(({ from, to, kind, more, line, status }) => ({ from, to, kind, text: `${kind === "bad" ? "✕ " : ""}${line}${more ? ` and ${more} more` : ""} → ${status}` })),
    note: conn.lost ? "what followed is lost" : conn.input.length || conn.torn ? "" : conn.close ? "opened, silent, closed" : "open, silent so far",
  };
}

/** The connection in steps, each with the events (`first` to `q`) that it stands for. */
export function steps(conn) {
  const list = [];
  for (const event of conn.events) {
    const [kind, what, more] = step(event) || [];
    const { q, t, r } = event;
    const last = list.at(-1);
    // A look that needs more belongs to the read before it.
    if (what === "need more" && last?.kind === "in") Object.assign(last, { q, end: t, more: what, r });
    else if (kind && !(what === "deadline" && last?.q === q)) list.push({ q, first: q, t, end: t, r, kind, what, more, code: event.code });
  }
  const { q, t } = conn.events.at(-1);
  return list.length ? folded(list) : [{ q, first: q, t, end: t, kind: "end", what: "…", more: "" }];
}

function step(event) {
  const { n, status, result, err } = event;
  const rfc = (event.rfc ?? "").replace("RFC ", "");
  switch (event.e) {
    case "conn.open": return ["end", "accept", "accept4()"];
    case "conn.recv": return n > 0 ? ["in", `→ ${plural(n, "byte")}`, "recvfrom()"] : n === "eof" ? ["end", "→ FIN", "client closed"] : err && ["bad", "→ error", err];
    case "conn.send": return n > 0 ? ["out", `← ${plural(n, "byte")}`, n < event.want ? `of ${digits(event.want)}` : "sendto()"] : ["wait", "← no room", err ?? "the kernel is full"];
    case "parse.try": return result !== "error" && event.rescanned !== event.have && ["think", result === "partial" ? "need more" : "head whole", `parse, ${plural(event.have, "byte")}`];
    case "req.error": return status === 408 ? ["wait", "time is up", "408"] : ["bad", "refused", `byte ${event.at}`];
    case "req.tolerated": return ["wait", "tolerated", `byte ${event.at}`];
    case "req.continue": return ["think", event.sent ? "100 Continue" : "no 100", rfc];
    case "body.plan": return event.plan !== "none" && ["think", event.plan === "length" ? `body: ${digits(event.len)}` : "body: chunks", rfc];
    case "body.end": return event.len > 0 && ["think", "body whole", plural(event.len, "byte")];
    case "route.match": return ["think", event.pattern, `route, ${time(event.ns)}`];
    case "route.miss": return ["think", event.allow ? "other methods" : "no route", event.allow || "404"];
    case "handler.end": return [event.panic ? "bad" : "think", event.panic ? "panic" : "handler", time(event.ns)];
    case "keepalive": return ["end", event.keep ? "stays" : "will close", rfc];
    case "pipeline": return ["wait", "more is here", plural(event.left_bytes, "byte")];
    case "backpressure": return ["wait", "reads no more", plural(event.pending, "byte")];
    case "conn.observer": return ["end", "for this page", "not shown"];
    case "lab.held": return ["wait", "held", `before ${event.before}`];
    case "conn.half-close": return ["end", "← FIN", "shutdown()"];
    case "conn.timer": return event.fired && ["wait", "deadline", event.kind];
    case "conn.close": return event.reset ? ["bad", "reset", "RST"] : ["end", "close", event.how === "fin" ? "close()" : event.how];
    case "wire.skip": return ["wait", event.events ? "not shown" : "lost", event.events ? plural(event.events, "event") : "by the trace"];
  }
}

// Of a long row of equal steps, the first two and the last stay; the others become one.
function folded(list) {
  const shapes = list.map(({ kind, what, more }) => `${kind} ${more} ${what.replace(/[\d,]+s?/, "")}`);
  const result = [];
  for (let i = 0, end = 0; i < list.length; i = end) {
    do end++; while (shapes[end] === shapes[i]);
    const run = list.slice(i, end);
    const middle = run.length > 5 ? run.splice(2, run.length - 3) : [];
    if (middle.length) run.splice(2, 0, { ...middle.at(-1), first: middle[0].first, t: middle[0].t, what: `${middle.length} more`, more: `like ${run[0].what}` });
    result.push(...run);
  }
  return result;
}

const FAMILY = { method: "line", target: "line", query: "line", version: "line", status: "line", reason: "line", interim: "line", name: "name", frame: "frame", "chunk-size": "frame", body: "body", junk: "bad", rest: "rest", never: "rest" };

const arrived = (moves, seen) => moves.reduce((end, { q, off, n }) => q < seen ? off + n : end, 0);

/** Rows of spans: what came or went. What follows the event `seen` is marked as later. */
function pane(conn, side, seen, request, pick) {
  const [parts, moves] = side === "in" ? [conn.input, conn.reads] : [conn.output, conn.writes];
  const total = size(parts);
  if (!total) return undefined;
  const here = arrived(moves, seen);
  const cuts = new Map(moves.length > 1 ? moves.map(event => [event.off, event.n]) : []);
  const begins = new Map(conn.requests.filter(one => one.r > 1 && (side === "in" ? headOf(one) : one.answer)).map(one => [side === "in" ? one.at : one.interimAt, one.r]));
  const fault = side === "in" && request?.error?.byte !== undefined && request.error.status !== 408 ? request.error : undefined;
  // Of many requests, the one at hand.
  const [from, to] = conn.requests.length < 4 || !request ? [0, total] : side === "in" ? [request.at, Math.min(total, request.end)] : [request.interimAt, Math.min(total, request.answerEnd)];
  const rows = [];
  let row;
  for (const [a, b, kind] of pieces(parts, tiles(conn, side), cuts, begins, fault, from, to)) {
    if (row && row.end !== a) rows.push({ fold: a - row.end });
    if (begins.has(a)) rows.push({ next: begins.get(a), at: a });
    const never = kind === "never" && row?.kind !== kind;
    if (never) rows.push({ never: total - a });
    if (never || !row || row.done || row.end !== a || begins.has(a)) rows.push(row = { at: a, spans: [] });
    if (cuts.has(a)) row.spans.push({ cut: cuts.get(a), later: a >= here });
    const text = slice(parts, a, b);
    const guilty = fault && fault.at >= a && fault.at < b;
    row.spans.push({ a, b, kind, family: guilty ? "bad" : FAMILY[kind] ?? "", text, later: a >= here, current: Boolean(pick?.side === side && a < pick.b && b > pick.a) });
    if (guilty) row.fault = `byte ${fault.at}: ${fault.text}`;
    Object.assign(row, { kind, end: b, done: text.endsWith("\n") });
  }
  return { side, total, here, from, to, rows };
}

// Cuts tiles at line ends, reads, requests, and around a byte at fault that is not in a name.
function pieces(parts, list, cuts, begins, fault, from, to) {
  const windows = to - from > SHOWN ? [[from, from + END], [to - END, to]] : [[from, to]];
  return windows.flatMap(([start, end]) => {
    const edges = [...cuts.keys(), ...begins.keys()].filter(edge => edge > start && edge < end);
    return list.flatMap(([first, last, kind]) => {
      const [a, b] = [Math.max(first, start), Math.min(last, end)];
      if (a >= b) return [];
      const marks = [a, b, ...edges, ...(fault && !/^(name|frame)$/.test(kind) ? [fault.at, fault.at + 1] : [])];
      for (let text = slice(parts, a, b), i = 0; (i = text.indexOf("\n", i) + 1) > 0;) marks.push(a + i);
      const inside = [...new Set(marks)].filter(mark => mark >= a && mark <= b).sort((x, y) => x - y);
      return inside.slice(1).map((mark, i) => [inside[i], mark, kind]);
    });
  });
}

function promise(conn, request, seen) {
  const { plan, bodyAt, error } = request ?? {};
  if (plan?.plan !== "length" || !plan.len || !(bodyAt >= 0)) return undefined;
  const here = Math.max(0, Math.min(plan.len, arrived(conn.reads, seen) - bodyAt));
  const fate = here === plan.len ? ": whole" : `, ${error || conn.close ? "never came" : "waiting for"} ${digits(plan.len - here)}`;
  return { here, len: plan.len, text: `promised ${plural(plan.len, "byte")}, here ${digits(here)}${fate}` };
}

function rails(conn, start, until) {
  const moves = conn.events.filter(event => event.e === "conn.state" && event.q < until);
  const names = (start?.states ?? []).filter(name => name !== "send.Switched" || moves.some(move => move.to === name));
  const rail = (title, prefix) => {
    const mine = moves.filter(move => move.to.startsWith(prefix));
    const lit = mine.at(-1)?.to ?? `${prefix}Idle`;
    return { title, states: names.filter(name => name.startsWith(prefix)).map(name => ({ name: name.slice(5), lit: name === lit, seen: mine.some(move => move.from === name || move.to === name) })) };
  };
  const last = moves.at(-1);
  return { rails: [rail("client", "recv."), rail("server", "send.")], why: last ? `${last.from.slice(5)} → ${last.to.slice(5)}: ${last.why}` : "" };
}

const LINE = { method: "what to do", target: "to which resource", query: "parameters", version: "" };

/** The meaning of the bytes as rows, each with the range of bytes that it stands for. */
function meaning(conn, request, pick) {
  const rows = [];
  const add = (group, name, value, note, side, a, b) => rows.push({ group, name, value: clip(value, 120), note, side, a, b, current: Boolean(a !== undefined && pick?.side === side && pick.a < b && pick.b > a) });
  const line = (group, side, parts, { off, spans }, notes) => {
    for (const [a, b, kind] of spans) if (kind in notes) add(group, kind, slice(parts, off + a, off + b), notes[kind], side, off + a, off + b);
    for (const { name, value, a, b } of fields(parts, off, spans)) add(group, name, value, NOTES[name.toLowerCase()] ?? "", side, a, b);
  };
  const head = headOf(request);
  const { plan, chunks, bodyAt, bodyEnd, end, answer, answerAt, answerEnd } = request;
  if (head) line("asked", "in", conn.input, head, LINE);
  if (plan && plan.plan !== "none") add("asked", "body", plan.plan === "length" ? plural(plan.len, "byte") : plural(chunks.length, "chunk"), bodyEnd ? "whole" : "not whole yet", "in", bodyAt, Math.max(bodyAt + 1, end));
  inside(add, request);
  if (!answer) return rows;
  line("answered", "out", conn.output, { off: answerAt, spans: answer.spans }, { status: "" });
  const ends = { length: "as Content-Length says", chunked: "in chunks, up to one of size 0", close: "the close ends it" }[answer.framing] ?? "";
  add("answered", "body", answer.body === "stream" ? "made while it is sent" : plural(answer.body, "byte"), ends, "out", ...(answerEnd > answerAt + answer.len ? [answerAt + answer.len, answerEnd] : []));
  return rows;
}

// What happened between the request and its answer.
function inside(add, { route, tries, handler, handled }) {
  const params = Object.entries(route?.params ?? {}).map(([name, value]) => `${name} = ${clip(plain(value), 80)}`);
  if (route?.e === "route.match") add("inside", "route", route.pattern, [...params, route.src].join(" · "));
  else if (route) add("inside", "route", route.allow ? `only ${route.allow}` : "none", tries.slice(0, 3).map(one => `${one.method} ${one.pattern}: ${one.reason}`).join(" · "));
  if (handler) add("inside", "handler", handler.name, `${handled ? `${time(handled.ns)} · ` : ""}${handler.src}`);
}
