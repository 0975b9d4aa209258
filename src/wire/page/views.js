// Opens the further views: each is a module and a style sheet, loaded when it is first opened. This module is loaded with the first one.

import { by, make } from "./dom.js";

/**
 * Name of the two files and fragment of the address; place: the `dock` under the connections, or the `stage` instead of them.
 * The module's `start(box, page)` fills the box and returns `draw(shown, events)`, which is called when the page was drawn.
 */
const VIEWS = { lab: "dock", stories: "dock", step: "dock", ends: "dock", load: "stage", conformance: "stage", export: "dock" };

const opened = new Map();
let last = [];
let draw;

/** Opens what the address names, now and later. `page`: what a view may do with the page. */
export function offer(page) {
  for (const link of by("views").children) link.dataset.name = link.hash.slice(1);
  styled("views");
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
  let title;
  for (const link of by("views").children) {
    const { name } = link.dataset;
    const open = hash === `#${name}`;
    if (open) title = link.textContent;
    // The link of the open view closes it.
    link.href = `#${open ? "" : name}`;
    link.ariaCurrent = open ? "page" : null;
  }
  // What cannot be loaded now may be at the next try.
  if (title && !opened.has(hash)) opened.set(hash, load(page, hash.slice(1), title).catch(() => { opened.delete(hash); }));
  const view = await opened.get(hash);
  if (hash !== location.hash) return;
  document.body.dataset.open = view ? VIEWS[hash.slice(1)] : "";
  by("open").role = document.body.dataset.open === "stage" ? "main" : null;
  by("open").replaceChildren(...view ? [view.box] : []);
  view?.box.focus();
  draw = view?.draw;
  if (last.length) redraw(...last);
  page.soon(); // the lists have another height; and nothing may have been drawn before
}

function styled(name) {
  const style = make("link", { rel: "stylesheet", href: `${name}.css` });
  document.head.append(style);
  return new Promise(resolve => { style.onload = style.onerror = resolve; });
}

async function load(page, name, title) {
  const [{ start }] = await Promise.all([import(`./${name}.js`), styled(name)]);
  const box = make("section", { id: name, tabindex: "-1", "aria-label": title });
  return { box, draw: start(box, page) };
}
