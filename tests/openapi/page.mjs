// The page of the document in a headless Chromium: node tests/openapi/page.mjs WIRELIGHT CHROMIUM [FOLDER].
// Checks it on the demo API and with a hostile document, and writes pictures into FOLDER.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { launch } from "../wire/chromium.mjs";
import { serve } from "../wire/server.mjs";

const [wirelight, chromium, folder] = process.argv.slice(2);
const PAGE = join(import.meta.dirname, "../../src/openapi/page");
/** Bytes that the page may have. */
const MOST = 40 * 1024;
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const server = await serve(wirelight, ["--workers", "1", "--wire"]);
const browser = await launch(chromium);
try {
  await check();
} finally {
  await browser.close();
  await server.stop();
}

async function check() {
  const wire = new URL(server.url);
  const page = await browser.page();
  await page.size(1400, 900);
  await page.go(new URL("/docs", wire).href);
  await page.until(`document.querySelectorAll("article[id^=route-]").length === 14`);
  assert.equal(await page.evaluate("location.pathname"), "/docs/");
  await pictures(page, "routes");
  await search(page);
  await keyboard(page);
  await tries(page, wire);
  await pictures(page, "try");
  assert.deepEqual(page.seen.errors.filter(text => !/_wire\/capture|status of 422/.test(text)), [], "no error, no report of the security policy");
  assert.deepEqual(page.seen.urls.filter(url => !url.startsWith(wire.origin) && !url.startsWith("data:")), [], "the page asks no other host");
  await hostile();
  console.log(`${page.seen.urls.length} requests, no error`);
}

/** Looks at both widths in both schemes; no line is wider than the screen. */
async function pictures(page, name) {
  if (folder) mkdirSync(folder, { recursive: true });
  for (const width of [1400, 390]) {
    for (const scheme of ["light", "dark"]) {
      await page.size(width, 900);
      await page.media({ "prefers-color-scheme": scheme });
      const wide = await page.evaluate("document.documentElement.scrollWidth");
      assert.ok(wide <= width, `${name} is ${wide} wide, of ${width}`);
      if (folder) await page.picture(join(folder, `${name}-${width}-${scheme}.png`));
    }
  }
  await page.size(1400, 900);
  await page.media({ "prefers-color-scheme": "light" });
}

async function search(page) {
  await page.key("/");
  assert.equal(await page.evaluate("document.activeElement.id"), "find");
  await page.send("Input.insertText", { text: "delete users" });
  await page.until(`document.querySelectorAll("#list li:not([hidden])").length === 1`);
  await page.until(`document.querySelectorAll("article[id^=route-]:not([hidden])").length === 1`);
  await page.key("Escape");
  await page.until(`document.querySelectorAll("#list li:not([hidden])").length === 14`);
}

/** A request without a mouse: to the form, through its fields, and away. */
async function keyboard(page) {
  await page.evaluate(`[...document.querySelectorAll("article")].find(a => a.querySelector("h3 code").textContent === "/hello").querySelector(".tryit summary").focus()`);
  await page.key("Enter");
  await page.key("Tab");
  assert.equal(await page.evaluate("document.activeElement.closest('label').textContent.split(' ')[0]"), "name");
  await page.send("Input.insertText", { text: "Zoë & <b>" });
  await page.key("Enter");
  await page.until(`[...document.querySelectorAll(".exchange")].some(e => e.textContent.includes("Hello, Zoë & <b>!"))`);
  const said = await page.evaluate(`[...document.querySelectorAll(".exchange")].find(e => e.textContent).innerText`);
  assert.match(said, /GET \/hello\?name=Zo%C3%AB\+%26\+%3Cb%3E HTTP\/1\.1/);
  assert.match(said, /HTTP\/1\.1 200 OK/);
  assert.match(said, /content-type: application\/json/);
}

