// Stories: recorded connections with captions that are bound to events, and captures from a file.

import { make, title } from "./dom.js";
import { places, read } from "./capture.js";

const LARGEST = 64 * 1024 * 1024;

export function start(box, page) {
  const list = make("ul", "list");
  const file = make("input", { type: "file", accept: ".ndjson,.json,.txt", "aria-label": "Open a capture" });
  const telling = make("div", { class: "telling", role: "status" });
  const back = make("button", "ask", "Back");
  const next = make("button", "ask", "Next");
  const leave = make("button", "quiet", "Back to the live server");
  const moves = make("p", "moves", back, next, leave);
  box.append(title("Stories", "recorded from this server; captions follow the events"), list, make("label", "open", "or open a capture of wirelight --record: ", file), telling, moves);
  let tape = [];
  let steps = [];
  let here = 0;
  let latest; // what the visitor has chosen last

  function show() {
    const step = steps[here];
    moves.hidden = !steps.length;
    back.disabled = here === 0;
    next.disabled = here + 1 >= steps.length;
    if (!step) return;
    telling.replaceChildren(make("b", "", `${here + 1} of ${steps.length}. `), step.say);
    const { q, w, c } = tape[step.at];
    page.replay(tape, step.at + 1);
    page.choose(c > 0 ? { conn: `${w}.${c}`, step: q, side: undefined } : { conn: undefined, step: undefined, side: undefined });
  }

  function open(text) {
    const { events, note, story } = read(text);
    const captions = Array.isArray(story?.captions) ? story.captions.filter(one => Object(one?.when) === one?.when && typeof one.say === "string") : [];
    const at = places(events, captions);
    tape = events;
    steps = captions.map(({ say }, i) => ({ say, at: at[i] })).filter(step => step.at !== undefined);
    if (!steps.length && events.length) steps = [{ say: `${note} ${events.length} events. The slider above moves through them.`.trim(), at: events.length - 1 }];
    here = 0;
    if (!events.length) telling.replaceChildren(note);
    show();
  }

  /** Opens what is loaded, unless the visitor has chosen something else meanwhile. `text`: a promise, of nothing if there is none. */
  async function opened(text) {
    const mine = latest = {};
    const found = await text.catch(() => undefined);
    if (mine !== latest) return;
    if (found === undefined) telling.replaceChildren("There is no such story.");
    else open(found);
  }

  const fetchStory = name => opened(fetch(`story-${encodeURIComponent(name)}.ndjson`).then(answer => answer.ok ? answer.text() : undefined));

  (async () => {
    const answer = await fetch("stories.json").catch(() => undefined);
    for (const { name, title: says } of answer?.ok ? await answer.json() : []) {
      const button = make("button", "ask", says);
      button.onclick = () => fetchStory(name);
      list.append(make("li", "", button));
    }
    // The address names a story of the server, never a file.
    const wanted = new URLSearchParams(location.search).get("trace");
    if (wanted) fetchStory(wanted);
  })();
  file.onchange = () => {
    const [chosen] = file.files;
    if (chosen?.size > LARGEST) telling.replaceChildren("This file is larger than 64 MiB: wirelight export or grep makes it smaller.");
    // A capture is ASCII; other bytes become characters as they are.
    else if (chosen) opened(chosen.arrayBuffer().then(bytes => new TextDecoder("latin1").decode(bytes)));
    file.value = ""; // so that the same file can be opened again
  };
  back.onclick = () => { here--; show(); };
  next.onclick = () => { here++; show(); };
  leave.onclick = () => {
    latest = undefined;
    [tape, steps] = [[], []];
    telling.replaceChildren();
    show();
    page.replay(undefined);
    location.hash = "";
  };
  show();
}
