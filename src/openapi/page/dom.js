// Makes elements. Text becomes text nodes, never markup, and its control characters are visible.

/** `make("a", { href: "#x", class: "y" }, "text", child)`; a property that is null or false is left out. */
export function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  const present = children.flat(Infinity).filter(child => child !== null && child !== undefined && child !== false);
  element.append(...present.map(child => child instanceof Node ? child : visible(child, true)));
  return element;
}

/** Paragraphs of a text in CommonMark, of which only `code` is drawn. */
export function prose(text) {
  return String(text ?? "").split(/\n\s*\n/).filter(part => part.trim()).map(part =>
    make("p", { class: "prose" }, part.split("`").map((piece, at) => at % 2 ? make("code", null, piece) : piece)));
}

/** Text whose control and direction characters are visible; `\n` and `\t` stay if they may. */
export function visible(text, lines) {
  return String(text).replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, character => {
    if (lines && (character === "\n" || character === "\t")) return character;
    return `\\u{${character.codePointAt(0).toString(16)}}`;
  });
}
