// The page in a headless Chromium, against a server that shows it: node tests/wire/page.mjs WIRELIGHT CHROMIUM [FOLDER].
// Checks the page as a visitor meets it, and writes pictures of eight situations into FOLDER.

import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

const [wirelight, chromium, folder] = process.argv.slice(2);
/** Sends pieces on a connection of its own, each when the page has seen the one before. */
async function send(page, port, pieces, { half = true } = {}) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  const closed = new Promise(resolve => socket.once("close", resolve));
  socket.on("error", () => undefined).resume();
  const heading = `document.querySelector("#strip h2")?.textContent`;
  const before = await page.evaluate(heading);
  for (const [i, piece] of pieces.entries()) {
    socket.write(piece, "latin1");
    if (i + 1 < pieces.length) await page.until(`${heading} !== ${JSON.stringify(before)} && document.querySelectorAll("#strip .step.in").length > ${i}`);
  }
  if (half) socket.end();
  return { closed, end: () => socket.destroy() };
}

const said = text => `document.querySelector("h1")?.textContent.includes(${JSON.stringify(text)})`;

async function check() {
  const url = new URL(server.url);
  const page = await browser.page();
  await page.size(1400, 900);
  await page.go(url.href);
  // A first visitor sees a request of their own browser, with nothing to configure.
  await page.until(said("Your browser sent"));
  await page.until(`document.querySelector("#bytes")?.textContent.includes("GET /hello?name=Ada")`);
  assert.equal(await page.evaluate("location.search"), "", "the token has left the address");

  await keyboard(page);
  await situations(page, Number(url.port));
  await lab(page);
  await exports(page);
  await stepping(page);
  await hostile(page, Number(url.port));
  await freeze(page, Number(url.port));
  await accessible(page);

  const strange = page.seen.urls.filter(one => !one.startsWith(`http://${url.host}/`) && !one.startsWith("data:"));
  assert.deepEqual(strange, [], "the page asks no other host");
  assert.deepEqual(page.seen.errors.filter(text => !/404 \(Not Found\)/.test(text)), [], "no error, no report of the security policy");
  assert.equal(page.seen.dialogs, 0);
  console.log(`${page.seen.urls.length} requests, no error`);
}

/** Everything is reached without a mouse, and the two panes share one selection. */
async function keyboard(page) {
  await page.key("Home");
  await page.until(`document.querySelector("#strip [aria-current]").textContent.startsWith("accept")`);
  await page.key("ArrowRight");
  await page.until(`document.querySelector("#strip [aria-current]").textContent.includes("byte")`);
  await page.key("End");
  for (let n = 0; n < 40 && !await page.evaluate(`document.activeElement.role === "option"`); n++) await page.key("Tab");
  await page.key("Enter");
  await page.key("ArrowRight");
  await page.until(`document.querySelector("#bytes [aria-selected=true]")`);
  const [bytes, meaning] = await page.evaluate(`[document.querySelector("#bytes [aria-selected=true]").dataset.a, document.querySelector("#side .pair[aria-current]")?.dataset.a ?? "none"]`);
  await page.key("ArrowRight");
  await page.until(`document.querySelector("#bytes [aria-selected=true]").dataset.a !== "${bytes}"`);
  await page.until(`document.querySelector("#side .pair[aria-current]")`, `"selected ${bytes}, meaning ${meaning}: " + document.querySelector("#bytes [aria-selected=true]")?.outerHTML`);
  await page.until(`document.activeElement.matches("#bytes [aria-selected=true]")`);
  await page.key("Escape");
  await page.evaluate("document.activeElement.blur()");
}

const GET = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";

