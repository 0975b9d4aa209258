// Guided experiments, and the visitor's own bytes. The server plays the client that sends both.

import { EMPTY, drafted, inLines, objection, offsets, parse, plan, poke } from "./compose.js";
import { letters, make, title } from "./dom.js";
import { connections } from "./model.js";
import { compared, expected, outcome, phrase } from "./outcome.js";
import { asks } from "./view.js";
import { plural, time } from "./words.js";

/** Bytes that are shown one by one, each a button that cuts before it. */
const SHOWN = 400;
const SHELVES = { first: "First", break: "Break it", attack: "Attack it" };
const OTHER = { ...EMPTY, bytes: "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" };

export function start(box, page) {
  const lab = { box, page, draft: { ...EMPTY }, experiments: [], number: 0 };
  box.append(make("section", { id: "ask" }), composer(lab));
  fetch("experiments.json").then(answer => answer.json()).then(({ experiments }) => { lab.experiments = experiments; page.soon(); })
    .catch(() => box.querySelector("#ask").append(make("p", "", "The experiments could not be loaded.")));
  return (shown, events) => {
    // Of the live server, not of a recording.
    lab.start = page.events().findLast(({ e }) => e === "server.start");
    if (lab.start && lab.experiments.length && !box.querySelector("#which")) offer(lab);
    watch(lab, events);
  };
}

// ---- experiments ----

function offer(lab) {
  const { experiments } = lab;
  const label = (one, i) => `${i + 1}. ${one.title}${localStorage.getItem(`lab ${one.name}`) ? " ✓" : ""}`;
  const list = make("select", { id: "which", "aria-label": "Experiment" }, Object.entries(SHELVES).map(([shelf, name]) => make("optgroup", { label: name },
    experiments.map((one, i) => one.shelf === shelf && make("option", { value: String(i) }, label(one, i))))));
  const next = make("button", "quiet", "next");
  next.onclick = () => choose(lab, (lab.number + 1) % experiments.length);
  list.onchange = () => choose(lab, Number(list.value));
  lab.box.querySelector("#ask").append(make("h2", "", `One of ${experiments.length} experiments`, list, next), make("div", { id: "task" }));
  choose(lab, 0);
}

function choose(lab, number) {
  const { experiments, box, start } = lab;
  Object.assign(lab, { number, guess: undefined, run: undefined });
  const { question, choices } = experiments[number];
  box.querySelector("#which").value = number;
  const buttons = choices.map((text, guess) => Object.assign(make("button", "choice", text), { onclick: () => predict(lab, guess) }));
  const show = Object.assign(make("button", "quiet", "just show me"), { onclick: () => predict(lab, undefined) });
  box.querySelector("#task").replaceChildren(make("p", { class: "q", id: "question" }, question),
    make("div", { class: "choices", role: "group", "aria-labelledby": "question" }, buttons, show), make("div", { id: "after", role: "status" }));
  // A server without the routes of the demo gets the experiment at one that it has.
  const paths = asks(start);
  const path = paths.includes("/hello") ? "" : paths[0] ?? "/";
  fill(lab, drafted(experiments[number], path, Date.now()));
}

// The outcome stays hidden until one is pressed.
function predict(lab, guess) {
  const experiment = lab.experiments[lab.number];
  mark(lab, "guess", guess);
  lab.guess = guess;
  if (experiment.answer) return reveal(lab, undefined);
  send(lab, experiment);
}

const mark = ({ box }, name, choice) => box.querySelectorAll(".choice").forEach((button, i) => button.classList.toggle(name, i === choice));

function reveal(lab, was, seen) {
  const { experiments, number, guess, box } = lab;
  const experiment = experiments[number];
  const { right, why, rfc, policy, change, name } = experiment;
  const known = !was || expected(experiment, was, seen);
  mark(lab, "right", known && right);
  const lies = `This server does not make that mistake, so nothing was sent. A server that does: wirelight poke --experiment ${name}`;
  after(lab, make("p", "", make("b", "", was ? compared(experiment, guess, was, seen) : `It is: ${experiment.choices[right]}.`)), make("p", "", `${why} (${rfc.join(", ")})`, known && policy && ` ${policy}`),
    make("p", "", was ? `Change it: ${change}` : lies));
  localStorage.setItem(`lab ${name}`, guess === right ? "right" : "seen");
  const option = box.querySelector(`option[value="${number}"]`);
  if (!option.textContent.endsWith("✓")) option.append(" ✓");
}

// One sentence: about an experiment under its choices, else under the composer.
function say(lab, experiment, text) {
  lab.box.querySelector("#said").textContent = experiment ? "" : text;
  if (experiment) after(lab, make("p", "", text));
}

