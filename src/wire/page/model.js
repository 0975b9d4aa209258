// Reads the events of a trace (docs/events.md) as connections and requests. Pure: node can run it.

/** Groups the events by connection, in the order of their accepts. */
export function connections(events) {
  const groups = new Map();
  for (const event of events) {
    if (!Number.isInteger(event.w) || !(event.c > 0)) continue;
    const key = `${event.w}.${event.c}`;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(event);
  }
  return [...groups].map(([key, list]) => remembered(key, list)).sort((a, b) => a.open - b.open);
}

// Events are only appended, so their number says whether a connection is to be read again.
const known = new Map();

function remembered(key, list) {
  const hit = known.get(key);
  if (hit && hit.events[0] === list[0] && hit.events.length === list.length) return hit;
  const conn = understand(key, list);
  if (known.size > 2000) known.clear();
  known.set(key, conn);
  return conn;
}

function understand(key, events) {
  const of = name => events.filter(event => event.e === name);
  const [first] = events;
  const conn = {
    key, events, name: first.w > 0 ? `#${first.w}.${first.c}` : `#${first.c}`, open: first.t, last: events.at(-1).t,
    close: of("conn.close").at(-1), torn: first.e !== "conn.open" || of("wire.skip").length > 0,
    input: stream(of("conn.recv")), output: stream(of("conn.send")), paused: of("backpressure").length > 0,
    reads: of("conn.recv").filter(event => event.n > 0), writes: of("conn.send").filter(event => event.n > 0),
  };
  // After a loss, whether it is still open is unknown.
  conn.lost = !conn.close && events.at(-1).e === "wire.skip";
  conn.until = conn.close?.t ?? (conn.lost ? conn.last : undefined);
  conn.requests = requests(conn);
  // Of the page, unless it has served the application before.
  conn.observer = of("conn.observer").length > 0 && !conn.requests.some(one => one.answer);
  const agent = fieldsOf(conn, conn.requests.find(one => one.head) ?? {}).find(field => /^user-agent$/i.test(field.name))?.value ?? "";
  conn.agent = first.lab ? "the lab" : /Mozilla\//.test(agent) ? "your browser" : /^[A-Za-z][\w.-]{0,18}/.exec(agent)?.[0] ?? (conn.input.length || conn.torn ? "a client" : "silent");
  return conn;
}

/** Joins the data of reads or writes where they touch: more than one part only after a gap. */
export function stream(events) {
  const parts = [];
  for (const { off, data } of events) {
    if (!data) continue;
    const last = parts.at(-1);
    if (last && last.off + last.text.length === off) last.text += data;
    else parts.push({ off, text: data });
  }
  return parts;
}

/** The text from `a` to `b`, as far as it is there. */
export const slice = (parts, a, b) => parts.map(({ off, text }) => text.slice(Math.max(0, a - off), Math.max(0, b - off))).join("");
export const size = parts => parts.length ? parts.at(-1).off + parts.at(-1).text.length : 0;

// Events of which a request has one, by the name that it has here.
const ONE = {
  "parse.head": "head", "req.error": "error", "body.plan": "plan", "body.end": "bodyEnd", "req.continue": "continued", "route.match": "route", "route.miss": "route",
  "handler.start": "handler", "handler.end": "handled", "resp.head": "answer", "resp.done": "done", "keepalive": "keep", "rate.limited": "limited",
};
const MANY = { "body.chunk": "chunks", "req.tolerated": "tolerated", "route.try": "tries" };

function requests(conn) {
  const byNumber = new Map();
  for (const event of conn.events) {
    if (!(event.r > 0)) continue;
    let request = byNumber.get(event.r);
    if (!request) byNumber.set(event.r, request = { r: event.r, events: [], chunks: [], tolerated: [], tries: [] });
    request.events.push(event);
    if (ONE[event.e]) request[ONE[event.e]] = event;
    else if (MANY[event.e]) request[MANY[event.e]].push(event);
  }
  const list = [...byNumber.values()];
  list.forEach((request, i) => place(conn, request, list[i - 1]));
  return list;
}

// Finds a request and its answer in the two streams.
function place(conn, request, before) {
  const { head, error, plan, bodyEnd, answer, done, events } = request;
  request.at = head?.off ?? error?.range?.[0] ?? before?.end ?? 0;
  request.bodyAt = head && head.off + head.len;
  request.end = bodyEnd?.range?.[1] ?? (plan?.plan === "length" ? request.bodyAt + plan.len : undefined) ?? request.bodyAt ?? size(conn.input);
  request.read = conn.reads.find(event => event.off + event.n > request.at);
  request.from = (request.read ?? events[0]).t;
  request.to = done?.t ?? (error ? conn.close?.t : undefined);
  const line = /^[^\r\n]*/.exec(slice(conn.input, request.at, request.at + 400))[0].replace(/ HTTP\/\d\.\d$/, "");
  request.line = /[^ -~]/.test(line) ? "(not HTTP)" : line;
  [request.method, request.target] = request.line.split(" ");
  const at = request.answerAt = answer?.off ?? before?.answerEnd ?? 0;
  request.interimAt = answer?.interim?.[0] ?? at;
  request.answerEnd = !answer ? at : done ? at + done.bytes : answer.body === "stream" ? Math.max(at + answer.len, size(conn.output)) : at + answer.len + answer.body;
}

