// Puts what view.js returns on the screen.

import { by, letters, make, title } from "./dom.js";
import { digits, plural, time } from "./words.js";

const percent = x => `${x}%`;
const drawn = new Map();
let inSight;

// Draws a part again if it has changed, and keeps its focus and scroll position.
function part(id, shown, build) {
  const text = JSON.stringify(shown);
  if (drawn.get(id) === text) return;
  drawn.set(id, text);
  const box = by(id);
  const focused = box.contains(document.activeElement) && document.activeElement.dataset.id;
  const scroll = box.querySelector("ol")?.scrollLeft;
  box.replaceChildren(...[build(shown)].flat().filter(Boolean));
  if (scroll) box.querySelector("ol").scrollLeft = scroll;
  // A new connection is shown at its current step.
  const now = id === "strip" && box.dataset.key !== shown.key && box.querySelector("[aria-current]");
  if (now) now.parentNode.parentNode.scrollLeft += now.getBoundingClientRect().right - box.getBoundingClientRect().right + 30;
  box.dataset.key = shown.key;
  // Tab reaches one element of each list, arrow keys the others.
  for (const list of box.querySelectorAll("[data-rove]")) {
    const items = [...list.querySelectorAll("[data-id]")];
    const one = items.find(item => item.matches("[aria-current], [aria-selected=true]")) ?? items[0];
    items.forEach(item => { item.tabIndex = item === one ? 0 : -1; });
  }
  if (focused) [...box.querySelectorAll("[data-id]")].find(node => node.dataset.id === focused)?.focus({ preventScroll: true });
}

/** `reveal`: scrolls to what is chosen. */
export function draw(shown, reveal) {
  const { empty, key, name, strip, steps, request, requests, came, went, promise, refused, verdict, rails, rows } = shown;
  document.body.classList.toggle("empty", Boolean(empty));
  part("counts", shown.counts, drawCounts);
  part("say", shown.title, ([head, why]) => [make("h1", "", head), make("p", "", why)]);
  part("asks", shown.asks, drawAsks);
  if (empty) return;
  part("lanes", { ...shown.lanes, wide: innerWidth }, drawLanes);
  part("strip", { key, name, strip, steps, request, requests }, drawStrip);
  part("bytes", { key, came, went, promise, refused }, drawBytes);
  part("side", { key, verdict, rails, rows }, drawSide);
  // The chosen connection comes into sight when it is another, or when a view has taken its room.
  const box = by("lanes");
  const place = key + document.body.dataset.open;
  if (inSight !== place) box.scrollTop = box.querySelector("[aria-current]").offsetTop - box.offsetTop - box.clientHeight / 2;
  inSight = place;
  if (reveal) for (const chosen of ["#strip [aria-current]", "#bytes [aria-selected=true]", "#side [aria-current=true]"]) document.querySelector(chosen)?.scrollIntoView({ block: "nearest", inline: "center" });
}

function drawCounts({ connections, requests, unsampled, observers, lost }) {
  const list = [plural(connections, "connection"), plural(requests, "request"), unsampled && `${plural(unsampled, "connection")} only counted`, observers && `+ ${digits(observers)} for this page`, `${plural(lost ?? 0, "event")} lost`];
  return list.filter(Boolean).map(text => make("span", "", text));
}

function drawAsks(asks) {
  const curl = make("code", "", `curl -i ${location.origin}${asks[0] ?? "/"}`);
  const buttons = asks.map(path => make("button", { class: "ask", data: { id: `ask ${path}`, ask: path } }, path));
  return [asks.length && make("span", "", "Ask this server for"), ...buttons, make("a", { href: "#lab" }, "or an experiment"), make("span", "or", "from a terminal: ", curl)];
}

function drawLanes({ real, hidden, folds, rows, now }) {
  const more = hidden > 0 && make("button", { class: "quiet", data: { id: "all", all: "" } }, `+ ${hidden} earlier`);
  const ticks = folds.map(({ x, text }) => make("span", { class: "foldtext", at: { left: percent(x) } }, text));
  const list = make("ol", { "data-rove": "lanes", "aria-label": "Connections by accept" }, rows.map(row => make("li", "", drawLane(row, folds, now))));
  return [make("div", "axis", make("span", "", real ? "In " : "Folded, not ", make("button", { class: "quiet", "aria-pressed": String(real), data: { id: "real", real: "" } }, "true time"), " ", more), make("div", { class: "track", "aria-hidden": "true" }, ticks)), list];
}

function drawLane(row, folds, now) {
  const { key, name, who, current, from, to, end, torn, bars, note } = row;
  const right = x => percent(100 - x);
  const track = [...folds.map(({ x }) => make("span", { class: "foldline", at: { left: percent(x) } })), make("span", { class: `life ${end}${torn ? " torn" : ""}`, at: { left: percent(from), right: right(to) } })];
  const label = (text, a, b, room, left) => track.push(make("span", { class: "label", at: { "max-width": percent(room), ...(left ? { right: `calc(${right(a)} + 6px)` } : { left: `calc(${b}% + 6px)` }) } }, text));
  const need = text => text.length * 900 / innerWidth;
  bars.forEach(({ kind, text, from: a, to: b }, i) => {
    const fits = b - a > need(text);
    track.push(make("span", { class: `bar ${kind}`, at: { left: percent(a), width: percent(b - a) } }, fits && text));
    const [before, after] = [a - (bars[i - 1]?.to ?? 0), (bars[i + 1]?.from ?? 100) - b];
    if (!fits && Math.max(before, after) > 6) label(text, a, b, Math.max(before, after) - 1, after < need(text) + 2 && before > after);
  });
  if (note) label(note, from, to, 60, 98 - to < need(note) && from > 100 - to);
  if (current) track.push(make("span", { class: "now", at: { left: percent(now) } }));
  return make("button", { class: "lane", "aria-current": current && "true", data: { id: `lane ${key}`, conn: key } }, make("span", "who", make("b", "", name), ` ${who}`), make("span", "track", track));
}