const after = ({ box }, ...said) => box.querySelector("#after")?.replaceChildren(...said);

// ---- sending ----

async function post(draft) {
  const answer = await fetch("send", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(plan(draft)) }).catch(() => undefined);
  const text = await answer?.text() ?? "The server is away.";
  return answer?.ok ? { client: JSON.parse(text).client } : { error: text.trim() };
}

/** Sends what the composer holds; with an experiment, its outcome is compared with the prediction. */
async function send(lab, experiment) {
  const why = objection(lab.draft);
  if (why) return;
  const { page, draft } = lab;
  page.live();
  const { client, error } = await post(draft);
  const other = experiment?.other && (await post(OTHER)).client;
  // Not the outcome of another one, chosen meanwhile.
  if (lab.draft !== draft) return;
  if (error) return say(lab, experiment, `Not sent: ${error}.`);
  lab.run = { client, experiment, other };
  say(lab, experiment, "Sent. Above is what the server makes of it.");
  page.soon();
}

// Looks in the events for what came of the bytes that were sent.
function watch(lab, events) {
  const { run, page } = lab;
  if (!run) return;
  const all = connections(events);
  const of = client => client && all.findLast(conn => conn.events[0].peer === client);
  const conn = of(run.client);
  if (!conn) return;
  if (!run.shown) page.choose({ conn: conn.key, step: undefined, side: undefined });
  run.shown = true;
  drawClient(lab, conn);
  const was = outcome(conn);
  const other = of(run.other);
  // It ends first, and may be forgotten first.
  if (other && !run.seen?.over) run.seen = outcome(other);
  const { seen } = run;
  if (!was.over || (run.other && !seen?.over)) return;
  lab.run = undefined;
  if (was.untold || seen?.untold) say(lab, run.experiment, "The server was too busy to tell of every answer. Send it again.");
  else if (run.experiment) reveal(lab, was, seen?.statuses[0]);
  else say(lab, undefined, `Here: ${phrase(was)}.`);
}

const SAW = { "lab.connected": () => "connected", "lab.sent": ({ n }) => `sent ${plural(n, "byte")}`, "lab.got": ({ n }) => `read ${plural(n, "byte")}`, "lab.eof": () => "read the server’s FIN", "lab.rst": () => "was reset by the server", "lab.closed": ({ how }) => ({ half: "closed its side", fin: "closed", rst: "reset the connection" })[how] };

// The client's side, on the server's clock.
function drawClient({ box }, conn) {
  const rows = conn.events.filter(({ e }) => SAW[e]).sort((a, b) => a.t - b.t);
  const shown = rows.length > 12 ? [...rows.slice(0, 6), undefined, ...rows.slice(-5)] : rows;
  box.querySelector("#saw").replaceChildren(...shown.map(event => make("li", "", event ? [make("b", "", SAW[event.e](event)), make("small", "", event === rows[0] ? "" : ` + ${time(event.t - rows[0].t)}`)] : "…")));
}

// ---- the composer ----

function composer(lab) {
  const field = (name, label, input) => make("label", "", `${label} `, Object.assign(input, { name }));
  const input = (type, attributes) => make("input", { type, ...attributes });
  const select = options => make("select", "", Object.entries(options).map(([value, text]) => make("option", { value }, text)));
  const form = make("form", { id: "compose", "aria-label": "Send your own bytes" },
    title("Send your own bytes", "\\r \\n \\t \\0 \\xHH \\\\ are escapes; line breaks here are not sent"),
    make("textarea", { name: "text", rows: "3", spellcheck: "false", autocapitalize: "off", "aria-label": "Bytes to send" }),
    make("div", { id: "row", role: "group", "aria-label": "Cut the bytes: each button cuts before its byte" }),
    make("div", "knobs", make("button", { type: "submit", class: "send" }, "Send"), field("gap", "pause, ms", input("number", { min: "0", max: "20000" })), field("cuts", "cut at", input("text", { inputmode: "numeric", placeholder: "4, 9" })),
      field("every", "byte by byte", input("checkbox")), field("times", "times", input("number", { min: "1", max: "1000" })),
      field("then", "then", select({ read: "read", hold: "hold open", half_close: "half-close", reset: "reset" })), field("hold", "at most, s", input("number", { min: "0", max: "20", step: "0.1" })),
      field("slow", "read", select({ 0: "at once", 1024: "1 KiB/s for 2 s", 65536: "64 KiB/s for 2 s" }))),
    make("p", { id: "wrong" }), make("p", { id: "said", role: "status" }), make("div", "same", make("code", { id: "poke", tabindex: "0" }), copy()), make("ol", { id: "saw", "aria-label": "What the client saw" }));
  form.oninput = ({ target }) => edit(lab, form, target);
  form.onsubmit = event => { event.preventDefault(); send(lab); };
  const row = form.querySelector("#row");
  row.onclick = ({ target }) => cut(lab, target.closest("button"));
  row.onkeydown = event => walk(row, event);
  return form;
}

