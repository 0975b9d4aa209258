// Connections in the formats of other tools. Pure: node can run it.

import { EMPTY, poke } from "./compose.js";
import { byChunks, fieldsOf, fields, size, slice } from "./model.js";

const started = events => events.findLast(event => event.e === "server.start")?.unix_ns ?? 0;

// ---- packets ----

/** Raw IP packets (LINKTYPE_RAW). */
const LINK = 101;
/** Data bytes of a packet; an IPv4 packet has at most 65,535. */
const MOST = 60_000;
const [FIN, SYN, RST, PUSH, ACK] = [1, 2, 4, 8, 16];
/** Sequence numbers of the two SYNs. */
const INITIAL = [1000, 2000];

/** A file for Wireshark and tcpdump: a packet for each read and write, with headers that are made up. */
export function pcap(events, conns) {
  const packets = [...conns].sort((a, b) => a.events[0].w - b.events[0].w || a.events[0].c - b.events[0].c).flatMap(flow);
  packets.sort((a, b) => a.time - b.time);
  const parts = [words([0xa1b2c3d4]), new Uint8Array([2, 0, 4, 0]), words([0, 0, 65_535, LINK])];
  for (const { time, bytes } of packets) {
    const at = started(events) + time;
    parts.push(words([Math.floor(at / 1e9), Math.floor(at % 1e9 / 1e3), bytes.length, bytes.length]), bytes);
  }
  return joined(parts);
}

// The packets of one connection, from its SYN to the last ACK.
function flow(conn, index) {
  const of = name => conn.events.find(event => event.e === name);
  const { t: opened, peer, local } = of("conn.open") ?? conn.events[0];
  // A unix socket has no ports: tools tell its connections apart by some.
  const ends = [end(peer, 32_768 + index % 32_768), end(local, 8000)];
  const next = [...INITIAL];
  const packets = [];
  const send = (time, from, flags, data) => {
    packets.push({ time, bytes: packet(ends[from], ends[1 - from], next[from], flags & ACK ? next[1 - from] : 0, flags, data) });
    next[from] = (next[from] + data.length + (flags & (SYN | FIN) ? 1 : 0)) >>> 0;
  };
  const none = new Uint8Array();
  [[0, SYN], [1, SYN | ACK], [0, ACK]].forEach(([from, flags]) => send(opened, from, flags, none));
  for (const { e, n, t, off, data = "" } of conn.events) {
    if (!/^conn\.(recv|send)$/.test(e) || !(n >= 0)) continue;
    const from = e === "conn.recv" ? 0 : 1;
    // Bytes that were not recorded leave a gap, as a lost packet does.
    next[from] = (INITIAL[from] + 1 + off) >>> 0;
    for (let at = 0; at < data.length; at += MOST) send(t, from, PUSH | ACK, latin1(data.slice(at, at + MOST)));
  }
  const close = of("conn.close");
  const first = close?.by === "client" ? 0 : 1;
  if (close?.how === "rst") send(close.t, 1, RST | ACK, none);
  else if (close) [[first, FIN | ACK], [1 - first, FIN | ACK], [first, ACK]].forEach(([from, flags]) => send(close.t, from, flags, none));
  return packets;
}

// An address; one that is not IPv4 becomes the loopback address.
function end(address, port) {
  const [, ip, number] = /^(.*):(\d+)$/.exec(address ?? "") ?? [];
  return { ip: /^\d+(\.\d+){3}$/.test(ip) ? ip.split(".").map(Number) : [127, 0, 0, 1], port: Number(number ?? port) };
}

// An IPv4 packet with a TCP segment (RFC 791 §3.1, RFC 9293 §3.1).
function packet(source, target, sequence, acknowledged, flags, data) {
  const bytes = new Uint8Array(40 + data.length);
  const view = new DataView(bytes.buffer);
  [0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 6].forEach((byte, at) => { bytes[at] = byte; });
  view.setUint16(2, bytes.length);
  bytes.set([...source.ip, ...target.ip], 12);
  view.setUint16(20, source.port);
  view.setUint16(22, target.port);
  view.setUint32(24, sequence);
  view.setUint32(28, acknowledged);
  bytes.set([5 << 4, flags, 0xff, 0xff], 32);
  bytes.set(data, 40);
  // The checksum of TCP covers the addresses, the protocol and the length too.
  view.setUint16(36, checksum(joined([bytes.slice(12, 20), new Uint8Array([0, 6, (20 + data.length) >> 8, 20 + data.length & 255]), bytes.slice(20)])));
  view.setUint16(10, checksum(bytes.slice(0, 20)));
  return bytes;
}

