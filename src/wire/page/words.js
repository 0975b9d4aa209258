// The sentences of the page, made from what model.js read.

import { size, slice } from "./model.js";

const format = new Intl.NumberFormat("en");
export const digits = n => format.format(n);
export const plural = (n, what) => `${digits(n)} ${what}${n === 1 ? "" : "s"}`;
export const clip = (text, most) => text.length > most ? `${text.slice(0, most - 1)}…` : text;
/** Format characters of Unicode would reorder what is read: they become visible. */
export const plain = text => text.replace(/\p{Cf}/gu, one => `\\u{${one.codePointAt().toString(16)}}`);
const cap = text => text.charAt(0).toUpperCase() + text.slice(1);
const lower = text => /^[A-Z][a-z]* [a-z]/.test(text) ? text.charAt(0).toLowerCase() + text.slice(1) : text;

/** A duration in nanoseconds, with the unit that suits it. */
export function time(ns) {
  if (ns < 1e3) return "under 1 µs";
  if (ns < 999.5e3) return `${Math.round(ns / 1e3)} µs`;
  if (ns < 9.95e6) return `${(ns / 1e6).toFixed(1)} ms`;
  return ns < 999.5e6 ? `${Math.round(ns / 1e6)} ms` : `${(ns / 1e9).toFixed(1)} s`;
}

/** A sentence about a connection and one of its requests, and why it matters. */
export function sentence(conn, request) {
  if (!conn.input.length && !conn.torn) return silent(conn);
  if (!request) return [conn.input.length ? `${cap(conn.agent)} sent ${plural(size(conn.input), "byte")}.` : "What this client sent is not shown.", ""];
  if (request.error) return refused(conn, request);
  if (!request.answer) return waiting(conn, request);
  return request.head ? shape(conn, request) ?? answered(conn, request) : [`${cap(conn.agent)} got ${request.answer.status}. Events are missing here.`, ""];
}

function silent({ close }) {
  if (close?.by === "server") return [`A client connected and said nothing. After ${time(close.ns)} the server closed.`, "It must not stay for ever: it has a place in the table."];
  return [close ? "A client opened a connection, said nothing, and left." : "A client has connected, and says nothing yet.", "Browsers connect in advance. A server that reads one connection at a time would stand still now."];
}

function refused(conn, { error, plan, head, bodyAt, from, r, at }) {
  const { status, text } = error;
  const waited = `After ${time(error.t - from)} it answered 408 and closed.`;
  if (status === 408 && plan?.plan === "length") return [`${plural(plan.len, "byte")} were promised, ${size(conn.input) - bodyAt} came. The server waited, then gave up.`, `Only time can tell that no more will come. ${waited}`];
  if (status === 408) return [`${head ? "The last chunk never came" : "The head never ended"}. The server waited, then gave up.`, `${head ? "Only a chunk of size 0 ends such a body" : "Only an empty line says that a head is whole"}. ${waited}`];
  if (error.kind === "length-and-coding") return ["Where does this body end? Two readers would disagree, so the server refuses.", "Content-Length gives one end, Transfer-Encoding another. The bytes between would be a smuggled request."];
  if (slice(conn.input, at, at + 1) === "\x16") return ["This is TLS, sent to a port that speaks plain HTTP.", "Byte 22 begins a TLS handshake, and no method name."];
  if (status === 413) return ["The body is too large, and the server says so before it has come.", "It then reads on for a moment: a close with unread bytes would be a reset, and take the answer with it."];
  if (conn.requests[r - 2]?.plan?.plan === "length") return [`The bytes after request ${r - 1} are no request: refused at byte ${error.at}.`, `What follows a body is read as the next request. ${text}.`];
  return [`Refused at byte ${error.at}: ${lower(text)}.`, error.close ? "Programs that read this differently could be played against each other." : "Where the next request begins is still certain, so the connection stays."];
}

function waiting({ input, close, agent }, { head, at, bodyAt, plan, bodyEnd, line }) {
  const who = cap(agent);
  const here = Math.max(0, size(input) - (bodyAt ?? at));
  if (!head) return close ? [`${who} sent ${plural(here, "byte")}, and left before the head was whole.`, ""] : [`${plural(here, "byte")} are here, and no empty line: the server waits.`, "TCP knows no messages. Only the empty line says that the head is whole."];
  if (plan?.plan === "length" && here < plan.len) return [`${plural(plan.len, "byte")} were promised, ${here} ${close ? "came, and the client left" : "are here. The server waits for the rest"}.`, "It cannot know whether the rest is on its way. A deadline decides."];
  if (plan?.plan === "chunked" && !bodyEnd) return ["The body comes in chunks, and the last one is not here yet.", "Size 0 ends the body."];
  return [`${who} asked for ${clip(line, 60)}. ${close ? "It left before the answer" : "The handler is at work"}.`, ""];
}

