// Drives a headless Chromium through its debugging pipe, without any package.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FLAGS = ["--headless", "--no-sandbox", "--no-proxy-server", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe"];
/** Milliseconds after which a call or a wait fails. */
const PATIENCE = 90_000;

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
  // A window of its own: a hidden page draws nothing.
  const { targetId } = await call("Target.createTarget", { url: "about:blank", newWindow: true });
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
  const key = async key => {
    for (const type of ["keyDown", "keyUp"]) await send("Input.dispatchKeyEvent", { type, key, code: key, ...(CODES[key] ? { windowsVirtualKeyCode: CODES[key] } : {}), ...(key === "Enter" && type === "keyDown" ? { text: "\r" } : {}) });
  };
  /** Looks at the tasks of the page's main thread. The function that it returns ends that: CPU time and time of the longest one, in milliseconds. */
  const tasks = async () => {
    const longest = new Map();
    let own;
    const listener = ({ method, params }) => {
      for (const { name, pid, tid, tdur = 0, dur = 0, args } of method === "Tracing.dataCollected" ? params.value : []) {
        const thread = `${pid} ${tid}`;
        if (args?.data?.message === "this page") own = thread;
        if (name !== "RunTask") continue;
        const { cpu, all } = longest.get(thread) ?? { cpu: 0, all: 0 };
        longest.set(thread, { cpu: Math.max(cpu, tdur / 1000), all: Math.max(all, dur / 1000) });
      }
    };
    listeners.add(listener);
    await call("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["devtools.timeline", "disabled-by-default-devtools.timeline"], excludedCategories: ["*"] } });
    await evaluate(`console.timeStamp("this page")`);
    return async () => {
      const whole = new Promise(resolve => listeners.add(({ method }) => method === "Tracing.tracingComplete" && resolve()));
      await call("Tracing.end");
      await bounded("Tracing.tracingComplete", whole);
      listeners.delete(listener);
      if (!longest.has(own)) throw new Error(`no tasks of the page: ${own} of ${[...longest.keys()]}`);
      return longest.get(own);
    };
  };
  return {
    seen, send, evaluate, tasks,
    /** Bytes of live objects. */
    heap: async () => {
      await send("HeapProfiler.collectGarbage");
      return (await send("Runtime.getHeapUsage")).usedSize;
    },
    go: url => send("Page.navigate", { url }),
    size: (width, height) => send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: false }),
    media: features => send("Emulation.setEmulatedMedia", { features: Object.entries(features).map(([name, value]) => ({ name, value })) }),
    key,
    /** Has requests for such a URL answered here while `work(asked)` runs; `asked()` returns their number. */
    answering: async (urlPattern, responseCode, text, work) => {
      let count = 0;
      const listener = ({ method, params, sessionId: from }) => {
        if (method !== "Fetch.requestPaused" || from !== sessionId) return;
        count++;
        send("Fetch.fulfillRequest", { requestId: params.requestId, responseCode, responseHeaders: [{ name: "Content-Type", value: "text/plain; charset=utf-8" }], body: Buffer.from(text).toString("base64") });
      };
      listeners.add(listener);
      await send("Fetch.enable", { patterns: [{ urlPattern }] });
      await work(() => count);
      await send("Fetch.disable");
      listeners.delete(listener);
    },
    /** Presses Tab until the focus is on such an element. */
    tab: async selector => {
      for (let n = 0; n < 200; n++) {
        if (await evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
        await key("Tab");
      }
      throw new Error(`Tab does not reach ${selector}: ${await evaluate("document.activeElement.outerHTML.slice(0, 200)")}`);
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