function copy() {
  const button = make("button", { type: "button", class: "quiet" }, "copy");
  button.onclick = async () => {
    await navigator.clipboard?.writeText(button.previousSibling.textContent).catch(() => getSelection().selectAllChildren(button.previousSibling));
  };
  return button;
}

function edit(lab, form, { name }) {
  const { draft } = lab;
  const { value } = form.elements[name];
  const number = Number(value);
  if (name === "text") [draft.bytes, lab.error] = parse(value);
  else if (name === "cuts") draft.cuts = offsets(value, draft.bytes.length * draft.times);
  else if (name === "every") draft.every = form.elements.every.checked ? 1 : 0;
  else if (name === "then") draft.then = value;
  else if (name === "hold") draft.hold = Math.round(Math.min(20, Math.max(0, number)) * 1000);
  else if (name === "gap") draft.gap = Math.round(Math.min(20_000, Math.max(0, number)));
  else if (name === "times") draft.times = Math.round(Math.min(1000, Math.max(1, number)));
  else if (name === "slow") draft.slow = number;
  show(lab, name);
}

/** Puts a draft into the composer. */
function fill(lab, draft) {
  Object.assign(lab, { draft, error: "" });
  for (const id of ["saw", "said"]) lab.box.querySelector(`#${id}`).replaceChildren();
  show(lab, undefined);
}

// Shows the draft, except in the field that is being edited.
function show(lab, editing) {
  const { draft, box, error } = lab;
  const { elements } = box.querySelector("#compose");
  const values = { text: inLines(draft.bytes), gap: draft.gap, cuts: draft.cuts.join(", "), then: draft.then, hold: draft.hold / 1000, times: draft.times, slow: draft.slow };
  for (const [name, value] of Object.entries(values)) if (name !== editing) elements[name].value = value;
  elements.every.checked = draft.every > 0;
  drawRow(box.querySelector("#row"), draft);
  const why = error || objection(draft);
  box.querySelector("#wrong").textContent = why;
  box.querySelector(".send").disabled = Boolean(why);
  box.querySelector("#poke").textContent = poke(draft, `:${location.port || 80}`);
}

// The bytes one by one, with a mark where a piece begins.
function drawRow(row, { bytes, cuts, every, fill: more }) {
  const focused = row.contains(document.activeElement) ? Number(document.activeElement.value) : undefined;
  const marked = at => at > 0 && (every ? at % every === 0 : cuts.includes(at));
  const last = Math.min(bytes.length, SHOWN);
  const list = Array.from({ length: last }, (_, at) => {
    const [shown] = bytes[at] === " " ? ["·"] : letters(bytes[at]);
    const name = bytes[at] === " " ? "space" : shown.textContent ?? shown;
    return make("button", { type: "button", value: String(at), "aria-pressed": String(marked(at)), "aria-label": `byte ${at}, ${name}${at ? ": cut before it" : ""}`, tabindex: at === (focused ?? 0) ? "0" : "-1", disabled: at === 0 && last === 1 && "disabled" }, shown);
  });
  const breaks = list.flatMap((button, at) => bytes[at] === "\n" ? [button, make("br")] : button);
  row.replaceChildren(...breaks, ...bytes.length > last ? [`… ${plural(bytes.length - last, "byte")} more`] : [], ...more ? [`, then ${plural(more, "x")}`] : []);
  if (focused !== undefined) row.querySelector(`[value="${focused}"]`)?.focus();
}

function cut(lab, button) {
  const at = Number(button?.value);
  if (!(at > 0)) return;
  const { draft } = lab;
  if (draft.every) Object.assign(draft, { every: 0, cuts: [] });
  draft.cuts = draft.cuts.includes(at) ? draft.cuts.filter(one => one !== at) : [...draft.cuts, at].sort((a, b) => a - b);
  show(lab, undefined);
}

const MOVES = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

function walk(row, event) {
  const items = [...row.querySelectorAll("button")];
  const here = items.indexOf(event.target);
  if (here < 0 || !(event.key in MOVES)) return;
  event.preventDefault();
  const next = items[Math.max(0, Math.min(items.length - 1, here + MOVES[event.key]))];
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}
