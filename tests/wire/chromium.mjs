// Drives a headless Chromium through its debugging pipe, without any package.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = ["--headless", "--no-sandbox", "--no-proxy-server", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe"];
/** Milliseconds after which a call or a wait fails. */
const PATIENCE = 30_000;

/** Starts a browser. `page()` opens a tab; `close()` ends the process and removes its profile. */
export async function launch(program) {
  const profile = mkdtempSync(join(tmpdir(), "wire-"));
  const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  const waiting = new Map();
  const listeners = new Set();
  let number = 0;
  let buffer = "";
  child.stdio[4].setEncoding("utf8").on("data", text => {
    buffer += text;
    for (let end; (end = buffer.indexOf("\0")) >= 0; buffer = buffer.slice(end + 1)) {
      const message = JSON.parse(buffer.slice(0, end));
      const call = waiting.get(message.id);
      waiting.delete(message.id);
      if (call) message.error ? call.reject(new Error(JSON.stringify(message.error))) : call.resolve(message.result);
      else listeners.forEach(listener => listener(message));
    }
  });
  const call = (method, params = {}, sessionId) => bounded(method, new Promise((resolve, reject) => {
    waiting.set(++number, { resolve, reject });
    child.stdio[3].write(`${JSON.stringify({ id: number, method, params, sessionId })}\0`);
  }));
  const close = async () => {
    const gone = new Promise(resolve => child.once("exit", resolve));
    // All its processes end: those that a killed browser leaves would go on writing into the profile.
    await call("Browser.close").catch(() => child.kill("SIGKILL"));
    await gone;
    rmSync(profile, { recursive: true, force: true, maxRetries: 20 });
  };
  return { page: () => open(call, listeners), close };
}

function bounded(what, promise) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what}: no answer`)), PATIENCE); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function open(call, listeners) {
  const { targetId } = await call("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await call("Target.attachToTarget", { targetId, flatten: true });
  const send = (method, params) => call(method, params, sessionId);
  /** Errors of the console and of the security policy, and every URL that was asked for. */
  const seen = { errors: [], urls: [], dialogs: 0 };
  listeners.add(({ method, params, sessionId: from }) => {
    if (from !== sessionId) return;
    if (method === "Runtime.exceptionThrown") seen.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
    if (method === "Log.entryAdded" && params.entry.level === "error") seen.errors.push(`${params.entry.text} ${params.entry.url ?? ""}`);
    if (method === "Network.requestWillBeSent") seen.urls.push(params.request.url);
    if (method === "Page.javascriptDialogOpening") seen.dialogs++;
  });
  for (const domain of ["Runtime", "Log", "Network", "Page"]) await send(`${domain}.enable`);
  const evaluate = async expression => {
    const { result, exceptionDetails } = await send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
    return result.value;
  };
  return {
    seen, send, evaluate,
    go: url => send("Page.navigate", { url }),
    size: (width, height) => send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false }),
    media: features => send("Emulation.setEmulatedMedia", { features: Object.entries(features).map(([name, value]) => ({ name, value })) }),
    key: async key => {
      for (const type of ["keyDown", "keyUp"]) await send("Input.dispatchKeyEvent", { type, key, code: key, ...(CODES[key] ? { windowsVirtualKeyCode: CODES[key] } : {}), ...(key === "Enter" && type === "keyDown" ? { text: "\r" } : {}) });
    },
    picture: async (path, whole) => {
      const { data } = await send("Page.captureScreenshot", { format: "png", captureBeyondViewport: Boolean(whole) });
      writeFileSync(path, Buffer.from(data, "base64"));
    },
    /** Waits until an expression is true, and fails with what another one says. */
    until: async (expression, says = "document.body.innerText.slice(0, 2000)") => {
      const end = Date.now() + PATIENCE;
      while (!await evaluate(`Boolean(${expression})`)) {
        if (Date.now() > end) throw new Error(`never: ${expression}\n${await evaluate(says)}`);
        await new Promise(resolve => setTimeout(resolve, 20));
      }
    },
    close: () => call("Target.closeTarget", { targetId }),
  };
}

const CODES = { Tab: 9, Enter: 13, Escape: 27, End: 35, Home: 36, ArrowLeft: 37, ArrowUp: 38, ArrowRight: 39, ArrowDown: 40 };
