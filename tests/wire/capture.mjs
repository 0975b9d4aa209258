// Any bytes in a capture end in a drawing or a sentence: node tests/wire/capture.mjs. The seeds are the stories.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";

import { places, read } from "../../src/wire/page/capture.js";
import { shortened } from "../../src/wire/page/keep.js";
import { connections } from "../../src/wire/page/model.js";
import { steps, view } from "../../src/wire/page/view.js";

const folder = new URL("../../src/wire/stories/", import.meta.url);
const seeds = readdirSync(folder).map(name => readFileSync(new URL(name, folder), "latin1"));
assert(seeds.length >= 3);

let seed = 1;
const random = most => Math.floor((seed = seed * 48271 % 2147483647) / 2147483647 * most);
const pick = list => list[random(list.length)];

/** Draws a capture from beginning to end, as the page does. Fails if anything throws or says nothing. */
function draw(text, what) {
  const { events, note } = read(text);
  if (!events.length) assert.match(note, /no events of a trace/, what);
  for (const upto of new Set([1, events.length >> 1, events.length])) {
    const some = events.slice(0, upto);
    for (const { key } of [{}, ...connections(some).slice(0, 3)]) {
      const shown = view(some, { conn: key });
      assert(shown.title[0].length > 0, what);
      JSON.stringify(shown);
    }
    for (const conn of connections(some).slice(0, 2)) for (const { q } of steps(conn).slice(0, 8)) view(some, { conn: conn.key, step: q, side: "in", a: 0, b: 9 });
  }
  return events.length;
}

const VALUES = [0, 1, -1, 1.5, 1e300, Number.MAX_SAFE_INTEGER, "", "x", "__proto__", "<img onerror=alert(1)>", "\0\u{ffff}\u{202e}", null, true, false, [], {}, [[]], [0, 1], [1, 0], [[0, 1, "name", 0]], [[5, 1, "name"]], { a: 1 }, "a".repeat(70_000)];

// Whole.
for (const text of seeds) {
  const { events, note, story } = read(text);
  assert.equal(note, "");
  assert.equal(draw(text, story.title), events.length);
}

// No capture at all.
const strange = ["", "\n\n", "{", "null", "[]", "{}", "\"x\"", "{\"e\":\"conn.open\"}", "GET / HTTP/1.1\r\n\r\n", "\u{feff}{}", "{\"e\":\"story\",\"captions\":7}", "{\"__proto__\":{\"e\":\"conn.open\"}}", "[".repeat(100_000)];
for (const text of strange) assert.equal(draw(text, text.slice(0, 20)), 0);

// Bytes changed, lines cut, dropped, doubled and shuffled.
for (let round = 0; round < 250; round++) {
  const lines = pick(seeds).split("\n");
  for (let n = 1 + random(6); n > 0; n--) {
    const at = random(lines.length);
    const line = lines[at];
    const where = random(line.length + 1);
    lines.splice(at, 1, ...pick([[], [line, line], [line.slice(0, where)], [line.slice(0, where) + String.fromCharCode(random(256)) + line.slice(where + 1)], [pick(strange)], [line, lines[random(lines.length)]]]));
  }
  draw(lines.join("\n"), `round ${round}`);
}

// Events whose members are anything, or missing.
for (let round = 0; round < 500; round++) {
  const lines = pick(seeds).trim().split("\n").map(line => JSON.parse(line));
  for (let n = 1 + random(8); n > 0; n--) {
    const event = pick(lines);
    const name = pick(Object.keys(event));
    if (random(3)) event[name] = pick(VALUES);
    else delete event[name];
  }
  draw(lines.map(line => JSON.stringify(line)).join("\n"), `round ${round}`);
}

// Text that would reorder what is read is shown as what it is; bytes are bytes, and each member is read once.
const base = lines => lines.map(line => typeof line === "string" ? line : JSON.stringify(line)).join("\n");
const conn = (q, e, more) => ({ q, t: q * 1000, w: 0, c: 1, e, ...more });
const opened = conn(1, "conn.open", { fd: 5, peer: "127.0.0.1:1", local: "127.0.0.1:2" });
const bidi = "\u{202e}\u{2066}\u{200f}\u{feff}\u{e0041}";
const route = conn(3, "route.match", { r: 1, pattern: `/a${bidi}`, src: "a.rs:1", ns: 1, params: { name: bidi + "x".repeat(100_000) } });
const spelled = read(base([opened, conn(2, "conn.recv", { n: 3, off: 0, data: "a\xad\0" }), route]));
assert.equal(spelled.note, "");
assert.equal(spelled.events[1].data, "a\xad\0");
const reordering = text => /[\p{Cf}]/u.test(text.replaceAll("\xad", ""));
const drawing = JSON.stringify(view(spelled.events));
assert(!reordering(drawing) && drawing.includes("u{202e}") && drawing.length < 20_000, drawing.slice(0, 2000));
assert(!reordering(JSON.stringify(view([opened, { ...route, pattern: "/a" }]).rows)), "parameters of a path, as a live server tells them");
for (const [line, why] of [
  [conn(2, "conn.recv", { n: 1, off: 0, data: "\u{202e}" }), "data that is not bytes"],
  ['{"q":1,"t":1,"w":0,"c":1,"e":"conn.open","t":NaN}', "NaN"], ['{"q":1,"t":1e999,"w":0,"c":1,"e":"conn.open"}', "infinity"], ['{"q":1,"t":-1,"w":0,"c":1,"e":"conn.open"}', "negative"],
  ['{"q":1,"t":1,"w":0,"c":1,"e":"conn.open"', "cut"], ["{'q':1}", "quotes"], [`{"q":1,"t":1,"w":0,"c":1,"e":"conn.open","spans":${"[".repeat(50_000)}${"]".repeat(50_000)}}`, "deep"],
  [`{"q":1,"t":1,"w":0,"c":1,"e":"conn.open","x":${'{"x":'.repeat(50_000)}1${"}".repeat(50_000)}}`, "deep objects"],
]) assert.match(read(base([line])).note, /no events of a trace/, why);
// Of a name that comes twice, the last value counts (RFC 8259 §4 leaves it open; JavaScript decides so).
assert.equal(read('{"q":1,"q":2,"t":1,"w":0,"c":1,"e":"parse.head","e":"conn.open"}').events[0].q, 2);
// Megabytes of line ends, of which the two ends are drawn.
const lines = [opened, ...Array.from({ length: 64 }, (_, i) => conn(i + 2, "conn.recv", { n: 65_536, off: i * 65_536, data: "\n".repeat(65_536) }))];
const long = view(read(base(lines)).events);
assert.equal(long.came.total, 64 * 65_536);
assert(long.came.rows.length < 9000 && long.came.rows.some(row => row.fold > 4_000_000), String(long.came.rows.length));