// What matters more than the answer itself.
function shape(conn, request) {
  const { r, head, answer, plan, limited, continued, route, keep, method, target, line } = request;
  const { status } = answer;
  const pieces = conn.reads.filter(read => read.off + read.n > head.off && read.off < head.off + head.len).length;
  const same = conn.requests.filter(one => one.head && one.read === request.read).length;
  if (conn.close?.reset) return [`The server closed with ${plural(conn.close.unread, "byte")} unread, and that is a reset.`, "A reset may overtake the answer, and the client then never reads it (RFC 9112 §9.6)."];
  if (limited) return [`Too many requests: 429 for the next ${plural(limited.retry_after, "second")}.`, `The limit is ${limited.which}. Retry-After tells a client when to come back.`];
  if (request.handled?.panic) return ["The handler panicked, and the client still got an answer: 500.", "The panic ends this request alone."];
  if (pieces > 1) return [`One request came in ${pieces} pieces, and nothing changed.`, "The server found no empty line and slept until more came. Where a read ends has no meaning."];
  if (same > 1) return [`${plural(same, "request")} in one packet, answered in order.`, "Only the order says which answer belongs to which request (RFC 9112 §9.3.2)."];
  if (continued) return [`The client asked first whether to send its body, and got ${continued.sent ? "100 Continue" : status}.`, "So a large body is not sent in vain (RFC 9110 §10.1.1)."];
  if (conn.paused) return ["The client reads slowly, so the answer waits here. All others are served.", "Until the rest has left, nothing is read from this client."];
  if (answer.framing === "chunked") return ["The answer’s length was not known when it began, so it goes in chunks.", "Size 0 says that it was the last. Without that, the end and a cut line would look alike."];
  if (method === "HEAD") return ["HEAD: the same head as for GET, and no body.", "A client that waited for the body would wait for ever."];
  if (status === 405) return [`This path exists, but not for ${method}: 405.`, `Allow says what does: ${route?.allow || "nothing"} (RFC 9110 §15.5.6).`];
  if (route?.e === "route.miss" && status === 404) return [`No route has the path ${clip(target ?? "", 50)}: 404.`, target === "/favicon.ico" ? "Browsers look for an icon by themselves." : "The request is in order, so the connection stays."];
  if (plan?.plan === "chunked") return [`The body came in ${plural(request.chunks.length, "chunk")}, each with its size in front.`, "The size is hexadecimal, and size 0 ends the body."];
  if (r > 1 && conn.agent !== BROWSER) return [`Request ${r} on the same connection: ${clip(line, 50)} → ${status}.`, "It stayed open, so there was no second handshake."];
  if (keep && !keep.keep) return [`${clip(line, 50)} → ${status}, and then the connection closes.`, `${cap(keep.why)} (${keep.rfc}).`];
}

const BROWSER = "your browser";

function answered({ agent }, { from, answer, head, bodyEnd, done, target, line }) {
  const took = done && time(done.t - from);
  const bytes = plural(bodyEnd?.range ? bodyEnd.range[1] - head.off : head.len, "byte");
  if (agent === BROWSER) return [`Your browser sent ${bytes} to ask for ${clip(target ?? "", 50)}. Here is every one.`, took ? `The answer, ${answer.status}, left ${took} after they came. Choose any byte to see what it means.` : "The answer is on its way."];
  return [`${cap(agent)} asked for ${clip(line, 50).replace(/^GET /, "")} and got ${answer.status}${took ? `, ${took} later` : ""}.`, `${bytes} came and ${plural(done?.bytes ?? answer.len, "byte")} went.`];
}

/** The verdict on a request. */
export function verdict({ error, head, tolerated, plan, keep }) {
  if (error) return { kind: "bad", text: `${error.text}.`, rule: `${error.rfc} · ${error.status}, and the connection ${error.close ? "closes" : "stays"}` };
  if (!head) return { kind: "wait", text: "Nothing is wrong so far. The head is not whole.", rule: "RFC 9112 §2.1: an empty line ends it" };
  const end = { length: `The body ends after ${plural(plan?.len ?? 0, "byte")}, as Content-Length says.`, chunked: "The body ends with the chunk of size 0." }[plan?.plan] ?? "No field announces a body, so there is none.";
  const text = tolerated.length ? `Tolerated: ${tolerated.map(one => `${one.text} (${one.rfc})`).join("; ")}.` : "In order.";
  const stays = keep && `the connection ${keep.keep ? "stays" : "closes"}: ${keep.why} (${keep.rfc})`;
  return { kind: tolerated.length ? "wait" : "good", text: `${text} ${end}`, rule: [plan?.rfc, stays].filter(Boolean).join(" · ") };
}

/** What the usual fields are for. */
export const NOTES = {
  accept: "media types that the client can read", "accept-encoding": "how the answer may be compressed",
  authorization: "who asks; hidden", connection: "whether the connection stays", "content-length": "where the body ends, in bytes",
  "content-type": "what the body is", cookie: "what the server stored in the client; hidden", date: "when the answer was made", host: "which site is meant; HTTP/1.1 demands it",
  "transfer-encoding": "the body comes in chunks", "user-agent": "the program that asks",
};
