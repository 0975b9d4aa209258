// Saves what is on the screen, in formats of other tools too.

import { make, title } from "./dom.js";
import { command, har, isWhole, pcap, rustTest } from "./formats.js";
import { connections } from "./model.js";
import { steps } from "./view.js";
import { sentence, time, verdict } from "./words.js";

/** Name, what it is for, name of the file, and what is in it. */
const FORMATS = [
  ["text", "to read, or to put into an issue", "wire.txt", (events, all) => all.map(conn => transcript(events, conn.key)).join("\n")],
  ["HAR", "for developer tools; well-formed exchanges only", "wire.har", har],
  ["pcap", "for Wireshark and tcpdump; the headers of its packets are made up", "wire.synthetic.pcap", pcap],
];

export function start(box) {
  let [events, chosen, drawn] = [[], undefined, ""];
  const known = () => connections(events).filter(conn => !conn.observer);
  const save = (file, content) => {
    const link = make("a", { href: URL.createObjectURL(new Blob([content])), download: file });
    link.click();
    URL.revokeObjectURL(link.href);
  };
  const buttons = pick => FORMATS.map(([name, what, file, write]) => {
    const button = make("button", { title: what, data: { file } }, name);
    button.onclick = () => save(file, write(events, pick()));
    return make("li", "", button, make("small", "", what));
  });
  const again = make("div", { id: "again" });
  box.append(make("section", "", title("This connection", ""), make("ul", "", buttons(() => known().filter(conn => conn.key === chosen)))),
    make("section", "", title("All that the page has", ""), make("ul", "", buttons(known), make("li", "", make("a", { href: "capture.ndjson", download: "wire.ndjson" }, "NDJSON"), make("small", "", "all that the server keeps: for this page, wirelight export and replay")))),
    again);
  return ({ key }, seen) => {
    [events, chosen] = [seen, key];
    const conn = known().find(one => one.key === key);
    const texts = !conn ? [] : isWhole(conn) && conn.input.length ? [["The same bytes from a terminal", command(conn, `:${location.port || 80}`)], ["A test; app() returns your application", rustTest(conn)]] : [["Not to be sent again", "Not all of its bytes are here."]];
    if (drawn === JSON.stringify(texts)) return;
    drawn = JSON.stringify(texts);
    again.replaceChildren(...texts.map(([name, text]) => make("section", "", title(name, ""), make("pre", { tabindex: "0" }, text), copy(text))));
  };
}

function copy(text) {
  const button = make("button", "quiet", "copy");
  button.onclick = () => navigator.clipboard?.writeText(text).catch(() => getSelection().selectAllChildren(button.previousSibling));
  return button;
}

/** One connection: what happened, each step with its time, every byte. */
export function transcript(events, key) {
  const conn = connections(events).find(one => one.key === key) ?? connections(events).at(-1);
  if (!conn) return "No connection.\n";
  const out = [`Connection ${conn.name}, ${conn.agent}`, ""];
  for (const request of conn.requests.length ? conn.requests : [undefined]) {
    const [head, why] = sentence(conn, request);
    const rule = request && verdict(request);
    out.push(head, why, rule ? `${rule.text} ${rule.rule}` : "", "");
  }
  for (const step of steps(conn)) out.push(`${time(step.t - conn.open).padStart(12)}  ${step.what}  (${step.more})`);
  for (const [title, parts] of [["What came", conn.input], ["What went", conn.output]]) {
    if (parts.length) out.push("", title);
    for (const part of parts) out.push(...lines(part));
  }
  return `${out.filter((line, i) => line || out[i - 1]).join("\n")}\n`;
}

function lines({ off, text }) {
  const list = [];
  for (const [line] of text.matchAll(/[^\n]*\n|[^\n]+$/g)) {
    list.push(`${String(off).padStart(8)}  ${visible(line)}`);
    off += line.length;
  }
  return list;
}

const visible = text => text.replace(/\r/g, "␍").replace(/\n/g, "␊").replace(/[^ -~␍␊]/g, byte => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
