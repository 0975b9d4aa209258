// Opens the further views: each is a module and a style sheet, loaded when it is first opened.

import { make } from "./dom.js";

/**
 * Name of the two files and fragment of the address; title; place: the `dock` under the connections, or the `stage` instead of them.
 * The module's `start(box, page)` fills the box and returns `draw(shown, events)`, which is called when the page was drawn.
 */
const VIEWS = [
  ["lab", "Experiments", "dock"], ["stories", "Stories", "dock"], ["step", "Step", "dock"], ["ends", "Both ends", "dock"], ["load", "Load", "stage"],
  ["conformance", "Conformance", "stage"], ["export", "Export", "dock"],
];

const by = id => document.getElementById(id);
const opened = new Map();
let last = [];
let draw;

/** Adds a link for each view. `page`: what they may do with the page. */
export function offer(page) {
  by("views").append(...VIEWS.map(([name, title]) => make("a", { href: `#${name}` }, title)));
  addEventListener("hashchange", () => show(page));
  show(page);
}

/** Draws the view that is open. */
export function redraw(...shown) {
  last = shown;
  draw?.(...shown);
}

async function show(page) {
  const { hash } = location;
  const at = VIEWS.findIndex(([name]) => hash === `#${name}`);
  // The link of the open view closes it.
  [...by("views").children].forEach((link, i) => {
    link.href = `#${i === at ? "" : VIEWS[i][0]}`;
    link.ariaCurrent = i === at ? "page" : null;
  });
  // What cannot be loaded now may be at the next try.
  if (at >= 0 && !opened.has(hash)) opened.set(hash, load(page, ...VIEWS[at]).catch(() => { opened.delete(hash); }));
  const view = await opened.get(hash);
  if (hash !== location.hash) return;
  document.body.dataset.open = view ? VIEWS[at][2] : "";
  by("open").role = document.body.dataset.open === "stage" ? "main" : null;
  by("open").replaceChildren(...view ? [view.box] : []);
  view?.box.focus();
  draw = view?.draw;
  redraw(...last);
}

async function load(page, name, title) {
  const style = make("link", { rel: "stylesheet", href: `${name}.css` });
  const styled = new Promise(resolve => { style.onload = style.onerror = resolve; });
  document.head.append(style);
  const [{ start }] = await Promise.all([import(`./${name}.js`), styled]);
  const box = make("section", { id: name, tabindex: "-1", "aria-label": title });
  return { box, draw: start(box, page) };
}
