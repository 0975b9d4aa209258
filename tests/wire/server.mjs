// The server and its clients, for the tests of the wire view.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { createInterface } from "node:readline";

/** Milliseconds after which a wait fails. */
const PATIENCE = 90_000;
export const pause = ms => new Promise(resolve => setTimeout(resolve, ms));

/** Starts the command on a port, or on any. Returns the port, the address of the view if it has one, and what stops it. */
export async function serve(program, options = [], port = 0) {
  const child = spawn(program, ["--port", port, ...options], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, RUST_LOG: "error" } });
  const gone = new Promise(resolve => child.once("exit", resolve));
  const found = {};
  for await (const line of createInterface({ input: child.stdout })) {
    found.port ??= /^listening on http:\S+:(\d+)/.exec(line)?.[1];
    found.url ??= /^wire view: (http:\S+)$/.exec(line)?.[1];
    if (found.port && (found.url || !options.includes("--wire"))) break;
  }
  assert(found.port, "the server printed no address");
  return { port: Number(found.port), url: found.url, pid: child.pid, stop: () => { child.kill(); return gone; } };
}

/** A connection: `send` bytes, wait for `answers`, `end` it or wait until it is `closed`. */
export async function client(port) {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  let came = "";
  let ended = false;
  socket.on("data", bytes => { came += bytes.toString("latin1"); }).on("end", () => { ended = true; }).on("close", () => { ended = true; }).on("error", () => undefined);
  const until = async (what, done) => {
    for (const late = Date.now() + PATIENCE; !done(); await pause(5)) assert(Date.now() < late, `never: ${what}\n${came}`);
  };
  return {
    send: bytes => socket.write(bytes, "latin1"),
    answers: count => until(`${count} answers`, () => came.split("HTTP/1.1 ").length > count && /\r\n\r\n[^]/.test(came.slice(came.lastIndexOf("HTTP/1.1 ")))),
    end: () => { socket.end(); return until("the end", () => ended); },
    closed: async () => { await until("the end", () => ended); socket.end(); },
    came: () => came,
  };
}
