// Every experiment as a visitor plays it in a headless Chromium: node tests/wire/experiments.mjs WIRELIGHT CHROMIUM.
// Two pages share them, the longest first: four of them wait for a deadline of the server, ten seconds and more.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { parse } from "../../src/wire/page/compose.js";
import { launch } from "./chromium.mjs";
import { serve } from "./server.mjs";

const [wirelight, chromium] = process.argv.slice(2);
const { experiments } = JSON.parse(readFileSync(new URL("../../src/wire/experiments.json", import.meta.url), "utf8"));
const text = selector => `document.querySelector(${JSON.stringify(selector)})?.textContent`;
const texts = selector => `[...document.querySelectorAll(${JSON.stringify(selector)})].map(one => one.textContent)`;

/** The bytes of a plan. Each run of the last one counts by itself. */
const bytes = plan => plan.map(({ send = "" }) => send).join("").replace(/\?run=\d+ /, "?run=N ");
/** Counts the frames that ask for another frame while they are drawn. Without that request, a choice waits for the next event. */
const COUNTING = `{ const frame = requestAnimationFrame; let asked; window.again = 0;
  window.requestAnimationFrame = draw => { asked = true; return frame(() => { asked = false; draw(); again += asked; }); }; }`;

const composed = async page => {
  const [found, error] = parse(await page.evaluate(`document.querySelector("#lab textarea").value`));
  assert.equal(error, "");
  return found.replace(/\?run=\d+ /, "?run=N ");
};

/** What the page says first of a prediction; of the experiment that sends nothing, it says the same to everybody. */
function judged({ choices, right, replies, allowed = [], answer }, guess) {
  if (answer || guess === undefined) return `It is: ${choices[right]}.`;
  if (guess === right) return "You said so, and so it is.";
  return allowed.includes(guess) ? `The RFC allows what you said as well. Here it is: ${choices[right]}.` : `${replies[guess]} It is: ${choices[right]}.`;
}

/** Plays one: a question without its outcome, a prediction, what came, why, and the bytes to change. */
async function play(page, number) {
  const experiment = experiments[number];
  const { name, question, choices, right, why, rfc, change, plan, statuses, end, answer } = experiment;
  // All kinds of predictions: right, wrong, and none.
  const guess = [right, (right + 1) % choices.length, (right + 2) % choices.length, undefined][number % 4];
  await page.evaluate(`(which => { which.value = "${number}"; which.dispatchEvent(new Event("change")); })(document.querySelector("#which"))`);
  await page.until(`${text("#question")} === ${JSON.stringify(question)}`, text("#ask"));
  assert.deepEqual(await page.evaluate(texts(".choice")), choices, name);
  assert.deepEqual(await page.evaluate(`[${text("#after")}, document.querySelectorAll(".choice:is(.right, .guess)").length]`), ["", 0], `${name}: an outcome before a prediction`);
  assert.equal(await composed(page), bytes(plan), name);
  await page.evaluate(`again = 0; document.querySelectorAll("#task button")[${guess ?? choices.length}].click()`);
  await page.until(`document.querySelector(".choice.right") || document.querySelectorAll("#after p").length > 1`, `${JSON.stringify(name)} + ": " + ${text("#lab")}`);

  const [verdict, because, next] = await page.evaluate(texts("#after p"));
  assert.equal(verdict, judged(experiment, guess), name);
  assert.deepEqual(await page.evaluate(texts(".choice.right")), [choices[right]], name);
  assert(because.startsWith(`${why} (${rfc.join(", ")})`), `${name}: ${because}`);
  assert.match(await page.evaluate(text(`#which option[value="${number}"]`)), / ✓$/, name);
  assert.equal(await composed(page), bytes(plan), `${name}: the bytes stay, to be changed`);
  if (answer) return assert.match(next, new RegExp(`wirelight poke --experiment ${name}$`));
  assert.equal(next, `Change it: ${change}`);
  // What the client saw is on the page, and so is the connection with its answers.
  const saw = await page.evaluate(text("#saw"));
  assert.match(saw, /^connected.*closed/, name);
  assert.equal(/the server’s FIN/.test(saw), end === "close", `${name}: ${saw}`);
  const final = JSON.stringify(statuses.filter(status => status >= 200).map(String));
  await page.until(`${final}.every(status => ${text(".lane[aria-current] .track")}?.includes(status))`, `${JSON.stringify(`${name}: ${final} in `)} + ${text(".lane[aria-current]")}`);
  assert.equal(await page.evaluate(`document.querySelector("#lab .send").disabled`), false, name);
  assert.equal(await page.evaluate(`again`), 1, `${name}: the connection was chosen in a frame, and is drawn in the next`);
}

/** Opens the page at its experiments and plays what is left of them. */
async function visit(browser, url, left) {
  const page = await browser.page();
  await page.size(1400, 900);
  await page.go(url);
  await page.until(`document.getElementById("live")?.className === "live"`);
  await page.evaluate(`location.hash = "lab"`);
  await page.until(`document.querySelectorAll("#which option").length === ${experiments.length}`, text("#open"));
  await page.evaluate(COUNTING);
  for (let number; (number = left.shift()) !== undefined;) await play(page, number);
  assert.deepEqual(page.seen.errors, [], "no error, no report of the security policy");
  assert.equal(page.seen.dialogs, 0);
}

const server = await serve(wirelight, ["--wire"]);
const browser = await launch(chromium);
try {
  const longest = ({ plan }) => Math.max(0, ...plan.map(({ hold = 0 }) => hold));
  const left = experiments.map((_, number) => number).sort((a, b) => longest(experiments[b]) - longest(experiments[a]));
  await Promise.all([visit(browser, server.url, left), visit(browser, server.url, left)]);
  console.log(`${experiments.length} experiments played on the page`);
} finally {
  await browser.close();
  await server.stop();
}
