// The page while the server is busy: node tests/wire/flood.mjs WIRELIGHT CHROMIUM [SECONDS] [--check].
// 200 events a second for SECONDS (60), then as many requests as eight clients can send for a sixth of it. The page stays bounded, what it
// does not show is counted, and the server answers another client meanwhile. --check fails on durations too: for a quiet machine.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";

import { launch } from "./chromium.mjs";
import { client, pause, serve } from "./server.mjs";

const [wirelight, chromium, ...rest] = process.argv.slice(2);
const check = rest.includes("--check");
const seconds = Number(rest.find(word => Number(word) > 0) ?? 60);
const REQUEST = "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n";
/** Of the page: elements of the document; bytes of its heap; milliseconds of CPU time of its longest task. */
const [NODES, HEAP, TASK] = [5000, 100e6, 100];
/** Of the server: bytes that it may grow by; milliseconds until it answers the other client, with --check. */
const [GROWTH, DELAY] = [64e6, 100];
/** Clients of the flood, and requests that it has at least. */
const [CLIENTS, FLOOD] = [8, 4000];

const memory = pid => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) * 1024;
const counts = `Object.fromEntries([...document.querySelectorAll("#counts span")].map(one => { const [, n, name, more] = /^\\+? ?([\\d,]+) (\\w+?)s?( .*)?$/.exec(one.textContent); return [name + (more ?? ""), Number(n.replaceAll(",", ""))]; }))`;

/** Sends requests on one connection, each after the answer to the last, until `done`. Returns their number and the longest wait. */
async function ask(port, done, wait) {
  const one = await client(port);
  let [sent, longest] = [0, 0];
  while (!done()) {
    const began = performance.now();
    one.send(REQUEST);
    await one.answers(++sent);
    longest = Math.max(longest, performance.now() - began);
    await wait?.(performance.now() - began);
  }
  await one.end();
  return { sent, longest };
}

/** Sends as fast as answers come, sixteen requests at a time: at least so many, and until `done`. Returns their number. */
async function pour(port, least, done) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  let [sent, answered, tail] = [0, 0, ""];
  const more = () => {
    socket.write(REQUEST.repeat(16));
    sent += 16;
  };
  socket.once("connect", more).on("data", bytes => {
    const text = tail + bytes.toString("latin1");
    answered += text.split("HTTP/1.1 200 OK").length - 1;
    tail = text.slice(-14); // shorter than what is counted
    if (answered === sent) sent >= least && done() ? socket.end() : more();
  });
  await new Promise((resolve, reject) => socket.once("close", resolve).once("error", reject).setTimeout(30_000, () => socket.destroy(new Error(`${answered} of ${sent} answers`))));
  return sent;
}

/** Lets `load(done)` run for a time beside another client, and looks at the page meanwhile. */
async function phase(name, page, server, time, load) {
  const end = performance.now() + time * 1000;
  const done = () => performance.now() >= end;
  const [began, before] = [await page.evaluate(counts), memory(server.pid)];
  const [tasks, other, sent] = [await page.tasks(), ask(server.port, done, () => pause(50)), load(done)];
  const work = Promise.all([sent, other]).finally(() => { over = true; });
  let [nodes, over] = [0, false];
  while (!over) {
    nodes = Math.max(nodes, await page.evaluate(`document.querySelectorAll("*").length`));
    await Promise.race([work, pause(250)]);
  }
  await work;
  const requests = await sent + (await other).sent;
  const { longest } = await other;
  // Every request is counted, shown or not.
  await page.until(`(${counts}).request === ${began.request + requests}`, `JSON.stringify(${counts}) + " after ${began.request} + ${requests}"`);
  const { cpu, all } = await tasks();
  const heap = await page.heap();
  const now = await page.evaluate(counts);
  const grown = memory(server.pid) - before;
  const mega = bytes => (bytes / 1e6).toFixed(0);
  console.log(`${name}: ${requests} requests in ${time} s; the page: ${nodes} elements, heap ${mega(heap)} MB, longest task ${cpu.toFixed(0)} ms of CPU, ${all.toFixed(0)} ms in all; ` +
    `the server: answers another client after ${longest.toFixed(0)} ms at most, + ${mega(grown)} MB; the page says: ${JSON.stringify(now)}`);
  assert(nodes > 50 && nodes < NODES, `${nodes} elements`);
  assert(heap < HEAP, `a heap of ${heap} bytes`);
  assert(grown < GROWTH, `the server grew by ${grown} bytes`);
  if (check) assert(longest < DELAY, `another client waited ${longest} ms`);
  return { ...now, cpu };
}

const server = await serve(wirelight, ["--wire"]);
const browser = await launch(chromium);
try {
  const page = await browser.page();
  await page.size(1400, 900);
  await page.go(server.url);
  await page.until(`document.querySelector("#bytes")?.textContent.includes("GET /hello?name=Ada")`);
  const events = `performance.getEntriesByType("resource").length`;
  assert(await page.evaluate(events) > 0);
  // A request makes about 20 events.
  const steady = time => phase("200 events a second", page, server, time, async done => (await ask(server.port, done, took => pause(Math.max(0, 100 - took)))).sent);
  const first = await steady(seconds);
  assert.equal(first["event lost"], 0, "nothing is lost");
  // A slow moment of the machine makes CPU time longer too: what the page itself does is seen again.
  if (first.cpu >= TASK) assert((await steady(seconds / 6)).cpu < TASK, `twice a task of more than ${TASK} ms`);
  const flood = await phase("a flood", page, server, Math.max(2, seconds / 6), async done => {
    const clients = Array.from({ length: CLIENTS }, () => pour(server.port, FLOOD / CLIENTS, done));
    return (await Promise.all(clients)).reduce((sum, sent) => sum + sent, 0);
  });
  // What is not shown is said where it is missing, or counted.
  const torn = await page.evaluate(`document.querySelectorAll(".life.torn, .life.lost").length`);
  assert(torn + flood["event lost"] + (flood["connection only counted"] ?? 0) > 0, JSON.stringify(flood));
  assert.deepEqual(page.seen.errors, []);
} finally {
  await browser.close();
  await server.stop();
}
