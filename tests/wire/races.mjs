// Whatever comes first, the page ends at the same: node tests/wire/races.mjs WIRELIGHT CHROMIUM.
// Frames and answers are held and let go one by one here, so that the order does not depend on the machine.

import assert from "node:assert/strict";

import { launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

const [wirelight, chromium] = process.argv.slice(2);
const VIEWS = ["lab", "stories", "step", "ends", "load", "conformance", "export"];
const text = selector => `document.querySelector(${JSON.stringify(selector)})?.textContent`;

/** Draws nothing before `draw()`. */
const FRAMES = `{ const frame = requestAnimationFrame; const held = [];
  window.requestAnimationFrame = draw => held.push(draw);
  window.draw = () => { window.requestAnimationFrame = frame; held.splice(0).forEach(frame); }; }`;
/** Holds what is asked for by a path that ends so, from the `from`-th time on, until `release()`. `asked` counts them. */
const held = (end, from = 1) => `{ const real = fetch; const waiting = []; window.asked = 0;
  window.fetch = (path, ...more) => !String(path).endsWith(${JSON.stringify(end)}) || ++asked < ${from} ? real(path, ...more) : new Promise(go => waiting.push(() => { const answer = real(path, ...more); go(answer); return answer; }));
  window.release = () => { window.fetch = real; return Promise.all(waiting.map(go => go())).then(() => new Promise(frame => requestAnimationFrame(() => requestAnimationFrame(frame)))); }; }`;

async function open(browser, url, script) {
  const page = await browser.page();
  await page.size(1400, 900);
  if (script) await page.send("Page.addScriptToEvaluateOnNewDocument", { source: script });
  await page.go(url);
  return page;
}

const view = async (page, name, ready) => {
  await page.evaluate(`location.hash = ${JSON.stringify(name)}`);
  await page.until(`document.querySelector("#open > #${name}") && ${ready}`, text("#open"));
};
const OFFERED = `document.querySelector("#which option")`;
const choose = (page, number) => page.evaluate(`(which => { which.value = "${number}"; which.dispatchEvent(new Event("change")); })(document.querySelector("#which"))`);
const composed = page => page.evaluate(`document.querySelector("#lab textarea").value`);

/** A view that is loaded before the page was drawn, as in a tab in the background, waits for the first frame. */
async function beforeTheFirstFrame(browser, url) {
  for (const name of VIEWS) {
    const page = await open(browser, `${url}#${name}`, FRAMES);
    await page.until(`document.querySelector("#open > #${name}")`);
    await page.until(`performance.getEntriesByType("resource").every(({ responseEnd, name }) => responseEnd > 0 || name.endsWith("/events"))`);
    await page.evaluate("draw()");
    await page.until(`document.getElementById("live").className === "live" && ${text("h1")}`);
    if (name === "lab") {
      await page.until(OFFERED, text("#lab"));
      assert.match(await composed(page), /^GET \/hello HTTP/);
    }
    if (name === "export") await page.until(text("#again"));
    assert.deepEqual(page.seen.errors, [], name);
    await page.close();
  }
}

/** A recording is of another server: what is sent goes to the paths of this one. */
async function besideARecording(page) {
  await view(page, "stories", `document.querySelector("#stories .list button")`);
  await page.evaluate(`document.querySelector("#stories .list button").click()`);
  await page.until(`${text("#live")}.startsWith("a recording")`);
  await view(page, "lab", OFFERED);
  await choose(page, 8);
  assert.match(await composed(page), /^POST \/echo HTTP/);
  await view(page, "conformance", `document.querySelectorAll("#conformance .case").length > 100`);
  await page.evaluate(`document.querySelector("#conformance .ask").click()`);
  assert.equal(await page.evaluate(`document.querySelectorAll("#conformance .skipped").length`), 0, "the demo has POST /echo");
  await view(page, "stories", "true"); // which ends the run
}

/** Of two stories the one is told that was chosen last, not the one that comes last. */
async function twoStories(page) {
  const leave = () => page.evaluate(`document.querySelector("#stories .quiet").click()`);
  await leave();
  await view(page, "stories", `document.querySelector("#stories .list button")`);
  const press = number => page.evaluate(`document.querySelectorAll("#stories .list button")[${number}].click()`);
  const titles = await page.evaluate(`fetch("stories.json").then(answer => answer.json())`);
  await page.evaluate(held(`story-${titles[0].name}.ndjson`));
  await press(0);
  await press(1);
  await page.until(`${text("#stories .telling")}.startsWith("1 of ")`);
  const told = await page.evaluate(text("#stories .telling"));
  await page.evaluate("release()");
  assert.equal(await page.evaluate(text("#stories .telling")), told);
  await leave();
}

/** The newest lane of the lab that is over. A browser's own connections are lanes too. */
const NEWEST = `[...document.querySelectorAll(".lane")].findLast(lane => lane.textContent.includes("the lab") && lane.querySelector(".life.closed"))?.dataset.conn`;

/** What comes of an experiment is not shown as the outcome of one that was chosen while it was sent. */
async function anotherExperiment(page) {
  await view(page, "lab", OFFERED);
  const before = await page.evaluate(NEWEST);
  await choose(page, 5);
  await page.evaluate(held("send"));
  await page.evaluate(`document.querySelector(".choice").click()`);
  await choose(page, 6);
  await page.evaluate("release()");
  await page.until(`${NEWEST} !== ${JSON.stringify(before)}`);
  assert.deepEqual(await page.evaluate(`[${text("#after")}, document.querySelectorAll(".choice.right").length]`), ["", 0]);
}

/** An experiment with a second client is judged when both are over, however late the second one is sent. */
async function secondClient(page) {
  await choose(page, 21);
  const before = await page.evaluate(NEWEST);
  await page.evaluate(held("send", 2));
  await page.evaluate(`document.querySelectorAll(".choice")[1].click()`);
  await page.until(`asked === 2 && ${NEWEST} !== ${JSON.stringify(before)}`);
  assert.equal(await page.evaluate(`document.querySelectorAll(".choice.right").length`), 0);
  await page.evaluate("release()");
  await page.until(`document.querySelector(".choice.right")`, text("#lab"));
  assert.match(await page.evaluate(text("#after")), /^You said so, and so it is\./);
}

const server = await serve(wirelight, ["--wire"]);
const browser = await launch(chromium);
try {
  await beforeTheFirstFrame(browser, server.url);
  const page = await open(browser, server.url);
  await page.until(`${text("h1")}?.includes("Your browser sent")`);
  for (const check of [besideARecording, twoStories, anotherExperiment, secondClient]) await check(page);
  assert.deepEqual(page.seen.errors, []);
  console.log("no order of frames and answers makes a difference");
} finally {
  await browser.close();
  await server.stop();
}
