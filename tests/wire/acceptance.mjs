// What the wire view promises beyond single pictures: node tests/wire/acceptance.mjs WIRELIGHT CHROMIUM [AXE].
// Keyboard alone, the bytes on the screen, accessibility by axe-core, reduced motion, restart, a third page, a burst, a server without a lab. tests/wire/flood.mjs has W11.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { axe } from "./axe.mjs";
import { launch } from "./chromium.mjs";
import { client, pause, serve } from "./server.mjs";

const [wirelight, chromium, tool] = process.argv.slice(2);
const GET = "GET /hello HTTP/1.1\r\nHost: a\r\n";
const LIT = `[...document.querySelectorAll("#side .lit")].map(state => state.textContent).join(" ")`;
const text = selector => `document.querySelector(${JSON.stringify(selector)})?.textContent`;

/** The bytes of a pane as the page shows them, from its letters and pills. */
const shownBytes = label => `[...document.querySelectorAll('[aria-label="${label}"] .s')].map(span => [...span.childNodes].map(node => {
  if (node.nodeType === 3) return node.data;
  const pill = { CR: "\\r", LF: "\\n", TAB: "\\t", NUL: "\\0", SPACE: " " }[node.textContent];
  return pill ?? String.fromCharCode(parseInt(node.textContent, 16));
}).join("")).join("")`;

/** W1: what the page loads when it is opened, as the browser counts it: no further view, no other host. */
async function budget(page) {
  const loaded = await page.evaluate(`[...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
    .map(({ name, decodedBodySize }) => [new URL(name), decodedBodySize]).filter(([url]) => url.pathname.startsWith("/_wire/") && !url.pathname.endsWith("/events"))
    .map(([url, size]) => [url.pathname.slice(7), size])`);
  assert.deepEqual(loaded.map(([name]) => name).sort(), ["", "dom.js", "draw.js", "model.js", "page.css", "page.js", "view.js", "words.js"]);
  const size = loaded.reduce((sum, [, bytes]) => sum + bytes, 0);
  assert(loaded.every(([, bytes]) => bytes > 0) && size <= 65_536, `${size} bytes: ${loaded}`);
  console.log(`the page loads ${size} bytes`);
}

/** Opens the view and waits until it is live. */
async function open(browser, url) {
  const page = await browser.page();
  await page.size(1400, 900);
  await page.go(url);
  await page.until(`document.getElementById("live")?.className === "live"`);
  return page;
}

/** The newest connection, when `done` holds of its steps. */
const newest = (page, done) => page.until(`(() => { const steps = ${text("#strip")}; return ${done}; })()`);

/** W2: a request is there at once; its states light up in order; another on the same connection is counted. */
async function live(page, port) {
  const one = await client(port);
  const began = Date.now();
  one.send(`${GET}X-Live: 1\r\n\r\n`);
  await page.until(`${text("#bytes")}?.includes("X-Live")`);
  console.log(`a request is on the page after ${Date.now() - began} ms`);
  await newest(page, `steps.includes("←")`);
  await page.key("Home");
  const lit = [];
  const steps = await page.evaluate(`document.querySelectorAll(".step").length`);
  for (let n = 0; n < steps; n++) {
    await page.until(`[...document.querySelectorAll(".step")].findIndex(step => step.ariaCurrent) === ${n}`);
    lit.push(await page.evaluate(LIT));
    await page.key("ArrowRight");
  }
  const changes = lit.filter((states, i) => states !== lit[i - 1]);
  assert.deepEqual(changes, ["Idle Idle", "Head Idle", "Done Respond", "Idle Idle"]);
  await page.key("Escape");
  one.send(`${GET}\r\n`);
  await page.until(`document.querySelector(".lane[aria-current]").textContent.includes("2 requests")`);
  await page.until(`${text("#strip")}.includes("request 2 of 2")`);
  await one.end();
}

