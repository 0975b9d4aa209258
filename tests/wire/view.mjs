// The view as a pure function, on a capture: node tests/wire/view.mjs CAPTURE. tests/wire_view.rs makes one.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { transcript } from "../../src/wire/page/export.js";
import { connections, size, slice, tiles } from "../../src/wire/page/model.js";
import { ambiguous, readings } from "../../src/wire/page/readings.js";
import { fold, steps, view } from "../../src/wire/page/view.js";

const events = readFileSync(process.argv[2], "latin1").trim().split("\n").map(line => JSON.parse(line));
const all = connections(events).filter(conn => !conn.observer);
const copy = list => JSON.parse(JSON.stringify(list));
assert(all.length > 20, "the capture has the experiments");

// Each byte is in one span, and the spans of a pane are the bytes that came or went.
for (const conn of all) {
  for (const [side, parts] of [["in", conn.input], ["out", conn.output]]) {
    let at = parts[0]?.off ?? 0;
    for (const [a, b] of tiles(conn, side)) {
      assert.equal(a, at, `${conn.name} ${side}: a gap or an overlap at ${a}`);
      assert(b > a);
      at = b;
    }
    assert.equal(at, size(parts));
    const pane = view(events, { conn: conn.key })[side === "in" ? "came" : "went"];
    if (!pane || pane.rows.some(row => row.fold)) continue;
    const shown = pane.rows.flatMap(row => row.spans ?? []).filter(span => span.text !== undefined).map(span => span.text).join("");
    if (conn.requests.length < 4) assert.equal(shown, slice(parts, 0, size(parts)), `${conn.name} ${side}`);
    else assert(slice(parts, 0, size(parts)).includes(shown), `${conn.name} ${side}`);
  }
}

// Each connection has a sentence, and steps that can be walked one by one; each step shows no byte as here that comes later.
for (const conn of all) {
  const shown = view(events, { conn: conn.key });
  assert.match(shown.title[0], /^[A-Z0-9].*[.!]$/, conn.name);
  assert(shown.strip.length > 0 && shown.strip.filter(step => step.current).length === 1, conn.name);
  assert(shown.lanes.rows.filter(row => row.current).length === 1);
  const few = view(events, { conn: conn.key, most: 5 }).lanes;
  assert(few.rows.length === 5 && few.hidden === all.length - 5 && few.rows.some(row => row.current), "a classroom has five lanes");
  let here = 0;
  for (const { q } of steps(conn)) {
    const { came, strip, rails } = view(events, { conn: conn.key, step: q });
    assert.equal(strip.find(step => step.current).q, q);
    assert(rails.rails.every(rail => rail.states.filter(state => state.lit).length === 1), `${conn.name}: one lit state a rail`);
    assert((came?.here ?? 0) >= here, conn.name);
    here = came?.here ?? 0;
  }
  assert.equal(here, size(conn.input), conn.name);
  assert(transcript(events, conn.key).length > 100);
}

// Scrubbing to an event is the live view at that event: what was drawn before does not matter.
for (let n = 1; n <= events.length; n += 29) assert.deepEqual(view(events.slice(0, n)), view(copy(events.slice(0, n))));

// Whatever is missing, something is drawn: lines that were dropped, connections that began before the capture.
let seed = 1;
const random = () => (seed = seed * 48271 % 2147483647) / 2147483647;
for (let round = 0; round < 100; round++) {
  const some = copy(events.filter(() => random() > round / 110));
  const shown = view(some, { conn: all[round % all.length].key, step: round * 31, side: "in", a: round, b: round + 9 });
  assert(shown.title[0].length > 0);
  JSON.stringify(shown);
}

// What the experiments are about is what the page says first.
const say = new Set(all.map(conn => view(events, { conn: conn.key }).title[0]));
for (const sentence of [
  "Where does this body end? Two readers would disagree, so the server refuses.",
  "This is TLS, sent to a port that speaks plain HTTP.",
  "Refused at byte 20: whitespace occurs between a field name and its colon.",
  "This path exists, but not for DELETE: 405.",
  "A client opened a connection, said nothing, and left.",
]) assert(say.has(sentence), `${sentence}\n${[...say].join("\n")}`);
const [length, chunks] = readings(all.map(conn => ambiguous(view(events, { conn: conn.key }).refused ?? "")).find(ends => ends?.chunked));
assert.deepEqual([length.cut, chunks.cut, chunks.text], [6, 5, "0\r\n\r\nG"]);

// A connection of which the trace has lost the rest ends where it was last seen, not with the others.
const some = all.find(conn => conn.close);
const { q, t, w, c } = some.events.at(-2);
const torn = copy([...events.filter(event => event !== some.close), { q, t, w, c, e: "wire.skip" }]);
const [lane, whole] = [torn, events].map(list => view(list, { conn: some.key }).lanes.rows.find(row => row.current));
assert.deepEqual([lane.end, lane.note, whole.end], ["lost", "what followed is lost", whole.end === "reset" ? "reset" : "closed"]);
assert(lane.to <= whole.to);

// True time is in proportion, folded time is not.
const times = [0, 1e6, 2e6, 1e9];
assert.deepEqual(times.map(fold(times, true).place), [1, 1.1, 1.19, 98]);
const folded = times.map(fold(times).place);
assert(folded[1] > 10 && folded[3] === 98, String(folded));
assert.equal(fold(times).folds.length, 1);
console.log(`${all.length} connections, ${events.length} events, ${say.size} sentences`);