/** Sends what a form holds; then, with the wire view open, the bytes are those of the wire. */
async function tries(page, wire) {
  const of = (method, path) => `[...document.querySelectorAll("article")].find(a => a.querySelector("h3").textContent.startsWith("${method} ${path}#"))`;
  const form = of("POST", "/users");
  await page.evaluate(`${form}.querySelector("details").open = true`);
  const example = JSON.parse(await page.evaluate(`${form}.querySelector("textarea").value`));
  assert.deepEqual(Object.keys(example), ["email", "name"]);
  await page.evaluate(`${form}.querySelector("form").requestSubmit()`);
  await page.until(`${form}.querySelector(".exchange").textContent.includes("201 Created")`);
  await page.evaluate(`${form}.querySelector("textarea").value = '{"name": 7}'`);
  await page.evaluate(`${form}.querySelector("form").requestSubmit()`);
  await page.until(`${form}.querySelector(".exchange").textContent.includes("must be a string")`);
  // The page knows no more than its browser tells it, until the visitor opens the wire view.
  assert.match(await page.evaluate(`${form}.querySelector(".exchange").innerText`), /as the page asked for it/);
  const other = await browser.page();
  await other.go(wire.href);
  await other.until(`document.querySelector("#bytes")`);
  await page.evaluate(`${form}.querySelector("form").requestSubmit()`);
  await page.until(`${form}.querySelector(".exchange").textContent.includes("as it was on the wire")`);
  const bytes = await page.evaluate(`${form}.querySelector(".exchange").innerText`);
  assert.match(bytes, /POST \/users HTTP\/1\.1␍␊/);
  assert.match(bytes, /user-agent: .*Chrome/i);
  assert.match(bytes, /HTTP\/1\.1 422 Unprocessable Content␍␊/);
  assert.equal(await page.evaluate("document.querySelector('#wire').getAttribute('href')"), "/_wire/");
  await other.close();
  await page.evaluate(`${form}.scrollIntoView()`);
}

/** Names of a document that would break out of a page that believes them. */
async function hostile() {
  const evil = "</script><img src=x onerror=alert(1)>\u202e\u0000\u001b[2J";
  const schema = { type: "object", title: evil, required: [evil], properties: { [evil]: { type: "string", description: evil, pattern: evil, default: evil }, __proto__: { type: "null" }, own: { $ref: "#/components/schemas/A" } } };
  const operation = { summary: evil, description: evil, operationId: evil, tags: [evil], security: [{ [evil]: [] }], parameters: [{ name: evil, in: "query", schema, description: evil }, { name: "x", in: "path", schema: { enum: [evil] } }], requestBody: { description: evil, content: { [evil]: { schema } } }, responses: { [evil]: { description: evil, headers: { [evil]: {} }, content: { [evil]: { schema } } }, 404: { $ref: "https://evil.example/x" }, 500: { $ref: "#/nothing/here" } } };
  const doc = { info: { title: evil, version: evil, description: evil }, tags: [{ name: evil }], paths: { [`/{x}${evil}`]: { get: operation, "x-additionalOperations": { [evil]: { ...operation, servers: [{ url: evil }] } } }, "/empty": { post: {} } }, components: { securitySchemes: { [evil]: { type: "apiKey", in: "header", name: evil } }, schemas: { A: schema, [evil]: { $ref: "#/components/schemas/A" }, Loop: { $ref: "#/components/schemas/Loop" } } } };
  let size = 0;
  const files = ["index.html", "page.css", "dom.js", "page.js", "schema.js", "try.js"].map(name => [name, readFileSync(join(PAGE, name))]);
  files.forEach(([, bytes]) => { size += bytes.length; });
  assert.ok(size <= MOST, `${size} bytes, of ${MOST}`);
  const kinds = { html: "text/html", css: "text/css", js: "text/javascript" };
  const http = createServer((request, response) => {
    const name = request.url.slice(1) || "index.html";
    response.setHeader("Content-Security-Policy", POLICY);
    const file = files.find(([known]) => known === name);
    response.setHeader("Content-Type", file ? kinds[name.split(".").pop()] : "application/json");
    response.end(file ? file[1] : JSON.stringify(doc));
  });
  await new Promise(resolve => http.listen(0, "127.0.0.1", resolve));
  const page = await browser.page();
  await page.go(`http://127.0.0.1:${http.address().port}/`);
  await page.until(`document.querySelectorAll("article[id^=route-]").length === 3`);
  assert.equal(await page.evaluate(`document.querySelectorAll("img, script:not([src]), iframe, [onerror]").length`), 0);
  assert.equal(await page.evaluate(`/[\\u0000-\\u0008\\u000b-\\u001f\\u202e]/.test(document.body.innerText)`), false, "control characters are visible");
  assert.match(await page.evaluate("document.body.innerText"), /<\/script><img src=x onerror=alert\(1\)>/);
  await page.evaluate(`document.querySelectorAll("details").forEach(one => { one.open = true; })`);
  assert.equal(page.seen.dialogs, 0);
  assert.deepEqual(page.seen.errors, []);
  http.close();
  http.closeAllConnections();
}
