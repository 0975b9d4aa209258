// The page for a classroom in a headless Chromium: node tests/wire/classroom.mjs WIRELIGHT CHROMIUM [FOLDER].

import assert from "node:assert/strict";
import { connect } from "node:net";

import { launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

const [wirelight, chromium, folder] = process.argv.slice(2);
const server = await serve(wirelight, ["--wire", "--classroom"]);
const browser = await launch(chromium);

/** Sends a request on a connection of its own, and waits for its end. */
async function ask(port, target) {
  const socket = connect({ port, host: "127.0.0.1" }).resume();
  socket.end(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  await new Promise((resolve, reject) => socket.once("close", resolve).once("error", reject));
}

async function check() {
  const page = await browser.page();
  await page.size(1280, 800);
  await page.go(server.url);
  await page.until(`document.querySelector("#ask .choice")`);
  assert.equal(await page.evaluate("location.search + location.hash"), "?classroom#lab", "the token has left the address");
  assert.equal(await page.evaluate("getComputedStyle(document.documentElement).fontSize"), "20px");

  // No more than five connections are listed, the newest last; the others are counted.
  for (let n = 0; n < 8; n++) await ask(server.port, `/hello?name=${n}`);
  await page.until(`document.querySelector("#lanes").textContent.includes("name=7")`);
  assert.equal(await page.evaluate(`document.querySelectorAll(".lane").length`), 5);
  assert.match(await page.evaluate(`document.querySelector(".axis").textContent`), /\+ [1-9]\d* earlier/);

  // The experiments, and nothing to type bytes into.
  const visible = selector => page.evaluate(`[...document.querySelectorAll(${JSON.stringify(selector)})].filter(one => one.checkVisibility()).length`);
  assert.equal(await visible("textarea, input"), 0);
  assert.equal(await visible("#ask .choice"), 3);
  if (folder) await page.picture(`${folder}/classroom-question.png`);
  await page.evaluate(`document.querySelector("#ask .choice").click()`);
  await page.until(`document.querySelector(".choice.right")`);

  // A row far from the screen can read all of it: no text is small except marks inside of it.
  const small = await page.evaluate(`(() => {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const list = new Set();
    for (let node; (node = walker.nextNode());) {
      const owner = node.parentElement;
      if (!node.data.trim() || !owner.checkVisibility() || owner.closest("i, .cut")) continue;
      if (parseFloat(getComputedStyle(owner).fontSize) < 17) list.add(owner.outerHTML.slice(0, 80));
    }
    return [...list];
  })()`);
  assert.deepEqual(small, []);
  assert.equal(await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), true);
  if (folder) await page.picture(`${folder}/classroom.png`);
  assert.deepEqual(page.seen.errors, []);
  console.log("the page for a classroom: 20 px, 5 lanes, presets only");
}

try {
  await check();
} finally {
  await browser.close();
  await server.stop();
}
