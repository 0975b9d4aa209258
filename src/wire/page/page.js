// The page: takes events from the stream, keeps the selection, answers mouse and keyboard.

import { by } from "./dom.js";
import { draw } from "./draw.js";
import { view } from "./view.js";
import { plural } from "./words.js";

/** Events that the page keeps. */
const KEPT = 5000;
const NOTHING = { conn: undefined, step: undefined, side: undefined };

let further; // views.js, once needed

// Also `tape`, a recording; `frozen`, how many events are shown; `run`, the start of the server.
const state = { events: [], selection: { most: document.documentElement.className ? 5 : 10 }, status: "away" };
const STATUS = { live: `live, ${location.host}`, away: "the server is away; trying again" };

// Draws once, on the next frame.
function soon() {
  state.due ??= requestAnimationFrame(show);
}

function show() {
  const { events, selection, frozen, reveal, status } = state;
  // What a view chooses while it is drawn is for the next frame.
  state.due = state.reveal = undefined;
  const tape = state.tape ?? events;
  const seen = tape.slice(0, frozen);
  const shown = view(seen, selection);
  state.key = shown.key;
  draw(shown, reveal);
  further?.redraw(shown, seen);
  const live = frozen === undefined;
  by("live").className = live ? status : "frozen";
  by("live").textContent = live ? STATUS[status] ?? status : `${state.tape ? "a recording" : "frozen"}, + ${plural(tape.length - frozen, "event")}`;
  by("freeze").textContent = live ? "Freeze" : "Go live";
  by("back").hidden = live;
  Object.assign(by("scrub"), { max: tape.length, value: frozen });
  by("follow").hidden = selection.conn === undefined;
}

function choose(change) {
  Object.assign(state.selection, change);
  state.reveal = true;
  soon();
}

function take(data) {
  // What a page misses that is frozen for long is in its next snapshot.
  state.full = state.frozen !== undefined && state.events.length > 4 * KEPT;
  if (state.full) return;
  state.events.push(...data.split("\n").filter(Boolean).map(line => JSON.parse(line)));
  if (state.events.length > KEPT && state.frozen === undefined) import("./keep.js").then(shorten);
  soon();
}

function shorten({ shortened }) {
  if (state.frozen === undefined) state.events = shortened(state.events, KEPT);
}

const source = new EventSource("events");
source.onmessage = ({ data }) => take(data);
source.onopen = () => { state.status = "live"; soon(); };
source.onerror = async () => {
  state.status = "away";
  soon();
  if (source.readyState !== EventSource.CLOSED) return;
  // A browser does not say why it was refused.
  const answer = await fetch("events", { method: "HEAD" }).catch(() => undefined);
  if (answer?.ok) return location.reload();
  const full = answer?.status === 503;
  if (full) setTimeout(source.onerror, 2000);
  state.status = full ? "two pages are watching already: close one" : `${state.run ? "started again" : "refused"}: open the address in the terminal`;
  soon();
};
source.addEventListener("snapshot", ({ data }) => {
  const run = JSON.parse(data.split("\n", 1)[0]).unix_ns;
  Object.assign(state, { run, events: [] });
  if (!state.tape) state.frozen = undefined;
  take(data);
  // A first visitor of the demo sees a request of their own browser.
  const { requests, asks } = view(state.events);
  if (!requests && asks.includes("/hello") && !state.asked) ask("/hello?name=Ada");
  state.asked = true;
});

async function ask(path) {
  choose(NOTHING);
  const answer = await fetch(path, { cache: "no-store" }).catch(() => undefined);
  await answer?.body?.cancel().catch(() => undefined);
}

document.addEventListener("click", ({ target }) => {
  const { conn, step, side, a, b, ask: path, all, real } = target.closest("[data-id]")?.dataset ?? {};
  if (conn) choose({ ...NOTHING, conn });
  if (step) choose({ conn: state.key, step: Number(step) });
  if (side) choose({ conn: state.key, side, a: Number(a), b: Number(b) });
  if (path) ask(path);
  if (all !== undefined) choose({ all: true });
  if (real !== undefined) choose({ real: !state.selection.real });
});

const MOVES = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity };

document.addEventListener("keydown", event => {
  const { key, target } = event;
  const enter = key === "Enter" || key === " ";
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || target.matches("input, textarea, select")) return;
  if (key === "Escape") choose(NOTHING);
  if (enter && target.role === "option") target.click();
  else if (key === " " && target === document.body) freeze();
  else if (!(key in MOVES) || !walk(target, key)) return;
  event.preventDefault();
});

// Moves along the list with the focus, else along the steps.
function walk(target, key) {
  const list = target.closest("[data-rove]") ?? (/Up|Down/.test(key) ? undefined : document.querySelector("#strip ol"));
  if (!list) return false;
  const items = [...list.querySelectorAll("[data-id]")];
  const at = items.indexOf(target);
  let to = (at < 0 ? items.findIndex(item => item.matches("[aria-current]")) : at) + MOVES[key];
  // In bytes, up and down go from row to row.
  while (/Up|Down/.test(key) && target.role === "option" && items[to]?.parentNode === target.parentNode) to += MOVES[key];
  const next = items[Math.max(0, Math.min(items.length - 1, to))];
  if (list.contains(target)) next.focus();
  next.click();
  return true;
}

function freeze() {
  if (state.full) location.reload();
  state.frozen = state.frozen === undefined ? state.events.length : undefined;
  state.tape = undefined;
  soon();
}

// Shows the first events of a recording, or the server's again.
function replay(tape, upto) {
  [state.tape, state.frozen] = [tape, tape && upto];
  choose(NOTHING);
}

by("freeze").onclick = freeze;
addEventListener("resize", soon);
by("follow").onclick = () => choose(NOTHING);
by("scrub").oninput = ({ target }) => { state.frozen = Number(target.value); choose({ step: undefined }); };

// A fragment opens a further view; `trace` in the address opens stories.
async function open() {
  if (!location.hash && /[?&]trace=/.test(location.search)) location.hash = "stories";
  if (further || !location.hash) return;
  const views = await import("./views.js").catch(() => undefined);
  if (further || !views) return;
  further = views;
  further.offer({ choose, replay, soon, events: () => state.events, live: () => state.frozen !== undefined && freeze() });
}

addEventListener("hashchange", open);
open();
soon();