/** W3: what stands in the two panes is what came and went. */
async function bytes(page, port) {
  const all = Array.from({ length: 256 }, (_, i) => String.fromCharCode(i)).join("");
  for (const sent of [
    `GET /hello?name=%C3%A9 HTTP/1.1\r\nHost: a\r\nX-Mark: 1\r\n\r\n`,
    `POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 256\r\n\r\n${all}`,
    `GET /hello HTTP/1.1\r\nHost\t: a\r\n\r\nrest \0\x7f\xff`,
    all.slice(1),
    `POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: 1\r\n\r\n`,
  ]) {
    const one = await client(port);
    one.send(sent);
    await one.answers(1);
    await one.end();
    await page.until(`${shownBytes("Bytes that came")} === ${JSON.stringify(sent)}`, shownBytes("Bytes that came"));
    assert.equal(await page.evaluate(shownBytes("Bytes that went")), one.came());
  }
}

const focused = `(document.activeElement.closest("section")?.id ?? "") + " " + (document.activeElement.dataset.id ?? "")`;

/** Presses Tab until the focus is on an element of a list in this section. */
async function tabTo(page, section) {
  for (let n = 0; n < 60; n++) {
    await page.key("Tab");
    if (await page.evaluate(`Boolean(document.activeElement.closest("#${section} [data-rove]"))`)) return;
  }
  throw new Error(`Tab does not lead to #${section}: ${await page.evaluate(focused)}`);
}

