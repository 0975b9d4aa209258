// The composer as pure functions: node tests/wire/compose.mjs [--lines]. With --lines: drafts with their poke commands, for the command's tests.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { EMPTY, drafted, escaped, inLines, objection, offsets, parse, plan, poke } from "../../src/wire/page/compose.js";
import { compared, expected, outcome, phrase } from "../../src/wire/page/outcome.js";

const { experiments } = JSON.parse(readFileSync(new URL("../../src/wire/experiments.json", import.meta.url), "utf8"));
const all = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
const draft = changes => ({ ...EMPTY, ...changes });
const drafts = [
  ...experiments.map(one => drafted(one, "", 7)), draft({ bytes: "" }), draft({ bytes: all }), draft({ bytes: "'-it's'", cuts: [1, 4], gap: 0 }), draft({ bytes: "--help" }),
  draft({ bytes: "$(false) `false` \"!\" *", every: 2, gap: 7 }), draft({ bytes: "ab", times: 3, cuts: [2, 3] }), draft({ bytes: "abc", every: 1, fill: 1000 }),
  draft({ bytes: "a", then: "half_close" }), draft({ bytes: "a", then: "reset" }), draft({ bytes: "a", then: "hold", hold: 1500 }), draft({ bytes: "a", slow: 1024 }),
];

if (process.argv[2] === "--lines") {
  for (const one of drafts) console.log(JSON.stringify({ line: poke(one, ":8000"), plan: plan(one) }));
  process.exit();
}

// Every byte has a notation, and line breaks in it are for readers.
assert.deepEqual(parse(escaped(all)), [all, ""]);
assert.deepEqual(parse(inLines(all)), [all, ""]);
assert.equal(inLines("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET / HTTP/1.1\\r\\n\nHost: a\\r\\n\n\\r\\n");
assert.equal(inLines("a\\nb"), "a\\\\nb", "a backslash before n is not a line end");
assert.deepEqual(parse("é\u{1f600}\n\\x41"), ["\xc3\xa9\xf0\x9f\x98\x80A", ""]);
for (const wrong of ["\\", "\\q", "\\x1", "\\xg0"]) assert.match(parse(`ok${wrong}`)[1], /^There is no escape/, wrong);
assert.match(parse("x".repeat(70_000))[1], /^At most 65,536 bytes/);
assert.deepEqual(offsets("9, 4 4 zero 0 12", 12), [4, 9]);

// A plan sends exactly the bytes of its draft, in the pieces that the draft says.
const sent = ({ segments }) => segments.map(({ b64, fill = 0 }) => atob(b64) + "x".repeat(fill)).join("");
for (const one of drafts) assert.equal(sent(plan(one)), one.bytes.repeat(one.times) + "x".repeat(one.fill));
const pieces = changes => plan(draft(changes)).segments.map(({ b64, after_ms }) => [atob(b64), after_ms]);
assert.deepEqual(pieces({ bytes: "abcdef", cuts: [2, 5] }), [["ab", 0], ["cde", 20], ["f", 20]]);
assert.deepEqual(pieces({ bytes: "abc", every: 1, gap: 5 }), [["a", 0], ["b", 5], ["c", 5]]);
assert.deepEqual(pieces({ bytes: "" }), [["", 0]]);
assert.deepEqual(pieces({ bytes: "ab", cuts: [7] }), [["ab", 0]]);

// The drafts of the experiments are what their plans say; their bounds hold.
for (const [i, experiment] of experiments.entries()) {
  const text = experiment.plan.map(({ send = "", times = 1, fill = 0 }) => send.replace("run=1", "run=7").repeat(times) + "x".repeat(fill)).join("");
  assert.equal(sent(plan(drafts[i])), text, experiment.name);
  assert.equal(objection(drafts[i]), "", experiment.name);
}
assert.equal(drafted(experiments[0], "/other", 1).bytes, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n");
assert.match(objection(draft({ bytes: "x".repeat(201), every: 1, gap: 0 })), /201 pieces: at most 200/);
assert.match(objection(draft({ bytes: "x".repeat(9), times: 10_000 })), /90,000 bytes/);
assert.match(objection(draft({ bytes: "x".repeat(101), every: 1, gap: 300 })), /20 seconds/);

// What came of it, and how that compares with a prediction.
const conn = (requests, ...events) => ({ requests, events: events.map(e => ({ e, how: "fin", ...(e === "conn.close" && { reqs: 1 }) })) });
assert.deepEqual(outcome(conn([{ continued: { sent: true }, answer: { status: 200 } }], "lab.eof", "lab.closed", "conn.close")), { statuses: [100, 200], end: "close", over: true, untold: false });
assert.deepEqual(outcome(conn([{}], "lab.got")), { statuses: [], end: "open", over: undefined, untold: false });
assert.equal(outcome(conn([], "lab.rst")).end, "reset");
// The end of both sides is awaited, and an answer that the page was not told of is missed.
assert.equal(outcome(conn([], "lab.closed")).over, undefined);
assert.equal(outcome(conn([{}], "lab.closed", "conn.close")).untold, true);
assert.equal(phrase({ statuses: [200, 200, 429], end: "open" }), "2 × 200, 429, and the connection stays open");
assert.equal(phrase({ statuses: [], end: "close" }), "no response, then it closes");
const called = name => experiments.find(one => one.name === name);
const [smuggle, silence] = [called("length-and-chunks"), called("silence")];
const refused = { statuses: [400], end: "close" };
assert.equal(compared(smuggle, 2, refused), "You said so, and so it is.");
assert.match(compared(smuggle, 1, refused), /^The RFC allows what you said as well\. Here it is: Neither/);
assert.equal(compared(smuggle, 0, refused), `${smuggle.replies[0]} It is: Neither: 400, and close.`);
assert.match(compared(smuggle, undefined, refused), /^It is: Neither/);
assert.match(compared(smuggle, 2, { statuses: [200], end: "close" }), /^Here: 200, then it closes\. With the routes of the demo: 400.*right as well \(RFC 9112 §6\.1/);
assert.match(compared(smuggle, 2, { statuses: [404], end: "open" }), /^Here: 404, and the connection stays open\.[^(]*$/);
assert(expected(silence, { statuses: [], end: "close" }, 200) && !expected(silence, { statuses: [], end: "close" }, 503));
console.log(`${drafts.length} drafts`);