/** Name, pieces, what the page says, and options. */
const SITUATIONS = [
  ["pieces", ["GET ", "/hell", "o HTTP/1.1\r\nHost: a\r\n\r\n"], "One request came in 3 pieces"],
  ["fault", ["GET / HTTP/1.1\r\nHost : a\r\n\r\n"], "Refused at byte 20"],
  ["smuggle", ["POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"], "Where does this body end?"],
  ["pipelined", [GET + GET.replace("hello", "hello?name=Ada")], "2 requests in one packet"],
  ["silent", [], "said nothing"],
  ["method", ["DELETE /hello HTTP/1.1\r\nHost: a\r\n\r\n"], "but not for DELETE: 405"],
  ["waiting", ["POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhello"], "10 bytes were promised, 5 are here", { half: false }],
];

async function situations(page, port) {
  await pictures(page, "first");
  for (const [name, pieces, says, options] of SITUATIONS) {
    const client = await send(page, port, pieces, options);
    // A connection that says nothing is not chosen by itself.
    if (!pieces.length) {
      const silent = `[...document.querySelectorAll(".lane")].findLast(lane => lane.textContent.includes("silent, closed"))`;
      await page.until(silent);
      await page.evaluate(`${silent}.click()`);
    }
    await page.until(said(says));
    await pictures(page, name);
    if (options) client.end(); else await client.closed;
    await page.key("Escape");
  }
}

const focused = "document.activeElement";

async function type(page, text) {
  await page.send("Input.dispatchKeyEvent", { type: "keyDown", key: "a", code: "KeyA", modifiers: 2, commands: ["selectAll"] });
  await page.send("Input.insertText", { text });
}

/** By keyboard alone: an experiment, what comes of it, the same with other bytes, cut in two. */
async function lab(page) {
  await page.tab("#views a[href$='#lab']");
  await page.key("Enter");
  await page.until(`document.querySelector(".choice")`);
  await page.tab("#which");
  for (let n = 0; n < 26 && await page.evaluate(`${focused}.value !== "6"`); n++) await page.key("ArrowDown");
  await page.until(`document.querySelector("#question").textContent.startsWith("There is a space between Host")`);
  assert.equal(await page.evaluate(`document.querySelectorAll(".choice.right").length + document.querySelector("#after").textContent.length`), 0, "no outcome before a prediction");
  await page.tab(".choice + .choice");
  await page.key("Enter");
  await page.until(`document.querySelector(".choice.right")`, `document.querySelector("#lab").textContent`);
  assert.equal(await page.evaluate(`document.querySelector(".choice.right").textContent`), "Yes: 400");
  assert.equal(await page.evaluate(`document.querySelector(".choice.guess").textContent`), "No: spaces are ignored there");
  assert.match(await page.evaluate(`document.querySelector("#after").textContent`), /Spaces are ignored after the colon.*It is: Yes: 400.*RFC 9112 §5\.1.*Change it: Move the space/s);
  assert.match(await page.evaluate(`document.querySelector("#saw").textContent`), /connected.*sent 28 bytes.*read the server’s FIN.*closed/);
  await page.until(`document.querySelector(".lane[aria-current]").textContent.includes("the lab")`);
  await page.until(said("Refused at byte 20"));
  await pictures(page, "experiment");
  await page.tab("#lab textarea");
  await type(page, "GET /hello HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n");
  await page.tab("#row button");
  for (let n = 0; n < 4; n++) await page.key("ArrowRight");
  await page.key("Enter");
  assert.equal(await page.evaluate(`document.querySelector("[name=cuts]").value`), "4");
  assert.match(await page.evaluate(`document.querySelector("#poke").textContent`), /^wirelight poke :\d+ 'GET \/hello HTTP\/1\.1\\r\\nHost: a\\r\\n\\r\\n' --at 4 --gap 20ms$/);
  await page.tab(".send");
  await page.key("Enter");
  await page.until(`document.querySelector("#said").textContent === "Here: 200, and the connection stays open."`, `document.querySelector("#lab").textContent`);
  await page.until(`document.querySelector("#strip .step.in").textContent.startsWith("→ 4 bytes")`);
  await pictures(page, "composer");
  // Any bytes are a drawing or a sentence.
  await page.tab("#lab textarea");
  for (const [text, says] of [["\\q", "There is no escape"], ["<img src=x onerror=alert(1)>\\x00\\xff\u{1f600}", ""], ["x".repeat(70_000), "At most 65,536 bytes"], ["", ""]]) {
    await type(page, text);
    await page.until(`document.querySelector("#wrong").textContent.startsWith(${JSON.stringify(says)})`, `document.querySelector("#wrong").textContent`);
    assert.equal(await page.evaluate(`document.querySelector(".send").disabled`), says !== "");
  }
  assert.equal(await page.evaluate(`document.querySelectorAll("img").length`), 0);
  await page.evaluate("window.same = true");
  await page.tab("#views a[aria-current]");
  await page.key("Enter");
  await page.until(`document.body.dataset.open === "" && window.same`);
  await page.evaluate("document.activeElement.blur()");
}