/** W4, W8: lanes, steps, bytes and meaning by keyboard alone; what is selected is selected everywhere. */
async function keyboard(page, port) {
  for (const name of ["one", "two"]) {
    const one = await client(port);
    one.send(`GET /hello?name=${name} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await one.answers(1);
    await one.end();
  }
  await page.until(`${text("h1")}.includes("two")`);
  await page.evaluate("document.activeElement.blur()");
  const lane = `document.querySelector(".lane[aria-current]").dataset.conn`;
  const last = await page.evaluate(lane);
  await tabTo(page, "lanes");
  await page.key("ArrowUp");
  await page.until(`${lane} !== "${last}" && document.activeElement.matches(".lane[aria-current]")`);
  // A browser may have opened a connection between the two.
  for (let n = 0; n < 8 && !await page.evaluate(`${text("h1")}.includes("one")`); n++) {
    await page.key("ArrowUp");
    await page.evaluate("new Promise(requestAnimationFrame)");
  }
  await page.until(`${text("h1")}.includes("one")`);
  await tabTo(page, "strip");
  await page.key("Home");
  await page.until(`document.activeElement.matches(".step[aria-current]") && document.activeElement.textContent.startsWith("accept")`);
  assert.match(await page.evaluate(text("#bytes h2")), /0 of \d+ bytes at this step/, "nothing has come at the accept");
  await page.key("ArrowRight");
  await page.until(`document.activeElement.matches(".step[aria-current]") && document.activeElement.textContent.startsWith("→")`);
  await page.key("End");
  await page.until(`document.activeElement === document.querySelector("#strip li:last-child .step")`);
  await tabTo(page, "bytes");
  await page.key("Home");
  await page.until(`document.activeElement.matches("#bytes [aria-selected=true]")`);
  // Each span of the head is found by its range in the meaning, and back.
  const here = `(({ a, b }) => a + " " + b)(document.querySelector("#bytes [aria-selected=true]").dataset)`;
  const seen = new Set();
  for (let n = 0; n < 6; n++) {
    const before = await page.evaluate(here);
    const row = await page.evaluate(`document.querySelector("#side .pair[aria-current]")?.textContent`);
    if (row) seen.add(row);
    await page.key("ArrowRight");
    await page.until(`${here} !== "${before}" && document.activeElement.matches("#bytes [aria-selected=true]")`);
  }
  assert(seen.size >= 3, `the meaning follows the bytes: ${[...seen]}`);
  await tabTo(page, "side");
  await page.key("End");
  await page.until(`document.activeElement.matches("#side .pair[aria-current]")`);
  const [a, b] = await page.evaluate(`(({ a, b }) => [Number(a), Number(b)])(document.activeElement.dataset)`);
  const marked = await page.evaluate(`[...document.querySelectorAll("#bytes [aria-selected=true]")].map(span => [Number(span.dataset.a), Number(span.dataset.b)])`);
  assert(marked.length > 0 && marked.every(([from, to]) => from < b && to > a), `${a}-${b}: ${marked}`);
  await page.key("Escape");
}

/** The chosen connection and step are in sight, whatever room a view leaves them. */
async function inSight(page) {
  for (const selector of ["#lanes .lane[aria-current]", "#strip .step[aria-current]"]) {
    const hidden = await page.evaluate(`(() => {
      const [one, list] = [document.querySelector(${JSON.stringify(selector)}), document.querySelector(${JSON.stringify(selector.split(" ")[0])})].map(node => node.getBoundingClientRect());
      return one.top >= list.top - 1 && one.bottom <= list.bottom + 1 && one.left >= list.left - 1 && one.left < list.right ? "" : JSON.stringify([one, list]);
    })()`);
    assert.equal(hidden, "", selector);
  }
}

/** Presses Tab from the first element of the open view to its last: each is in sight and shows that it has the focus. */
async function walkThrough(page, name) {
  await page.evaluate(`document.querySelector("#open > section").focus()`);
  const seen = new Set();
  for (let n = 0; n < 80; n++) {
    await page.key("Tab");
    const at = await page.evaluate(`(() => {
      const one = document.activeElement;
      if (!one.closest("#open")) return "";
      const { top, bottom, left, right } = one.getBoundingClientRect();
      const { outlineStyle, outlineWidth } = getComputedStyle(one);
      const name = one.ariaLabel || one.textContent.slice(0, 40) || one.name || one.id;
      if (!(bottom > 0 && top < innerHeight && right > 0 && left < innerWidth)) return "out of sight: " + one.outerHTML.slice(0, 120);
      return outlineStyle === "none" || outlineWidth === "0px" ? "no outline: " + one.outerHTML.slice(0, 120) : one.tagName + " " + name;
    })()`);
    if (!at) break;
    assert.doesNotMatch(at, /^(out of sight|no outline)/, name);
    seen.add(at);
  }
  assert(seen.size >= 3, `${name}: ${[...seen]}`);
  return seen;
}

/** W8: each further view by keyboard alone, and by axe-core, with something in it. */
async function docks(page, port, check) {
  const open = async name => {
    await page.evaluate("document.activeElement.blur()");
    await page.tab(`#views a[href$='#${name}']`);
    await page.key("Enter");
    await page.until(`document.querySelector("#open > #${name}") && document.activeElement.id === "${name}"`);
  };
  const close = async () => {
    await page.tab("#views a[aria-current]");
    await page.key("Enter");
    await page.until(`document.body.dataset.open === ""`);
    await page.key("Escape");
  };
  for (let n = 0; n < 12; n++) {
    const one = await client(port);
    one.send(`GET /hello?name=${n} HTTP/1.1\r\nHost: a\r\n\r\n`);
    await one.answers(1);
    await one.end();
  }
  await page.until(`${text("h1")}.includes("name=11")`);
  await inSight(page);

  await open("step");
  await page.tab("#step button");
  await page.key("Enter");
  await page.until(`document.querySelector("#stages [aria-current]")?.textContent === "read" && document.activeElement.textContent === "Step"`, text("#step"));
  await page.key("Enter");
  await page.until(`document.querySelector("#stages [aria-current]")?.textContent.startsWith("parse") && document.activeElement.textContent === "Step"`, text("#step"));
  await inSight(page);
  await check(page, "single step");
  assert([...await walkThrough(page, "step")].some(one => one === "BUTTON let it run"));
  await page.tab("#step button.quiet");
  await page.key("Enter");
  await page.until(`${text("#held")} === "The connection is closed."`, text("#step"));
  await close();

  await open("lab");
  await page.until(`document.querySelector(".choice")`);
  await check(page, "experiments, before a choice");
  await page.tab(".choice");
  await page.key("Enter");
  await page.until(`document.querySelector(".choice.right")`, text("#lab"));
  await inSight(page);
  await check(page, "experiments, after a choice");
  await walkThrough(page, "experiments");
  await page.tab("#row button");
  await page.key("End");
  await page.until(`document.activeElement === document.querySelector("#row button:last-of-type")`);
  await close();

  await open("export");
  await page.until(`document.querySelectorAll("#again pre").length === 2`);
  await check(page, "export");
  assert([...await walkThrough(page, "export")].filter(one => /text|HAR|pcap|NDJSON|copy/.test(one)).length >= 5);
  await close();
}

/** A server with TLS has no lab: each view that sends says so, and none goes on asking. */
async function withoutLab(page) {
  const why = "the lab's clients speak plain HTTP and this server speaks TLS: start it without TLS to send from here";
  await page.answering("*/_wire/send", 409, `${why}\n`, async asked => {
    await further(page, "lab", `document.querySelector(".choice")`);
    await page.evaluate(`document.querySelector("#lab .send").click()`);
    await page.until(`${text("#said")} === ${JSON.stringify(`Not sent: ${why}.`)}`, text("#lab"));
    await page.evaluate(`document.querySelector(".choice").click()`);
    await page.until(`${text("#after")}.includes(${JSON.stringify(`Not sent: ${why}.`)})`, text("#lab"));
    await further(page, "step", `document.querySelector("#step button")`);
    await page.evaluate(`document.querySelector("#step button").click()`);
    await page.until(`${text("#held")}.includes("Not sent: the lab's clients")`, text("#step"));
    await further(page, "conformance", `document.querySelectorAll("#conformance .case").length > 100`);
    const before = asked();
    await page.evaluate(`[...document.querySelectorAll("#conformance button")].find(one => one.textContent === "Run all").click()`);
    await page.until(`/^0 of (\\d+) run: 0 right, 0 mistakes, \\1 skipped: the lab's clients/.test(${text("#conformance .said")})`, text("#conformance .said"));
    assert(asked() - before <= 8, `${asked() - before} requests`);
  });
  await page.evaluate(`location.hash = ""`);
  await page.until(`document.body.dataset.open === ""`);
}

/** W8: nothing moves, asked or not. */
async function motion(page) {
  for (const wish of ["no-preference", "reduce"]) {
    await page.media({ "prefers-reduced-motion": wish });
    const moving = await page.evaluate(`[...document.querySelectorAll("*")].filter(node => {
      const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(node);
      return animationName !== "none" || scrollBehavior !== "auto" || (${JSON.stringify(wish)} === "reduce" && /[1-9]/.test(transitionDuration));
    }).map(node => node.outerHTML.slice(0, 80)).concat(document.getAnimations().map(String))`);
    assert.deepEqual(moving, [], wish);
  }
}

/** The axis shows true time too. */
async function trueTime(page) {
  const axis = text("#lanes .axis");
  assert.match(await page.evaluate(axis), /^Folded/);
  await page.evaluate(`document.querySelector("[data-real]").click()`);
  await page.until(`${axis}.startsWith("In true time") && document.querySelector("[data-real]").ariaPressed === "true"`);
  assert.equal(await page.evaluate(`document.querySelectorAll(".foldline").length`), 0);
  await page.evaluate(`document.querySelector("[data-real]").click()`);
  await page.until(`${axis}.startsWith("Folded")`);
}

/** W10: a third page is told why it is refused, and has a place when another one closes. Both see the same, and each may be loaded again. */
async function third(browser, first, url) {
  const second = await open(browser, url);
  const heading = await first.evaluate(text("h1"));
  await second.until(`${text("h1")} === ${JSON.stringify(heading)}`);
  await second.send("Page.reload");
  await second.until(`document.getElementById("live")?.className === "live" && ${text("h1")} === ${JSON.stringify(heading)}`);
  const page = await browser.page();
  await page.go(url);
  await page.until(`${text("#live")}?.includes("two pages are watching already")`);
  await second.close();
  await page.until(`document.getElementById("live")?.className === "live"`);
  await page.close();
}

/** Opens a further view by its link, as a visitor does. */
async function further(page, name, ready) {
  await page.evaluate(`[...document.querySelectorAll("#views a")].find(link => link.hash === "#${name}").click()`);
  await page.until(`document.querySelector("#open > #${name}") && ${ready}`);
}

/** W12: each story replays to its end; a capture from a file is drawn or refused with a sentence; the address names stories alone. */
async function stories(page, check, url) {
  const said = text("#stories .telling");
  const press = name => page.evaluate(`[...document.querySelectorAll("#stories button")].find(button => button.textContent === ${JSON.stringify(name)}).click()`);
  await further(page, "stories", `document.querySelectorAll("#stories .list button").length >= 5`);
  const titles = await page.evaluate(`[...document.querySelectorAll("#stories .list button")].map(button => button.textContent)`);
  for (const title of titles) {
    await press(title);
    await page.until(`${said}.startsWith("1 of ")`);
    const last = Number((await page.evaluate(said)).split(" ")[2].replace(".", ""));
    for (let n = 2; n <= last; n++) {
      await press("Next");
      await page.until(`${said}.startsWith("${n} of ${last}.")`);
    }
    await page.until(`${text("#live")}.startsWith("a recording") && document.querySelector("#strip [aria-current]")`);
    await press("Back");
    await page.until(`${said}.startsWith("${last - 1} of ")`);
  }
  await check(page, "a story");
  const folder = mkdtempSync(join(tmpdir(), "wire-captures-"));
  const choose = async content => {
    writeFileSync(join(folder, "capture.ndjson"), content, "latin1");
    const { root } = await page.send("DOM.getDocument");
    const { nodeId } = await page.send("DOM.querySelector", { nodeId: root.nodeId, selector: "#stories input" });
    await page.send("DOM.setFileInputFiles", { nodeId, files: [join(folder, "capture.ndjson")] });
  };
  const evil = "<img src=x onerror=alert(1)>";
  const open = { q: 1, t: 1, w: 0, c: 1, e: "conn.open", fd: 5 };
  const recv = { q: 2, t: 2, w: 0, c: 1, e: "conn.recv", n: 40, off: 0, data: evil };
  await choose([open, recv, "nonsense", { e: evil }].map(line => JSON.stringify(line)).join("\n"));
  await page.until(`${said}.includes("2 lines are not an event and left out")`);
  await page.until(`${text("#bytes")}.includes("onerror=alert(1)")`);
  assert.equal(await page.evaluate(`document.querySelectorAll("img").length`), 0);
  await choose("\x89PNG\r\n\x1a\n not a capture");
  await page.until(`${said}.includes("no events of a trace")`);
  rmSync(folder, { recursive: true });
  await press("Back to the live server");
  await page.until(`document.getElementById("live").className === "live"`);
  const evils = ["../capture", "/etc/passwd", "//evil.example/a", "https://evil.example/a.ndjson", "file:///etc/passwd", "data:,{}", "javascript:alert(1)", "..\\..\\capture", "\0", "%2e%2e%2fcapture", "<img src=x onerror=alert(1)>", "\u202e", "a".repeat(5000)];
  for (const [name, says] of [["smuggling", "1 of 7"], ...evils.map(name => [name, "no such story"])]) {
    await page.go("about:blank");
    await page.go(`${url.origin}/_wire/?trace=${encodeURIComponent(name)}`);
    await page.until(`${said}?.includes("${says}")`);
    assert.equal(await page.evaluate(`document.querySelectorAll("img").length`), 0);
  }
  await page.go(`${url.origin}/_wire/`);
  await page.until(`document.getElementById("live")?.className === "live"`);
}

/** A burst of connections has a cell each; a cell is reached by keyboard and opens its connection. */
async function burst(page, port, check) {
  const clients = await Promise.all(Array.from({ length: 64 }, () => client(port)));
  await Promise.all(clients.slice(0, 32).map(one => one.send(`${GET}\r\n`) && one.answers(1)));
  await further(page, "load", `document.querySelectorAll("#load .cells .idle").length >= 32 && document.querySelectorAll("#load .cells .silent").length >= 32`);
  assert.match(await page.evaluate(text("#load .said")), /^\d+ connections open, all shown\./);
  await page.evaluate(`document.querySelector("#load .cells [tabindex='0']").focus()`);
  await page.key("End");
  await page.until(`/^#\\d+: nothing sent yet, 0 requests$/.test(${text("#load .about")})`, text("#load .about"));
  const name = (await page.evaluate(text("#load .about"))).split(":")[0];
  await page.key("Enter");
  await page.until(`location.hash === "" && ${text("#strip h2")}.startsWith("Connection ${name},")`);
  await further(page, "load", `document.querySelector("#load .cells .cell")`);
  await check(page, "load");
  await page.evaluate(`location.hash = ""`);
  await Promise.all(clients.map(one => one.end()));
}

/** The suite runs from the page: each case is right, and a cell opens its bytes and its rule. */
async function conformance(page, check) {
  await further(page, "conformance", `document.querySelectorAll("#conformance .case").length > 100`);
  const button = `[...document.querySelectorAll("#conformance button")].find(one => one.textContent === "Run all")`;
  await page.evaluate(`${button}.click()`);
  const said = text("#conformance .said");
  for (let before; !await page.evaluate(`!${button}.disabled`);) {
    // As long as cases are judged, it goes on.
    before = await page.evaluate(said);
    await page.until(`!${button}.disabled || ${said} !== ${JSON.stringify(before)}`);
  }
  const wrong = `[...document.querySelectorAll("#conformance .wrong, #conformance .unseen")].map(cell => { cell.click(); return document.querySelector("#conformance .about").innerText; })`;
  assert.deepEqual(await page.evaluate(wrong), []);
  assert.match(await page.evaluate(said), /^(\d+) of \1 run: \1 right, 0 mistakes$/);
  console.log(await page.evaluate(said));
  await page.evaluate(`document.querySelector("#conformance [tabindex='0']").focus()`);
  await page.key("ArrowRight");
  await page.until(`document.activeElement.matches(".case") && ${text("#conformance .about")}.includes("Came: 400, closed")`, text("#conformance .about"));
  await check(page, "conformance");
  await page.evaluate(`location.hash = ""`);
}

/** Both ends of one of the page's requests on one axis: the page is isolated, so the browser's times are fine enough. */
async function ends(page, check) {
  assert.equal(await page.evaluate("crossOriginIsolated"), true);
  await further(page, "ends", "true");
  await page.evaluate(`document.querySelector("[data-ask='/health']").click()`);
  await page.until(`${text("#ends li h3")}?.startsWith("/health")`);
  assert.match(await page.evaluate(text("#ends li p")), /^The browser waited .+ for the first byte\. .+ of it was the server/);
  assert.deepEqual(await page.evaluate(`[...document.querySelector("#ends li").querySelectorAll(".both > :first-child")].map(who => who.textContent)`), ["browser", "server"]);
  await check(page, "both ends");
  await page.evaluate(`location.hash = ""`);
}

/** W9: a page says that its server is away, and then that the one that answers is another. */
async function restart(page, server) {
  await server.stop();
  await page.until(`${text("#live")}.includes("the server is away")`);
  const next = await serve(wirelight, ["--wire"], server.port);
  await page.until(`${text("#live")}.includes("started again")`);
  await next.stop();
}

const server = await serve(wirelight, ["--wire"]);
const browser = await launch(chromium);
try {
  const page = await open(browser, server.url);
  const check = tool ? axe(tool) : async () => undefined;
  if (!tool) console.log("skipped axe-core: npm did not get it");
  await page.until(`${text("#bytes")}?.includes("GET /hello?name=Ada")`);
  await budget(page);
  await check(page, "first");
  await live(page, server.port);
  await bytes(page, server.port);
  await keyboard(page, server.port);
  await trueTime(page);
  await motion(page);
  const smuggler = await client(server.port);
  smuggler.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG");
  await smuggler.answers(1);
  await smuggler.end();
  await page.until(`${text("h1")}.startsWith("Where does this body end?")`);
  await check(page, "smuggling");
  await stories(page, check, new URL(server.url));
  await burst(page, server.port, check);
  await ends(page, check);
  await conformance(page, check);
  await docks(page, server.port, check);
  await withoutLab(page);
  await third(browser, page, server.url);
  await restart(page, server);
  assert.deepEqual(page.seen.errors.filter(error => !/40[349] \(|503 \(|ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED/.test(error)), []);
} finally {
  await browser.close();
  await server.stop();
}
