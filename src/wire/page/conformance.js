// The conformance cases, sent to this server from here: a cell each, which opens its bytes, what was expected, and the rule.

import { letters, make, title } from "./dom.js";
import { connections } from "./model.js";
import { asks } from "./view.js";
import { plural } from "./words.js";

/** Clients at a time: so many has the lab. */
const CLIENTS = 4;
/** How long a client waits for bytes, and how long this waits for the events of its connection, in milliseconds. */
const SILENCE = 400;
const PATIENCE = 15_000;
const MARKS = { right: "✓", wrong: "✕", running: "…", unseen: "?", skipped: "–", waiting: "" };

/** The answers that came, in the order of the requests, and what became of the connection. What follows the client's FIN is its own doing. */
export function outcome(conn, halfClosed) {
  const fin = halfClosed ? undefined : conn.events.find(event => event.e === "conn.recv" && event.n === "eof")?.q;
  const before = event => event && (fin === undefined || event.q < fin);
  const answers = conn.requests.map(request => request.answer).filter(before).map(answer => answer.status);
  const keep = conn.requests.map(request => request.keep).filter(before).at(-1);
  const closes = keep?.keep === false || conn.close?.by === "server";
  return { answers, fate: closes ? "close" : answers.length ? "open" : "wait" };
}

const fits = (status, allowed) => allowed.split("|").some(one => one === String(status) || one === `${String(status)[0]}xx` || one === "reject" && (status >= 400 && status < 500 || status === 501 || status === 505));

/** Whether an outcome is one of those that are allowed: `200 400|501 close`. */
export function allows(expect, { answers, fate }) {
  return expect.some(text => {
    const words = text.split(" ");
    const then = words.pop();
    return words.length === answers.length && words.every((allowed, i) => fits(answers[i], allowed)) && (then === "any" || then === fate || then === "wait" && fate === "open");
  });
}

/** The bytes of a case for this server: its own path in place of those of the suite, filled up to the same length. */
export function bytes(text, path) {
  return text.replace(/\/plaintext|\/users\/\d+/g, old => old.length > path.length ? `${path}?${"x".repeat(old.length - path.length - 1)}` : path);
}

const base64 = text => btoa(text);
/** What is allowed, in words: `reject close` is "a refusal, and it closes". */
const FATES = { close: "it closes", open: "the connection stays", wait: "the server waits", any: "" };
export function allowed(expect) {
  return expect.map(text => {
    const words = text.split(" ");
    const fate = FATES[words.pop()];
    const answers = words.map(one => one.replaceAll("|", " or ").replaceAll("reject", "a refusal")).join(", then ") || "no answer";
    return fate ? `${answers}, and ${fate}` : answers;
  }).join("; or ");
}

const sections = rfc => rfc.replace(/(RFC \d{4}) (\d)/g, "$1 §$2");

