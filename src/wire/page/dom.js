// Makes elements. Text enters as text nodes alone.

export const by = id => document.getElementById(id);
/** Makes an element. `at` sets style properties; `data` says what a click on it chooses. */
export function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(typeof attributes === "string" ? { class: attributes } : attributes ?? {})) {
    if (name === "at") Object.entries(value).forEach(([key, text]) => node.style.setProperty(key, text));
    else if (name === "data") Object.assign(node.dataset, value);
    else if (value) node.setAttribute(name, value);
  }
  node.append(...children.flat(2).filter(child => child || child === 0));
  return node;
}
export const title = (text, more) => make("h2", "", text, make("small", "", more));

const PILLS = { "\r": "CR", "\n": "LF", "\t": "TAB", "\0": "NUL" };

// Bytes without a shape are small letters in a frame.
export function letters(text, space) {
  return text.match(/[!-~]+| +|[^ -~]/g)?.map(run => /[^ -~]/.test(run) ? make("i", "", PILLS[run] ?? run.charCodeAt(0).toString(16).padStart(2, "0")) : space && run === " " ? make("i", "", "SPACE") : run) ?? [];
}
