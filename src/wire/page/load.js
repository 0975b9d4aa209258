// A server under load: one cell for each open connection, by what it does. The server is asked twice a second while this is open.

import { make, title } from "./dom.js";
import { digits, plural } from "./words.js";

/** What a connection does: a letter for its cell, and the words. */
const ACTIVITIES = {
  silent: ["·", "nothing sent yet"], idle: ["", "between requests"], head: ["h", "head on its way"], body: ["b", "body on its way"],
  answering: ["a", "handler at work"], sending: ["s", "answer on its way"], blocked: ["!", "client reads too slowly"], refused: ["✕", "refused"], closing: ["–", "closing"],
};
const PAUSE = 500;

/** Returns what is shown, as plain data. `before`: the answer to compare with, `seconds` ago. */
export function load({ counts, open, every, cells }, before, seconds) {
  const rate = before && seconds > 0 ? Math.max(0, Math.round((counts.requests - before.counts.requests) / seconds)) : undefined;
  const here = Object.fromEntries(Object.keys(ACTIVITIES).map(name => [name, 0]));
  for (const [, , activity] of cells) here[activity]++;
  const share = every > 1 ? `1 of ${every} shown` : "all shown";
  const lost = counts.lost > 0 ? ` The trace has left out ${plural(counts.lost, "event")}: a cell may be older than it looks.` : "";
  return {
    title: open ? `${plural(open, "connection")} open, ${share}.` : "No connection is open.",
    more: `${rate === undefined ? "" : `${plural(rate, "request")} a second. `}${plural(counts.connections, "connection")} and ${plural(counts.requests, "request")} so far${counts.unsampled ? `, ${plural(counts.unsampled, "connection")} only counted` : ""}.${lost}`,
    legend: Object.entries(ACTIVITIES).map(([name, [letter, words]]) => ({ name, letter, words, here: here[name] })),
    cells: cells.map(([w, c, activity, requests]) => ({
      key: `${w}.${c}`, name: w > 0 ? `#${w}.${c}` : `#${c}`, activity, letter: ACTIVITIES[activity]?.[0] ?? "?", words: ACTIVITIES[activity]?.[1] ?? activity, requests,
    })),
  };
}

export function start(box, page) {
  const head = make("div", "said");
  const legend = make("ul", "legend");
  const cells = make("ol", { class: "cells", "aria-label": "Open connections" });
  const about = make("p", { class: "about", role: "status" });
  box.append(title("Under load", "one cell a connection; arrow keys walk, Enter chooses"), head, legend, cells, about);
  const nodes = new Map();
  let before;
  let at = 0;
  let running = false;

  function show(shown) {
    head.replaceChildren(make("h1", "", shown.title), make("p", "", shown.more));
    legend.replaceChildren(...shown.legend.map(({ name, letter, words, here }) => make("li", "", make("span", `cell ${name}`, letter), make("span", "", make("b", "", digits(here)), ` ${words}`))));
    const old = new Set(nodes.keys());
    for (const cell of shown.cells) {
      old.delete(cell.key);
      let node = nodes.get(cell.key);
      if (!node) {
        nodes.set(cell.key, node = make("button", ""));
        node.tabIndex = cells.childElementCount ? -1 : 0;
        cells.append(make("li", "", node));
      }
      const text = `${cell.name}: ${cell.words}, ${plural(cell.requests, "request")}`;
      if (node.ariaLabel === text) continue;
      Object.assign(node, { className: `cell ${cell.activity}`, textContent: cell.letter, title: text, ariaLabel: text });
      node.dataset.key = cell.key;
      if (node === document.activeElement) about.textContent = text;
    }
    for (const key of old) {
      nodes.get(key).parentNode.remove();
      nodes.delete(key);
    }
    const items = [...cells.querySelectorAll("button")];
    if (items.length && !items.some(item => item.tabIndex === 0)) items[0].tabIndex = 0;
  }

  async function ask() {
    if (running) return;
    running = true;
    while (box.isConnected) {
      const answer = await fetch("load.json").then(response => response.ok ? response.json() : undefined).catch(() => undefined);
      const now = performance.now();
      if (answer) {
        show(load(answer, before, (now - at) / 1000));
        [before, at] = [answer, now];
      }
      await new Promise(resolve => setTimeout(resolve, PAUSE));
    }
    [running, before] = [false, undefined];
  }

  cells.addEventListener("focusin", ({ target }) => {
    for (const item of cells.querySelectorAll("[tabindex='0']")) item.tabIndex = -1;
    target.tabIndex = 0;
    about.textContent = target.ariaLabel;
  });
  cells.addEventListener("keydown", event => {
    const items = [...cells.querySelectorAll("button")];
    const row = items.filter(item => item.offsetTop === items[0].offsetTop).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row, Home: -Infinity, End: Infinity }[event.key];
    if (!step) return;
    event.preventDefault();
    items[Math.max(0, Math.min(items.length - 1, items.indexOf(event.target) + step))].focus();
  });
  cells.addEventListener("click", ({ target }) => {
    if (!target.dataset.key) return;
    page.choose({ conn: target.dataset.key, step: undefined, side: undefined });
    location.hash = "";
  });
  return ask;
}
