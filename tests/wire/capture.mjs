// Any bytes in a capture end in a drawing or a sentence: node tests/wire/capture.mjs. The seeds are the stories.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";

import { places, read } from "../../src/wire/page/capture.js";
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