export function start(box, page) {
  const run = make("button", "ask", "Run all");
  const said = make("p", { class: "said", role: "status" });
  const grid = make("div", { class: "grid", "data-rove": "cases" });
  const about = make("div", "about");
  box.append(make("h1", "", "Conformance"), title("Cases of RFC 9112 and RFC 9110", "each is sent to this server over TCP, and judged by what its events say"), make("p", "", run, " ", said), make("div", "halves", grid, about));
  const cells = [];
  const judged = new Set();
  let running = [];
  let path = "/hello";
  let asked = false;
  let refused = ""; // why no case can be sent

  function mark(cell, state, came) {
    Object.assign(cell, { state, came: came ?? cell.came });
    cell.node.className = `case ${state}`;
    cell.node.textContent = MARKS[state];
    cell.node.ariaLabel = `${cell.title}: ${state}`;
    const count = name => cells.filter(one => one.state === name).length;
    const done = count("right") + count("wrong");
    const more = ["unseen", "skipped"].filter(count).map(name => `${count(name)} ${name}`);
    said.textContent = asked ? [`${done} of ${cells.length} run: ${count("right")} right, ${plural(count("wrong"), "mistake")}`, ...more].join(", ") + (refused && `: ${refused}`) : plural(cells.length, "case");
    if (cell === shown) show(cell);
  }

  let shown;
  function show(cell) {
    shown = cell;
    const link = make("button", "quiet", "Show its connection");
    link.onclick = () => {
      page.choose({ conn: cell.conn, step: undefined, side: undefined });
      location.hash = "";
    };
    const sent = cell.send.flatMap(([text]) => bytes(text, path).match(/[^\n]*\n|[^\n]+$/g) ?? []);
    about.replaceChildren(...[
      make("h3", "", cell.title), make("p", "rule", cell.rule ?? cell.title, make("cite", "", `${sections(cell.rfc)} · ${cell.level}`)),
      make("p", "", make("b", "", "Allowed: "), allowed(cell.expect)),
      make("p", "", make("b", "", "Came: "), cell.came ?? "not run yet"), cell.why && make("p", "", make("b", "", "The server: "), cell.why),
      make("div", "wire", sent.map(line => make("div", "row", letters(line)))), cell.conn && link,
    ].filter(Boolean));
  }

  async function load() {
    const list = await fetch("conformance.json").then(answer => answer.json()).catch(() => []);
    let row;
    for (const one of list) {
      if (one.class !== row?.name) {
        row = { name: one.class, list: make("ol", { "aria-label": one.class }) };
        grid.append(make("section", "", make("h3", "", one.class), row.list));
      }
      const cell = { ...one, node: make("button", { data: { id: one.id }, title: one.title }) };
      cell.node.tabIndex = cells.length ? -1 : 0;
      cell.node.onclick = () => show(cell);
      cells.push(cell);
      row.list.append(make("li", "", cell.node));
      mark(cell, "waiting");
    }
  }

  async function send(cell) {
    const segments = cell.send.map(([text, after], i) => ({ b64: base64(bytes(text, path)), after_ms: i ? Math.max(1, after) : after }));
    const plan = { segments, then: cell.half_close ? "half_close" : "read", timeout_ms: SILENCE };
    for (const end = Date.now() + PATIENCE; Date.now() < end;) {
      const answer = await fetch("send", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(plan) }).catch(() => undefined);
      if (answer?.ok) return answer.json();
      if (answer && answer.status !== 503) return { refusal: (await answer.text()).trim() };
      // All places are taken, by the page's own experiments or those of another.
      await new Promise(resolve => setTimeout(resolve, 100));
    }
    return {};
  }

  async function play(cell) {
    mark(cell, "running");
    const { client, refusal } = await send(cell);
    if (refusal) return refusal;
    if (client) {
      await new Promise(resolve => {
        running.push({ cell, client, resolve });
        page.soon(); // its events may be here already
        setTimeout(resolve, PATIENCE);
      });
      running = running.filter(one => one.cell !== cell);
    }
    if (cell.state === "running") mark(cell, "unseen", "its connection was only counted: run it again");
  }

  run.onclick = async () => {
    page.live?.();
    asked = run.disabled = true;
    refused = "";
    aim();
    const queue = cells.filter(cell => {
      const fits = !cell.echo || hasEcho;
      mark(cell, fits ? "waiting" : "skipped", fits ? undefined : "this server has no POST /echo");
      return fits;
    });
    await Promise.all(Array.from({ length: CLIENTS }, async () => {
      while (queue.length && box.isConnected) {
        const [cell] = queue.splice(0, 1);
        refused = await play(cell) ?? refused;
        if (refused) for (const one of [cell, ...queue.splice(0)]) mark(one, "skipped", refused);
      }
    }));
    run.disabled = false;
  };
  grid.addEventListener("focusin", ({ target }) => {
    for (const item of grid.querySelectorAll("[tabindex='0']")) item.tabIndex = -1;
    target.tabIndex = 0;
  });
  load();
  let hasEcho = true;

  // Takes the paths from the server that is asked, which is not that of a recording on the screen.
  function aim() {
    const start = page.events().findLast(({ e }) => e === "server.start");
    const paths = asks(start);
    hasEcho = (start?.routes ?? []).some(({ method, pattern }) => method === "POST" && pattern === "/echo");
    path = paths.find(one => one === "/hello") ?? paths.find(one => one.length < 8) ?? "/";
  }

  return (view, events) => {
    aim();
    if (!running.length) return;
    // The kernel gives a port again: what was judged is not judged twice.
    const peers = new Map(connections(events).filter(conn => !judged.has(conn.key)).map(conn => [conn.events[0].peer, conn]));
    for (const { cell, client, resolve } of running) {
      const conn = peers.get(client);
      if (!conn?.close) continue;
      const came = outcome(conn, cell.half_close);
      cell.conn = conn.key;
      const untold = conn.requests.filter(request => request.answer).length < conn.close.reqs;
      judged.add(conn.key);
      cell.why = conn.requests.map(request => request.error?.text).find(Boolean);
      if (untold) mark(cell, "unseen", "the server was too busy to tell all of it: run it again");
      else mark(cell, allows(cell.expect, came) ? "right" : "wrong", `${came.answers.join(" ") || "no answer"}, ${{ open: "stays open", close: "closed", wait: "waits" }[came.fate]}`);
      resolve();
    }
  };
}