// A connection that ends with a reset says so, and what it was.
const answered = [conn(2, "conn.recv", { n: 32, off: 0, data: "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n" }), conn(3, "parse.head", { r: 1, off: 0, len: 32, spans: [[0, 3, "method"], [4, 10, "target"], [11, 19, "version"]] }),
  conn(4, "resp.head", { r: 1, off: 0, status: 200, len: 19, body: 0, framing: "none", spans: [] }), conn(5, "conn.close", { by: "server", how: "rst", reset: true, unread: 7, ns: 5, why: "", in: 39, out: 19, reqs: 1 })];
assert.deepEqual(view(read(base([opened, ...answered])).events).title, ["The server closed with 7 bytes unread, and that is a reset.", "A reset may overtake the answer, and the client then never reads it (RFC 9112 §9.6)."]);

// What a page keeps: its own connections and old counts go first, then old connections, whole.
const start = { e: "server.start", q: 0, t: 0, w: 0, c: 0, states: [], routes: [] };
const of = (c, n, ...more) => [{ q: c * 1000, t: c, w: 0, c, e: "conn.open" }, ...Array.from({ length: n }, (_, i) => ({ q: c * 1000 + i + 1, t: c, w: 0, c, e: "conn.ready" })), ...more];
const counts = connections => ({ e: "wire.counts", connections });
const own = c => of(c, 3, { q: c * 1000 + 9, t: c, w: 0, c, e: "conn.observer" });
const kept = (list, most) => shortened(list.flat(), most).filter(event => event.e !== "server.start" && event.e !== "wire.counts").map(event => event.c);
const polled = [start, of(1, 10), ...Array.from({ length: 400 }, (_, i) => [...own(i + 2), counts(i)])];
assert.deepEqual(new Set(kept(polled, 1000)), new Set([1]), "a view that asks again and again pushes nothing out");
assert.deepEqual(shortened(polled.flat(), 1000).filter(event => event.e === "wire.counts"), [counts(399)]);
const waiting = [start, of(1, 3), ...Array.from({ length: 100 }, (_, i) => of(i + 2, 19))];
Object.assign(waiting[1][0], { lab: true });
assert(kept(waiting, 1000).includes(1), "a connection of the lab stays until it is closed");
waiting[1].push({ q: 1009, t: 1, w: 0, c: 1, e: "conn.close" });
assert(!kept(waiting, 1000).includes(1));
// Also beside connections that live long and have many events, of a lab's one the beginning and the latest stay.
const busy = n => [start, ...Array.from({ length: n }, (_, i) => ({ q: i, t: i, w: 0, c: 2 + i % 3, e: "conn.ready" }))];
const began = { q: 1, t: 0, w: 0, c: 1, e: "conn.open", lab: true };
const many800 = Array.from({ length: 800 }, (_, i) => ({ ...began, q: i + 2, e: "conn.ready" }));
assert.deepEqual(shortened([start, began, many800[0], ...busy(5000)], 1000).filter(({ c }) => c === 1), [began, many800[0]]);
const cut = shortened([start, began, ...many800, ...busy(5000)], 1000).filter(({ c }) => c === 1);
assert.deepEqual([cut.length, cut[0], cut.at(-1).e, cut.at(-1).events], [501, began, "wire.skip", 301]);
const crowd = [start, ...Array.from({ length: 100 }, (_, i) => of(i + 1, 19))];
const late = shortened(crowd.flat(), 1000);
assert.equal(late[0], start);
assert(late.length <= 1000 && connections(late).every(one => one.events.length === 20) && connections(late).at(-1).key === "0.100");
const one = shortened([start, of(1, 5000)].flat(), 1000);
assert(one[0] === start && one.length <= 501 && one.at(-1).q === 6000, String(one.length));

// More than is drawn, and large numbers that are valid.
const [first] = seeds;
const open = JSON.stringify(JSON.parse(first.split("\n").find(line => line.startsWith('{"q"') && line.includes("conn.open"))));
const many = read(Array.from({ length: 30_000 }, (_, i) => open.replace(/"c":\d+/, `"c":${i + 1}`)).join("\n"));
assert.equal(many.events.length, 20_000);
assert.match(many.note, /Only the first 20000 events/);
draw(`${open}\n{"q":9,"t":9007199254740991,"w":0,"c":1,"e":"conn.recv","n":9007199254740991,"off":9007199254740990,"data":"GET"}`, "large");

// A caption without its event is left out; each has one after the one before.
const { events } = read(first);
assert.deepEqual(places(events, [{ when: { e: "conn.open" } }, { when: { e: "no.such" } }, { when: { e: "conn.open", c: 99 } }]).slice(1), [undefined, undefined]);
console.log("every capture was drawn or refused with a sentence");
