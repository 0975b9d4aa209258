// What the composer sends, as data. Pure: node can run it.

import { plural } from "./words.js";

/** The bounds of `POST /_wire/send`. */
const BYTES = 64 * 1024;
const SEGMENTS = 200;

/**
 * A draft. `bytes`: a character for each byte. `cuts`: offsets at which a segment begins, or `every` so many bytes; `gap`: milliseconds
 * between segments. `then`: `read`, `hold`, `half_close` or `reset`; `hold`: milliseconds to wait for the server. `times`: copies of the
 * bytes; `fill`: number of x after them. `slow`: bytes a second to read, `slowFor` milliseconds; `busy`: reads only after it has sent.
 */
export const EMPTY = { bytes: "", cuts: [], every: 0, gap: 20, then: "read", hold: 5000, times: 1, fill: 0, slow: 0, slowFor: 2000, busy: false };

const ESCAPES = { r: "\r", n: "\n", t: "\t", 0: "\0", "\\": "\\" };

/** Reads bytes in the notation of `wirelight poke`. Line breaks of the text are for its readers. Returns `[bytes, error]`. */
export function parse(text) {
  let bytes = "";
  for (let i = 0; i < text.length;) {
    const [found] = /^(?:\\x[\da-f]{2}|\\[rnt0\\]|[^\\])/iu.exec(text.slice(i, i + 4)) ?? [];
    if (!found) return [bytes, `There is no escape ${text.slice(i, i + 4)}. There are \\r \\n \\t \\0 \\xHH and \\\\.`];
    i += found.length;
    if (found[0] === "\\") bytes += found[1] === "x" ? String.fromCharCode(parseInt(found.slice(2), 16)) : ESCAPES[found[1]];
    else if (!/[\r\n]/.test(found)) bytes += String.fromCharCode(...new TextEncoder().encode(found));
  }
  return [bytes, bytes.length > BYTES ? `At most ${plural(BYTES, "byte")} can be sent.` : ""];
}

/** Bytes in that notation. */
export function escaped(bytes) {
  const names = { "\r": "\\r", "\n": "\\n", "\t": "\\t", "\0": "\\0", "\\": "\\\\" };
  return bytes.replace(/[^ -~]|\\/g, byte => names[byte] ?? `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** The notation with a line break after each `\n`. */
export const inLines = bytes => escaped(bytes).replace(/\\n(?=.)/g, (end, at, text) => /(^|[^\\])(\\\\)*$/.test(text.slice(0, at)) ? `${end}\n` : end);

/** Reads offsets as in `4, 9`; those that cut nothing are left out. */
export const offsets = (text, end) => [...new Set((text.match(/\d+/g) ?? []).map(Number))].filter(at => at > 0 && at < end).sort((a, b) => a - b);

const whole = ({ bytes, times }) => bytes.repeat(times);
const marks = ({ cuts, every }, end) => every ? Array.from({ length: Math.ceil(end / every) - 1 }, (_, i) => (i + 1) * every) : cuts.filter(at => at < end);

/** Why a draft cannot be sent; empty if it can. */
export function objection(draft) {
  const end = whole(draft).length;
  const segments = marks(draft, end).length + 1;
  if (end > BYTES) return `${plural(end, "byte")}: at most ${plural(BYTES, "byte")} can be sent.`;
  if (segments > SEGMENTS) return `${plural(segments, "piece")}: at most ${SEGMENTS} can be sent.`;
  return (segments - 1) * draft.gap > 20_000 ? "The pauses take more than 20 seconds together." : "";
}

/** The body of `POST /_wire/send`. */
export function plan(draft) {
  const { gap, fill, then, hold, slow, slowFor, busy } = draft;
  const all = whole(draft);
  const edges = [0, ...marks(draft, all.length), all.length];
  const segments = edges.slice(1).map((end, i) => ({ b64: btoa(all.slice(edges[i], end)), after_ms: i ? gap : 0 }));
  if (fill) segments.at(-1).fill = fill;
  return { segments, then, read: { bytes_per_s: slow, slow_ms: slowFor, after_sending: busy }, timeout_ms: hold };
}

const unit = n => n % 2 ** 20 === 0 ? `${n / 2 ** 20}MiB` : n % 1024 === 0 ? `${n / 1024}KiB` : `${n}B`;
const duration = ms => ms % 1000 ? `${ms}ms` : `${ms / 1000}s`;

/** The same as a command for a shell. */
export function poke(draft, server) {
  const { bytes, every, gap, then, hold, times, fill, slow, slowFor, busy } = draft;
  const cuts = marks(draft, whole(draft).length);
  const cut = every && !fill ? `--every ${every}` : cuts.length && `--at ${cuts.join()}`;
  // Neither the end of a quotation nor the beginning of an option.
  const quoted = escaped(bytes).replaceAll("'", "\\x27").replace(/^-/, "\\x2d");
  return [
    `wirelight poke ${server} '${quoted}'`, cut, cut && `--gap ${gap}ms`, times > 1 && `--repeat ${times}`, fill > 0 && `--fill ${unit(fill)}`, busy && "--busy",
    then === "half_close" && "--half-close", then === "reset" && "--reset", then === "hold" && `--hold ${duration(hold)}`, slow > 0 && `--slow-read ${unit(slow)}/s,${duration(slowFor)}`,
  ].filter(Boolean).join(" ");
}

/** The draft of an experiment. `path` replaces `/hello` and `/echo` on a server that has neither; `run` makes a rate limit its own. */
export function drafted({ plan: steps, room, busy }, path, run) {
  const sends = steps.filter(({ send }) => send !== undefined).length;
  const draft = { ...EMPTY, gap: sends > 1 ? 0 : EMPTY.gap, cuts: [], slow: room ?? 0, busy: Boolean(busy) };
  for (const { send, every, gap, hold, times, fill, half_close } of steps) {
    if (send !== undefined) {
      if (draft.bytes) draft.cuts.push(draft.bytes.length);
      draft.bytes += send.replace("?run=1 ", `?run=${run} `).replace(/ \/(hello|echo)/g, found => path ? ` ${path}` : found);
    }
    Object.assign(draft, { every: every ?? draft.every, gap: gap ?? draft.gap, times: times ?? draft.times, fill: fill ?? draft.fill }, hold && { then: "hold", hold }, half_close && { then: "half_close" });
  }
  return draft;
}