function drawStrip({ name, strip, steps, request, requests }) {
  const list = strip.map(({ q, kind, what, more, gap, current, code }) => make("li", "", gap > 0 && make("span", gap > 5e6 ? "gap long" : "gap", gap > 2e4 ? time(gap) : "·"),
    make("button", { class: `step ${kind}`, "aria-current": current && "step", title: code, data: { id: `step ${q}`, step: q } }, make("span", "", what), make("small", "", more))));
  return [title(`Connection ${name}, step by step`, `${requests > 1 ? `request ${request} of ${requests} · ` : ""}${steps > strip.length ? `${strip.length} of ${digits(steps)} steps · ` : ""}← and → walk; between them is time`),
    make("ol", { "data-rove": "steps" }, list)];
}

function drawBytes({ came, went, promise, refused }) {
  const bar = promise && make("div", "promise", make("div", "pot", make("u", { at: { width: percent(promise.here / promise.len * 100) } })), promise.text);
  const first = make("section", "", heading("What came", came), came ? drawPane(came) : make("p", "", "Nothing."), bar);
  const all = refused ? make("div", "beside", first, twice(refused)) : first;
  const names = [["line", "first line"], ["name", "field name"], ["frame", "says where the body ends"], ["body", "body"], ["bad", "fault"]];
  const legend = names.map(([kind, text]) => make("span", "", make("span", `s ${kind}`, "abc"), ` ${text}`));
  return [all, went && make("section", "", heading("What went", went), drawPane(went)), came && make("div", "legend", legend)];
}

function heading(text, pane) {
  const { total, here } = pane ?? {};
  return title(text, here < total ? `${digits(here)} of ${plural(total, "byte")} at this step` : pane && plural(total, "byte"));
}

function drawPane({ side, rows }) {
  const box = make("div", { class: "wire", role: "listbox", "aria-label": side === "in" ? "Bytes that came" : "Bytes that went", "data-rove": "bytes" });
  for (const { fold, never, next, at, spans, fault } of rows) {
    if (!spans) {
      box.append(make("div", "next", never ? `${plural(never, "byte")} without effect: a refusal precedes them` : fold ? `${plural(fold, "byte")} not shown` : `${side === "in" ? "request" : "the answer to request"} ${next} begins at byte ${at}`));
      continue;
    }
    box.append(make("span", { class: "off", "aria-hidden": "true" }, at), make("div", "row", spans.map(drawSpan, side)));
    if (fault) box.append(make("div", "point", `▲ ${fault}`));
  }
  return box;
}

function drawSpan({ cut, a, b, kind, family, text, later, current }) {
  const dim = later ? " later" : "";
  if (cut) return make("span", `cut${dim}`, make("b", "", digits(cut)));
  return make("span", { class: `s ${family}${dim}`, role: "option", "aria-selected": String(current), title: `${kind}, ${b - a > 1 ? `bytes ${a} to ${b - 1}` : `byte ${a}`}`, data: { id: `${this} ${a}`, side: this, a, b } }, letters(text, family === "bad"));
}

// A refused request may have a body with two ends.
function twice(text) {
  const box = make("section", "");
  import("./readings.js").then(({ drawReadings }) => box.append(...drawReadings(text)), () => box.remove());
  return box;
}

const GROUPS = { asked: "What was asked", inside: "Inside the server", answered: "What was answered" };

function drawSide({ verdict, rails, rows }) {
  const groups = Object.entries(GROUPS).map(([group, name]) => [name, rows.filter(row => row.group === group)]).filter(([, mine]) => mine.length);
  return [verdict && [title("Verdict"), make("div", `rule ${verdict.kind}`, verdict.text, make("cite", "", verdict.rule))],
    title("Where the connection is"), rails.rails.map(drawRail), make("p", "why", rails.why),
    groups.map(([name, mine]) => [title(name), make("ul", { class: "tree", "data-rove": name }, mine.map(drawRow))])].flat(3);
}

function drawRail({ title: name, states }) {
  return make("div", "rail", make("b", "", name), make("ol", { "aria-label": `States of the ${name}` }, states.map(({ name: state, lit, seen }) => make("li", { class: lit ? "lit" : seen && "seen", "aria-current": lit && "step" }, state))));
}

function drawRow({ name, value, note, side, a, b, current, group }) {
  const inside = [make("span", "key", name), make("span", "value", letters(value), make("small", "", note))];
  return make("li", "", a === undefined ? make("div", "pair", inside) : make("button", { class: "pair", "aria-current": current && "true", data: { id: `${group} ${a}`, side, a, b } }, inside));
}
