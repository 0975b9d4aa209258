// The same bytes as two readers would cut them, where the fields of a head disagree about the end of its body.

import { letters, make, title } from "./dom.js";
import { byChunks } from "./model.js";
import { plural } from "./words.js";

globalThis.document?.head.append(make("link", { rel: "stylesheet", href: "readings.css" }));

/** What a head with two answers to the question where its body ends says, and the bytes after it; nothing if there is one answer. */
export function ambiguous(text) {
  const end = text.indexOf("\r\n\r\n") + 4;
  if (end < 4) return undefined;
  // A refused head has no spans after its fault, where the other field may stand.
  const values = name => [...text.slice(0, end).matchAll(new RegExp(`\n${name}[ \t]*:([^\r]*)`, "gi"))].flatMap(([, value]) => value.split(",")).map(value => value.trim());
  const lengths = [...new Set(values("content-length"))].filter(value => /^\d{1,9}$/.test(value)).map(Number);
  const chunked = values("transfer-encoding").length > 0;
  return lengths.length + chunked > 1 ? { lengths, chunked, text: text.slice(end, end + 2048) } : undefined;
}

/** Each reading: its title, what its bytes are, and where it ends. */
export function readings({ lengths, chunked, text }) {
  const cuts = lengths.slice(0, chunked ? 1 : 2).map(length => ({ title: `Read by Content-Length: ${length}`, marks: [[0, length, "body"]], cut: length, text }));
  return chunked ? [...cuts, byChunks(text)] : cuts;
}

/** `text`: a refused request and what follows it. Nothing if all readers would agree. */
export function drawReadings(text) {
  const ends = ambiguous(text);
  if (!ends) return [];
  const cards = readings(ends).map(({ title: name, marks, cut, text }) => {
    const spans = (a, b) => [...text.slice(a, Math.min(b, a + 600))].map((letter, i) => make("span", `s ${a ? "bad" : family(marks, i)}`, letters(letter), letter === "\n" && make("br")));
    const left = text.length - cut;
    return make("section", "", make("h3", "", name), make("div", "wire", spans(0, cut)), make("div", "saw", left < 0 ? "✂ this reader waits for more" : "✂ here the request ends"),
      left > 0 && make("div", "wire", spans(cut, text.length)), make("p", "", left > 0 ? `${plural(left, "byte")} left: the beginning of a request that no client sent.` : "Nothing is left."));
  });
  return [title("The same bytes, read twice", "after the head"), make("div", "two", cards)];
}

const family = (marks, at) => ({ body: "body", "chunk-size": "frame" })[marks.find(([a, b]) => at >= a && at < b)?.[2]] ?? "";
