// Takes the pictures of docs/wire: node tests/wire/pictures.mjs WIRELIGHT CHROMIUM FOLDER. Eight situations, light and dark.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { launch } from "./chromium.mjs";
import { small } from "./png.mjs";
import { client, pause, serve } from "./server.mjs";

const [wirelight, chromium, folder] = process.argv.slice(2);
/** Bytes of a picture at most: they are in the repository. */
const LARGEST = 150_000;
const GET = "GET /hello HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8.5\r\n";
const says = text => `document.querySelector("h1")?.textContent.includes(${JSON.stringify(text)})`;

/** Sends pieces with a pause between them, waits for the answers, and leaves. */
async function ask(port, pieces, answers = 1) {
  const one = await client(port);
  for (const piece of pieces) {
    one.send(piece);
    await pause(60);
  }
  await one.answers(answers);
  return one;
}

const open = (page, name) => page.evaluate(`location.hash = ${JSON.stringify(name)}`);
const press = (page, text) => page.evaluate(`[...document.querySelectorAll("#open button")].find(button => button.textContent.includes(${JSON.stringify(text)})).click()`);

/** Name, what leads there, and what the page then shows. */
const SITUATIONS = {
  first: [() => undefined, says("Your browser sent")],
  pieces: [async (page, port) => (await ask(port, ["GET /hel", "lo?name=Ada HTTP/1.1\r\nHost: lo", "calhost\r\nUser-Agent: poke\r\n", "\r\n"])).end(), says("in 4 pieces")],
  pipelined: [async (page, port) => (await ask(port, [`${GET}\r\nGET /hello?name=Ada HTTP/1.1\r\nHost: localhost\r\n\r\n`], 2)).end(), says("2 requests in one packet")],
  smuggling: [async (page, port) => (await ask(port, ["POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 37\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n"])).end(), `${says("Where does this body end?")} && document.querySelector(".saw")`],
  waiting: [async (page, port) => { await ask(port, ["POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhello"], 0); }, says("5 are here")],
  story: [async page => {
    await open(page, "stories");
    await page.until(`document.querySelector("#stories .list button")`);
    await press(page, "413");
    await page.until(`document.querySelector("#stories .telling").textContent.startsWith("1 of")`);
    for (let n = 0; n < 4; n++) await press(page, "Next");
  }, `document.querySelector("#stories .telling").textContent.startsWith("5 of")`],
  conformance: [async page => {
    await press(page, "Back to the live server");
    await open(page, "conformance");
    await page.until(`document.querySelectorAll("#conformance .case").length > 100`);
    await press(page, "Run all");
    await page.until(`/run: \\d+ right, 0 mistakes$/.test(document.querySelector("#conformance .said").textContent) && !document.querySelector("#conformance .ask").disabled`, `document.querySelector("#conformance .said").textContent`);
    await page.evaluate(`[...document.querySelectorAll("#conformance .case")].find(cell => cell.title.includes("blank before the colon") || cell.title.includes("before the colon"))?.click()`);
  }, `document.querySelector("#conformance .about h3")`],
  load: [async (page, port) => {
    await open(page, "load");
    const clients = await Promise.all(Array.from({ length: 180 }, () => client(port)));
    await Promise.all(clients.map((one, n) => {
      if (n % 9 === 4) return one.send("GET /hello HTTP/1.1\r\nHo");
      if (n % 13 === 5) return one.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhel");
      if (n % 17 === 3) return one.send("GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n");
      if (n % 5 > 0) return one.send(`${GET}\r\n`) && one.answers(1);
    }));
  }, `document.querySelectorAll("#load .cells .cell.idle").length > 80`],
};

async function picture(page, name) {
  for (const theme of ["light", "dark"]) {
    await page.media({ "prefers-color-scheme": theme });
    await page.evaluate("new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)))");
    const path = join(folder, `${name}-${theme}.png`);
    await page.picture(path);
    const bytes = small(readFileSync(path));
    writeFileSync(path, bytes);
    assert(bytes.length <= LARGEST, `${path}: ${bytes.length} bytes`);
    console.log(`${path}: ${bytes.length} bytes`);
  }
}

const server = await serve(wirelight, ["--wire"]);
const browser = await launch(chromium);
try {
  mkdirSync(folder, { recursive: true });
  const page = await browser.page();
  await page.size(1280, 860);
  await page.go(server.url);
  for (const [name, [lead, shown]] of Object.entries(SITUATIONS)) {
    await lead(page, server.port);
    await page.until(shown);
    await picture(page, name);
  }
} finally {
  await browser.close();
  await server.stop();
}