// RFC 1071: the complement of the sum of all pairs of bytes, with carries added.
function checksum(bytes) {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes[at] << 8 | (bytes[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

const latin1 = text => Uint8Array.from(text, letter => letter.charCodeAt(0));
function words(list) {
  const view = new DataView(new ArrayBuffer(list.length * 4));
  list.forEach((word, at) => view.setUint32(at * 4, word, true));
  return new Uint8Array(view.buffer);
}
function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => { all.set(part, at); return at + part.length; }, 0);
  return all;
}

// ---- HAR ----

/** HAR 1.2 for developer tools. It holds well-formed exchanges only: its comment lists what is left out. */
export function har(events, conns) {
  const entries = [];
  const left = [];
  for (const conn of conns) {
    for (const request of conn.requests.filter(({ head, error }) => head || error)) {
      const why = request.error ? `${request.error.text} (byte ${request.error.at})` : !request.head || !request.done ? "no complete response" : "";
      if (why) left.push(`connection ${conn.name}, the request at byte ${request.at}: ${why}`);
      else entries.push(entry(conn, request, started(events)));
    }
  }
  const comment = left.length ? `HAR can only hold well-formed exchanges. Left out: ${left.join("; ")}.` : "All exchanges.";
  return `${JSON.stringify({ log: { version: "1.2", creator: { name: "wirelight", version: "" }, entries, comment } }, undefined, 2)}\n`;
}

function entry(conn, request, unix) {
  const { head, bodyEnd, answer, done, from } = request;
  const sent = bodyEnd?.t ?? head.t;
  const { first_ns: first = done.t, last_ns: last = done.t } = done;
  const spans = [sent - from, first - sent, last - first].map(ns => Math.max(0, ns) / 1e6);
  const [send, wait, receive] = spans;
  return {
    startedDateTime: new Date((unix + from) / 1e6).toISOString(), time: send + wait + receive, request: asked(conn, request), response: answered(conn, request, answer),
    cache: {}, timings: { send, wait, receive }, connection: conn.name.slice(1),
  };
}

const of = (parts, off, spans, ...kinds) => spans.filter(([, , kind]) => kinds.includes(kind)).map(([a, b]) => slice(parts, off + a, off + b)).join("");
const pairs = list => list.map(({ name, value }) => ({ name: utf8(name), value: utf8(value) }));
const value = (list, name) => list.find(field => field.name.toLowerCase() === name)?.value;
const utf8 = text => new TextDecoder().decode(latin1(text));

function asked(conn, { head, bodyAt, end: until, plan }) {
  const chunked = plan?.plan === "chunked";
  const headers = pairs(fieldsOf(conn, { head }));
  const target = utf8(of(conn.input, head.off, head.spans, "target", "query"));
  const host = value(headers, "host") ?? "localhost";
  const body = data(slice(conn.input, bodyAt, chunked ? size(conn.input) : until), chunked);
  const query = target.split("?").slice(1).join("?").split("&").filter(Boolean).map(pair => pair.split("=")).map(([name, ...rest]) => ({ name, value: rest.join("=") }));
  // RFC 9112 §3.3: the server as a whole has the URL of its authority.
  const url = target === "*" ? `http://${host}` : target.startsWith("/") ? `http://${host}${target}` : target;
  return {
    method: of(conn.input, head.off, head.spans, "method"), url, httpVersion: of(conn.input, head.off, head.spans, "version"), cookies: [], headers, queryString: query,
    headersSize: head.len, bodySize: body.length, ...body && { postData: { mimeType: value(headers, "content-type") ?? "", params: [], text: utf8(body) } },
  };
}

function answered(conn, { answerAt, answerEnd }, { status, len, spans, framing }) {
  const headers = pairs(fields(conn.output, answerAt, spans));
  const raw = slice(conn.output, answerAt + len, answerEnd);
  const body = data(raw, framing === "chunked");
  return {
    status, statusText: of(conn.output, answerAt, spans, "reason"), httpVersion: of(conn.output, answerAt, spans, "version"), cookies: [], headers,
    content: content(headers, body), redirectURL: value(headers, "location") ?? "", headersSize: len, bodySize: raw.length,
  };
}

/** Text, or base64 of other bytes. HAR's text is what a Content-Encoding encodes, so an encoded body is left out. */
function content(headers, body) {
  const known = { size: body.length, mimeType: value(headers, "content-type") ?? "" };
  const coding = value(headers, "content-encoding");
  if (coding !== undefined) return { ...known, comment: `The body is encoded: ${coding}.` };
  try {
    return { ...known, text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(latin1(body)) };
  } catch {
    return { ...known, text: btoa(body), encoding: "base64" };
  }
}

const data = (text, chunked) => chunked ? byChunks(text).marks.filter(([, , kind]) => kind === "body").map(([a, b]) => text.slice(a, b)).join("") : text;

// ---- to do it again ----

/** Whether all that came is known, so that it can be sent again. */
export const isWhole = conn => !conn.torn && conn.input.length <= 1 && size(conn.input) === conn.reads.reduce((sum, { n }) => sum + n, 0);

/** The `poke` command that sends the same bytes in the same pieces. */
export function command(conn, server) {
  const { reads, close, input } = conn;
  const gaps = reads.slice(1).map((read, i) => (read.t - reads[i].t) / 1e6);
  const late = conn.requests.some(({ error }) => error?.status === 408);
  const then = late ? "hold" : halfCloses(conn) ? "half_close" : "read";
  const hold = Math.min(3600, Math.ceil(((close?.t ?? conn.last) - (reads.at(-1)?.t ?? conn.open)) / 1e9) + 1) * 1000;
  return poke({ ...EMPTY, bytes: slice(input, 0, size(input)), cuts: reads.slice(1).map(read => read.off), gap: gaps.length ? Math.max(1, Math.round(Math.min(...gaps))) : 0, then, hold }, server);
}

// The client's FIN came before the last bytes of the server went.
const halfCloses = conn => {
  const fin = conn.events.find(({ e, n }) => e === "conn.recv" && n === "eof");
  return Boolean(fin && conn.writes.some(write => write.q > fin.q));
};

/** A test in Rust that sends the same to the application that `app()` returns, in virtual time. */
export function rustTest(conn) {
  const lines = ["let app = app();", "let client = app.test();", "let mut connection = client.connect();"];
  let last = conn.open;
  const wait = t => {
    const ms = Math.ceil((t - last) / 1e6);
    if (ms >= 100) lines.push(`connection.advance(std::time::Duration::from_millis(${ms}));`);
    last = t;
  };
  for (const { e, t, n, off, status } of conn.events) {
    if (e === "conn.recv" && n > 0) {
      wait(t);
      lines.push(...literal(slice(conn.input, off, off + n)));
    } else if (e === "conn.recv" && n === "eof" && halfCloses(conn)) {
      wait(t);
      lines.push("connection.half_close();");
    } else if (e === "req.error" && status === 408) wait(t);
  }
  const statuses = conn.requests.flatMap(({ answer, continued }) => [...continued?.sent ? [100] : [], ...answer ? [answer.status] : []]);
  const closes = conn.requests.at(-1)?.keep?.keep === false || Boolean(conn.close && conn.close.by === "server");
  lines.push("let received = String::from_utf8_lossy(connection.received()).into_owned();", 'let statuses: Vec<_> = received.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect();',
    statuses.length ? `assert_eq!(statuses, [${statuses.map(one => `"${one}"`).join(", ")}]);` : "assert!(statuses.is_empty());",
    closes ? "assert!(connection.is_closed());" : "assert!(!connection.is_closed());");
  return `#[test]\nfn connection_${conn.name.slice(1).replace(".", "_")}() {\n${lines.map(line => `    ${line}\n`).join("")}}\n`;
}

// A send of bytes, a line of the source for each of theirs.
function literal(bytes) {
  const source = text => text.replace(/[^ -~]|["\\]/g, byte => ({ "\r": "\\r", "\n": "\\n", "\t": "\\t", "\\": "\\\\", '"': '\\"' })[byte] ?? `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
  const list = (bytes.match(/[^\n]*\n|[^\n]+$/g) ?? []).map(source);
  if (list.length < 2) return [`connection.send(b"${list.join("")}");`];
  // A backslash at the end of a line of the source skips the white space after it: a line that begins with some is written in another way.
  const safe = list.map((line, i) => i && line.startsWith(" ") ? `\\x20${line.slice(1)}` : line);
  return ["connection.send(", ...safe.map((line, i) => `    ${i ? "  " : 'b"'}${line}${i + 1 < safe.length ? "\\" : '",'}`), ");"];
}