/** The fields of a head: name and value with their offsets in the stream. */
export function fields(parts, off, spans) {
  const list = [];
  for (const [a, b, kind, number] of spans) {
    const name = kind === "name" && slice(parts, off + a, off + b);
    // Its bytes may be lost.
    if (name) list.push({ name, value: "", a: off + a, b: off + b, number });
    const field = list.at(-1);
    if (kind === "value" && field?.number === number) Object.assign(field, { value: slice(parts, off + a, off + b), b: off + b });
  }
  return list;
}

/** The spans of the head of a request, also of one that was refused. */
export const headOf = ({ head, error }) => head ?? (error?.spans && { off: error.range[0], spans: error.spans });
export function fieldsOf(conn, request) {
  const head = headOf(request);
  return head ? fields(conn.input, head.off, head.spans) : [];
}

/** Whether a field of this name says where the body ends. */
const frames = name => /^(content-length|transfer-encoding)$/i.test(name);

/** `[start, end, kind]` for a whole stream. They tile it, without a gap or an overlap. */
export function tiles(conn, side) {
  const [parts, marks, other] = side === "in" ? [conn.input, incoming(conn), "rest"] : [conn.output, outgoing(conn), "body"];
  marks.sort((a, b) => a[0] - b[0]);
  const list = [];
  for (const { off, text } of parts) {
    let at = off;
    const end = off + text.length;
    for (const [a, b, kind] of marks) {
      if (b <= at || a >= end) continue;
      if (a > at) list.push([at, a, other]);
      list.push([Math.max(a, at), at = Math.min(b, end), kind]);
    }
    if (at < end) list.push([at, end, other]);
  }
  return list;
}

function headMarks(parts, off, spans) {
  let framing = false;
  return spans.map(([a, b, kind]) => {
    if (kind === "name") framing = frames(slice(parts, off + a, off + b));
    return [off + a, off + b, framing && /^(name|value)$/.test(kind) ? "frame" : kind];
  });
}

function incoming(conn) {
  return conn.requests.flatMap(request => {
    const { head, error, plan, bodyAt, end } = request;
    const spans = headOf(request);
    const marks = spans ? headMarks(conn.input, spans.off, spans.spans) : error?.range ? [[...error.range, "junk"]] : [];
    if (error?.rest < size(conn.input)) marks.push([error.rest, size(conn.input), "never"]);
    if (head && plan?.plan === "length" && !error?.rest) marks.push([bodyAt, bodyAt + plan.len, "body"]);
    if (head && plan?.plan === "chunked") marks.push(...shifted(conn.input, bodyAt, request.bodyEnd ? end : size(conn.input)));
    return marks;
  });
}

function outgoing(conn) {
  return conn.requests.flatMap(({ answer, answerAt, interimAt, answerEnd }) => {
    if (!answer) return [];
    const marks = [[interimAt, answerAt, "interim"], ...headMarks(conn.output, answerAt, answer.spans)].filter(([a, b]) => a < b);
    return answer.framing === "chunked" ? [...marks, ...shifted(conn.output, answerAt + answer.len, answerEnd)] : marks;
  });
}

const shifted = (parts, from, to) => byChunks(slice(parts, from, to)).marks.map(([a, b, kind]) => [a + from, b + from, kind]);

// A body as chunks: the size of each, the rest of its line, its data, the line end after it.
export function byChunks(text) {
  const marks = [];
  for (let at = 0, n = 0; n < 1000; n++) {
    const line = /^([0-9a-f]{1,8})[^\r\n]*\r\n/i.exec(text.slice(at, at + 512));
    if (!line) break;
    const data = at + line[0].length;
    const end = data + parseInt(line[1], 16);
    marks.push([at, at + line[1].length, "chunk-size"], [at + line[1].length, data, "chunk-line"], [data, end, "body"], [end, end + 2, "chunk-line"]);
    at = end + 2;
    if (end === data) return { title: "Read by chunks", marks: marks.filter(([a, b]) => a < b), cut: at, text };
  }
  return { title: "Read by chunks", marks, cut: text.length + 1, text };
}
