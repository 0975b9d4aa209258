// The formats as pure functions, on a capture: node tests/wire/export.mjs CAPTURE test|har|pcap|poke|text writes one to stdout.

import { readFileSync } from "node:fs";

import { transcript } from "../../src/wire/page/export.js";
import { command, har, isWhole, pcap, rustTest } from "../../src/wire/page/formats.js";
import { connections } from "../../src/wire/page/model.js";

const [, , capture, format] = process.argv;
const events = readFileSync(capture, "latin1").trim().split("\n").map(line => JSON.parse(line));
const all = connections(events).filter(conn => !conn.observer);
const formats = {
  har: () => har(events, all),
  pcap: () => pcap(events, all),
  text: () => all.map(conn => transcript(events, conn.key)).join("\n"),
  poke: () => all.filter(isWhole).map(conn => `${command(conn, ":8000")}\n`).join(""),
  test: () => `// Exported by the wire view from a capture; tests/wire/export.mjs writes it.\n\n${all.filter(isWhole).map(rustTest).join("\n")}`,
};
process.stdout.write(formats[format]());
