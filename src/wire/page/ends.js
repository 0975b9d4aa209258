// Both ends on one axis: what the browser says of the page's own requests (Resource Timing), and what the server says of the same.

import { make, title } from "./dom.js";
import { connections } from "./model.js";
import { time } from "./words.js";

const PINGS = 8;
const SHOWN = 4;

/**
 * The stages of one request as seen from both ends, in nanoseconds of the server's clock. `entry` is a PerformanceResourceTiming in
 * milliseconds since `origin`; `clock` says how far the server's clock is ahead, and the possible error.
 */
export function stages(entry, request, origin, clock) {
  const at = ms => (origin + ms) * 1e6 + clock.ahead;
  const bar = (name, from, to) => ({ name, from, to: Math.max(from, to) });
  const browser = [
    entry.connectEnd > entry.connectStart && bar("connect", at(entry.connectStart), at(entry.connectEnd)),
    bar("wait", at(entry.requestStart), at(entry.responseStart)), bar("read", at(entry.responseStart), at(entry.responseEnd)),
  ].filter(Boolean);
  const { read, head, handled, done } = request;
  const server = [
    bar("read and parse", read.t, head.t), handled && bar("handler", handled.t - handled.ns, handled.t), bar("until sent", handled?.t ?? head.t, done.t),
  ].filter(Boolean);
  const [sent, first] = [at(entry.requestStart), at(entry.responseStart)];
  return {
    browser, server, from: Math.min(browser[0].from, read.t), to: Math.max(at(entry.responseEnd), done.t),
    text: `The browser waited ${time(first - sent)} for the first byte. ${time(done.t - read.t)} of it was the server, from its read to its last write: ${time(Math.max(0, read.t - sent))} passed before, ${time(Math.max(0, first - done.t))} after it, in the kernel and in the browser (±${time(clock.error)}).`,
  };
}

/** The requests of the page that both ends know, the newest first: for each entry the request of its target that was read nearest to it. */
export function pairs(entries, events, origin, clock) {
  const requests = connections(events).flatMap(conn => conn.requests).filter(({ read, head, done }) => read && head && done);
  return entries.toReversed().map(entry => {
    const sent = (origin + entry.requestStart) * 1e6 + clock.ahead;
    const same = requests.filter(({ target }) => new URL(entry.name).pathname + new URL(entry.name).search === target);
    const request = same.sort((a, b) => Math.abs(a.read.t - sent) - Math.abs(b.read.t - sent))[0];
    return request && Math.abs(request.read.t - sent) < 5e9 && { entry, request };
  }).filter(Boolean);
}

/** The server's clock: of several questions the one with the fastest answer, whose middle is known best. */
async function ask(origin, start) {
  let best;
  for (let n = 0; n < PINGS; n++) {
    performance.clearResourceTimings();
    const now = performance.now();
    const answer = await fetch("clock.json").catch(() => undefined);
    if (!answer?.ok) continue;
    const { unix_ns } = await answer.json();
    // The browser's own times of the request are narrower than the call.
    const [own] = performance.getEntriesByType("resource").filter(({ name, responseStart }) => name.endsWith("/clock.json") && responseStart > 0);
    const [began, ended] = own ? [own.requestStart, own.responseStart] : [now, performance.now()];
    const error = (ended - began) / 2 * 1e6;
    if (!best || error < best.error) best = { ahead: Number(BigInt(unix_ns) - BigInt(start)) - (origin + (began + ended) / 2) * 1e6, error };
  }
  return best;
}

export function start(box) {
  const said = make("p", "said", "Ask this server for something, with the buttons below the connections.");
  const list = make("ol", "");
  box.append(title("Both ends", "the browser's clock and the server's on one axis"), said, list);
  const origin = performance.timeOrigin;
  const entries = [];
  let clock;
  let asking = false;
  let drawn = 0;
  let last;
  new PerformanceObserver(found => {
    entries.push(...found.getEntries().filter(({ name, responseStart }) => responseStart > 0 && !new URL(name).pathname.startsWith("/_wire/")));
    entries.splice(0, entries.length - 50);
    if (last) show(last);
  }).observe({ type: "resource", buffered: true });

  async function show(events) {
    last = events;
    const start = events.findLast(event => event.e === "server.start");
    if (!start || asking || !entries.length) return;
    if (clock?.start !== start.unix_ns) {
      asking = true;
      const found = await ask(origin, start.unix_ns);
      asking = false;
      if (!found) return; // the server is away; its next event asks again
      clock = { ...found, start: start.unix_ns };
      return show(last);
    }
    const found = pairs(entries, events, origin, clock).slice(0, SHOWN);
    const key = found.map(({ entry, request }) => `${entry.startTime} ${request.from}`).join();
    if (drawn === key) return;
    drawn = key;
    said.hidden = found.length > 0;
    list.replaceChildren(...found.map(({ entry, request }) => draw(new URL(entry.name).pathname, stages(entry, request, origin, clock))));
  }

  function draw(name, { browser, server, from, to, text }) {
    const width = (a, b) => Math.round((b - a) / (to - from) * 1e4) / 100;
    const percent = t => `${Math.round((t - from) / (to - from) * 1e4) / 100}%`;
    const row = (who, bars) => make("div", "both", make("span", "", who), make("span", "track", bars.map(({ name, from: a, to: b }) =>
      make("span", { class: `stage ${name.split(" ")[0]}`, title: `${name}: ${time(b - a)}`, at: { left: percent(a), width: `max(2px, ${width(a, b)}%)` } }, width(a, b) > name.length && make("span", "", `${name} ${time(b - a)}`)))));
    return make("li", "", make("h3", "", name, make("small", "", ` ${time(to - from)}`)), row("browser", browser), row("server", server), make("p", "", text));
  }

  return (_, events) => { show(events); };
}
