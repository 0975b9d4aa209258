// Saves what is on the screen.

import { make, title } from "./draw.js";
import { connections } from "./model.js";
import { steps } from "./view.js";
import { sentence, time, verdict } from "./words.js";

export function start(box) {
  let last = [[], ""];
  const save = make("button", "", "this connection as text");
  save.onclick = () => make("a", { href: `data:text/plain;charset=utf-8,${encodeURIComponent(transcript(...last))}`, download: "wire.txt" }).click();
  box.append(title("Save", ""), save, make("a", { href: "capture.ndjson", download: "wire.ndjson" }, "everything as NDJSON"));
  return ({ key }, events) => { last = [events, key]; };
}

/** One connection: what happened, each step with its time, every byte. */
export function transcript(events, key) {
  const conn = connections(events).find(one => one.key === key) ?? connections(events).at(-1);
  if (!conn) return "No connection.\n";
  const out = [`Connection ${conn.name}${conn.agent ? `, ${conn.agent}` : ""}`, ""];
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