/** One request, stage by stage, by keyboard alone; the page itself is served meanwhile. */
async function stepping(page) {
  await page.tab("#views a[href$='#step']");
  await page.key("Enter");
  await page.until(`document.querySelector("#stages")`);
  await page.tab("#step button");
  await page.key("Enter");
  for (const [stage, step] of [["read", "accept"], ["parse, route, handle", "→ 60 bytes"], ["write", "handler"]]) {
    await page.until(`document.querySelector("#stages [aria-current]")?.textContent === ${JSON.stringify(stage)} && document.activeElement.textContent === "Step"`, `document.querySelector("#step").textContent`);
    assert(await page.evaluate(`[...document.querySelectorAll("#strip .step > span")].some(one => one.textContent === ${JSON.stringify(step)})`), step);
    assert.equal(await page.evaluate(`fetch("/health", { cache: "no-store" }).then(answer => answer.status)`), 200, "others are served");
    if (stage === "write") await pictures(page, "step");
    await page.key("Enter");
  }
  for (let n = 0; n < 5 && !await page.evaluate(`/closed/.test(document.querySelector("#held").textContent)`); n++) {
    await page.until(`/closed/.test(document.querySelector("#held").textContent) || document.querySelector("#stages [aria-current]")`);
    await page.key("Enter");
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  await page.until(`document.querySelector("#held").textContent === "The connection is closed."`, `document.querySelector("#step").textContent`);
  await page.until(said("→ 200, and then the connection closes."));
  await page.tab("#views a[aria-current]");
  await page.key("Enter");
  await page.until(`document.body.dataset.open === ""`);
  await page.key("Escape");
  await page.evaluate("document.activeElement.blur()");
}

/** Saves each format of the chosen connection, and shows it as a command and as a test. */
async function exports(page) {
  const downloads = mkdtempSync(join(tmpdir(), "wire-"));
  await page.send("Page.setDownloadBehavior", { behavior: "allow", downloadPath: downloads });
  await page.tab("#views a[href$='#export']");
  await page.key("Enter");
  await page.until(`document.querySelector("#again pre")`);
  const [command, test] = await page.evaluate(`[...document.querySelectorAll("#again pre")].map(pre => pre.textContent)`);
  assert.match(command, /^wirelight poke :\d+ 'GET \/hello HTTP\/1\.1\\r\\nHost: a\\r\\n\\r\\n' --at 4 --gap \d+ms$/);
  assert.match(test, /connection\.send\(b"GET "\);\n.*assert_eq!\(statuses, \["200"\]\);/s);
  await pictures(page, "export");
  for (const [file, begins] of [["wire.txt", /^Connection #\d+, the lab\n\nOne request came in 2 pieces/], ["wire.har", /^\{\s*"log": \{\s*"version": "1\.2"/], ["wire.synthetic.pcap", /^\xd4\xc3\xb2\xa1\x02\x00\x04\x00/]]) {
    await page.evaluate(`document.querySelector("#export [data-file='${file}']").click()`);
    const end = Date.now() + 30_000;
    while (!existsSync(join(downloads, file))) {
      if (Date.now() > end) throw new Error(`${file} was not saved`);
      await new Promise(resolve => setTimeout(resolve, 20));
    }
    assert.match(readFileSync(join(downloads, file), file.endsWith("pcap") ? "latin1" : "utf8"), begins, file);
  }
  rmSync(downloads, { recursive: true, force: true });
  await page.tab("#views a[aria-current]");
  await page.key("Enter");
  await page.until(`document.body.dataset.open === ""`);
  await page.key("Escape");
  await page.evaluate("document.activeElement.blur()");
}

async function pictures(page, name) {
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  for (const [width, height] of [[1400, 900], [390, 844], [320, 640]]) {
    for (const theme of ["light", "dark"]) {
      await page.size(width, height);
      await page.media({ "prefers-color-scheme": theme });
      await page.evaluate("new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
      assert.equal(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true, `${name}: wider than ${width}`);
      await page.picture(`${folder}/${name}-${width}-${theme}.png`, width < 1000);
    }
  }
  await page.size(1400, 900);
}

/** Nothing that a client sends becomes markup. */
async function hostile(page, port) {
  const evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>";
  const before = await page.evaluate(`document.querySelectorAll("img, script").length`);
  await send(page, port, [`POST /${encodeURIComponent(evil)} HTTP/1.1\r\nHost: a\r\nX-Evil: ${evil}\r\nUser-Agent: ${evil}\r\nContent-Length: ${evil.length}\r\n\r\n${evil}`]);
  await page.until(`document.querySelector("#bytes").textContent.includes("onerror=alert(1)")`);
  assert.equal(await page.evaluate(`document.querySelectorAll("img, script").length`), before);
}

/** A frozen view stays as it is, says how many events are behind, and can be moved back in time. */
async function freeze(page, port) {
  await page.evaluate(`document.getElementById("freeze").click()`);
  await page.until(`document.getElementById("live").textContent.startsWith("frozen")`);
  const says = await page.evaluate(`document.querySelector("h1").textContent`);
  await send(page, port, ["GET /health HTTP/1.1\r\nHost: frozen\r\n\r\n"]);
  await page.until(`/\\+ [1-9]/.test(document.getElementById("live").textContent)`);
  assert.equal(await page.evaluate(`document.querySelector("h1").textContent`), says);
  await page.evaluate(`(scrub => { scrub.value = 1; scrub.dispatchEvent(new Event("input")); })(document.getElementById("scrub"))`);
  await page.until(said("Nothing has come yet"));
  await page.evaluate(`document.getElementById("freeze").click()`);
  await page.until(said("/health"));
}

/** What a reader that is not an eye needs: names, one landmark, focus that is reachable, no motion. */
async function accessible(page) {
  const wrong = await page.evaluate(`(() => {
    const named = node => node.textContent.trim() || node.getAttribute("aria-label") || node.title;
    const list = [...document.querySelectorAll("button, a, [role=option], summary")].filter(node => !named(node)).map(node => node.outerHTML);
    for (const rove of document.querySelectorAll("[data-rove]")) {
      const stops = [...rove.querySelectorAll("[data-id]")].filter(node => node.tabIndex === 0).length;
      if (rove.querySelector("[data-id]") && stops !== 1) list.push(rove.className + ": " + stops + " tab stops");
    }
    if (document.querySelectorAll("main").length !== 1 || document.querySelectorAll("h1").length !== 1) list.push("landmarks");
    if (document.getAnimations().length) list.push("motion");
    return list;
  })()`);
  assert.deepEqual(wrong, []);
  await page.media({ "forced-colors": "active", "prefers-reduced-motion": "reduce" });
  if (folder) await page.picture(`${folder}/forced-colors.png`);
  await page.media({ "forced-colors": "none" });
}

const server = await serve(wirelight, ["--wire"]);
const browser = await launch(chromium);
try {
  await check();
} finally {
  await browser.close();
  await server.stop();
}
