// Sends a real request, and shows what went and what came.

import { make, visible } from "./dom.js";
import { exampleOf, follow, typeOf } from "./schema.js";

const JSON_TYPE = "application/json";
const FORM = "application/x-www-form-urlencoded";
/** Bytes of a body that are shown. */
const SHOWN = 64 * 1024;

/** The form of one route. */
export function tryIt(doc, { method, path, operation }, wire) {
  const inputs = (operation.parameters ?? []).map(parameter => ({ ...parameter, input: parameterInput(parameter) }));
  const content = follow(doc, operation.requestBody).content ?? {};
  const types = Object.keys(content).filter(type => type !== "multipart/form-data");
  const type = types.length > 0 && make("select", { onchange: () => { body.value = example(); } }, types.map(name => make("option", { value: name }, name)));
  const example = () => exampleText(doc, type.value, content[type.value]?.schema);
  const body = type && make("textarea", { rows: 6, spellcheck: "false" });
  if (body) body.value = example();
  // The browser adds its cookies, and lets no page do so.
  const needed = [...new Set((operation.security ?? []).flatMap(Object.keys))].map(name => doc.components?.securitySchemes?.[name]).filter(scheme => scheme && scheme.in !== "cookie");
  const keys = needed.map(scheme => ({ ...scheme, input: make("input", { type: "password", autocomplete: "off" }) }));
  const more = make("textarea", { rows: 2, spellcheck: "false", placeholder: "Name: value" });
  const out = make("div", { class: "exchange", "aria-live": "polite" });
  const stop = make("button", { type: "button", hidden: true }, "Stop");
  const label = (text, note, input) => make("label", null, make("span", null, text, note && make("small", null, ` ${note}`)), input);
  const form = make("form", {
    class: "try",
    onsubmit: event => { event.preventDefault(); send(request(), out, stop, wire); },
    onkeydown: event => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); },
  },
    inputs.map(({ name, input, required, schema }) => label(name, `${typeOf(schema)}${required ? "" : ", optional"}`, input)),
    keys.map(({ name, input, scheme }) => label(name ?? `Authorization: ${scheme}`, scheme === "basic" ? "user:password" : "", input)),
    type && label("Content-Type", "", type),
    body && label("Body", "", body),
    label("More fields", "one a line", more),
    make("p", { class: "buttons" }, make("button", null, "Send"), stop, make("small", null, "Ctrl+Enter sends")), out);

  function request() {
    const query = new URLSearchParams();
    let target = path;
    for (const { name, in: place, input, schema } of inputs) {
      const values = schema?.type === "array" ? input.value.split("\n").filter(Boolean) : [input.value];
      if (place === "path") target = target.replace(`{${name}}`, () => input.value.split("/").map(encodeURIComponent).join("/"));
      else values.filter(value => value !== "").forEach(value => query.append(name, value));
    }
    const fields = new Headers();
    if (type) fields.set("Content-Type", type.value);
    for (const { name, input, scheme } of keys) {
      const credentials = scheme === "basic" ? btoa(String.fromCharCode(...new TextEncoder().encode(input.value))) : input.value;
      if (input.value) fields.set(name ?? "Authorization", name ? credentials : `${scheme} ${credentials}`);
    }
    for (const line of more.value.split("\n").filter(Boolean)) {
      const colon = line.indexOf(":");
      fields.append(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
    }
    return { method: method.toUpperCase(), target: query.size ? `${target}?${query}` : target, fields, body: body ? body.value : undefined };
  }
  return form;
}

function parameterInput({ in: place, required, schema }) {
  const value = place !== "path" ? "" : schema?.type === "integer" ? "1" : "";
  if (schema?.type === "array") return make("textarea", { rows: 2, placeholder: "one a line" });
  if (Array.isArray(schema?.enum)) return make("select", null, !required && make("option", { value: "" }), schema.enum.map(choice => make("option", { value: String(choice) }, String(choice))));
  return make("input", { required: required && place === "path", value, spellcheck: "false", autocomplete: "off" });
}

function exampleText(doc, type, schema) {
  if (!schema) return "";
  const value = exampleOf(doc, schema);
  if (type === JSON_TYPE) return JSON.stringify(value, null, 2);
  return type === FORM ? new URLSearchParams(Object.entries(value ?? {}).map(([name, item]) => [name, String(item ?? "")])).toString() : "";
}

async function send(request, out, stop, wire) {
  const abort = new AbortController();
  stop.onclick = () => abort.abort();
  const sent = panel("Request", "as the page asked for it; the browser adds fields of its own", head(request) + (request.body ?? ""));
  const came = panel("Response", "", "…");
  out.replaceChildren(make("code", { class: "curl", tabindex: 0 }, curl(request)), sent.element, came.element);
  stop.hidden = false;
  const began = performance.now();
  try {
    const { method, target, fields, body } = request;
    const response = await fetch(target, { method, headers: fields, body, signal: abort.signal, cache: "no-store" });
    const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
    const start = `HTTP/1.1 ${response.status} ${response.statusText}\n${lines.join("\n")}\n\n`;
    let size = 0;
    const kept = [];
    const show = why => {
      const time = `${(performance.now() - began).toFixed(0)} ms, ${size} bytes of content`;
      came.set(start + bodyText(kept, size), `${time}${response.redirected ? `, after a redirect to ${response.url}` : ""}${why}`);
    };
    show("");
    const reader = response.body?.getReader();
    try {
      for (let part; reader && !(part = await reader.read()).done; show(", and it goes on")) {
        if (size < SHOWN) kept.push(part.value);
        size += part.value.length;
      }
      show("");
    } catch (error) {
      show(`, then: ${error.message}`);
    }
    if (wire) await real(request, wire, sent, came);
  } catch (error) {
    came.set(String(error.message), "there is no response");
  }
  stop.hidden = true;
}

/** Replaces what the page knows by the bytes that the server saw, if its wire view is open in this browser. */
async function real({ method, target }, wire, sent, came) {
  const capture = await fetch(`${wire}capture.ndjson`, { cache: "no-store" }).catch(() => null);
  if (!capture?.ok) return;
  const events = (await capture.text()).split("\n").filter(line => line.includes("\"e\":\"conn.")).map(line => JSON.parse(line));
  const start = `${method} ${target} HTTP/1.1\r\n`;
  const first = events.findLastIndex(({ e, data }) => e === "conn.recv" && typeof data === "string" && data.startsWith(start));
  if (first < 0) return;
  const all = name => events.slice(first).filter(({ c, e, data }) => c === events[first].c && e === name && typeof data === "string").map(({ data }) => data).join("");
  const bytes = text => visible(text.slice(0, SHOWN).replaceAll("\r\n", "␍␊\n"), true);
  const about = `as it was on the wire: connection ${events[first].c}`;
  sent.set(bytes(all("conn.recv")), about, true);
  if (all("conn.send")) came.set(bytes(all("conn.send")), about, true);
}

function panel(title, note, text) {
  const pre = make("pre", { tabindex: 0 }, visible(text, true));
  const small = make("small", null, note);
  const set = (now, why, done) => { pre.textContent = done ? now : visible(now, true); small.textContent = why; };
  return { element: make("section", null, make("h5", null, title, " ", small), pre), set };
}

function head({ method, target, fields }) {
  return [`${method} ${target} HTTP/1.1`, `Host: ${location.host}`, ...[...fields].map(([name, value]) => `${name}: ${value}`), "", ""].join("\n");
}

/** A command for a shell: everything is in single quotes. */
function curl({ method, target, fields, body }) {
  const quoted = text => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = [...fields].map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`);
  if (body) parts.push(`--data-binary ${quoted(body)}`);
  return visible(["curl -i", method === "GET" ? "" : `-X ${method}`, quoted(location.origin + target), ...parts].filter(Boolean).join(" "), true);
}

/** Text, or hexadecimal digits if the bytes are not UTF-8. */
function bodyText(pieces, size) {
  const bytes = new Uint8Array(pieces.flatMap(piece => [...piece]).slice(0, SHOWN));
  const rest = size > bytes.length ? `\n… ${size - bytes.length} bytes more` : "";
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: size > bytes.length }) + rest;
  } catch {
    const lines = Array.from({ length: Math.ceil(bytes.length / 16) }, (_, at) => [...bytes.slice(16 * at, 16 * at + 16)].map(byte => byte.toString(16).padStart(2, "0")).join(" "));
    return lines.join("\n") + rest;
  }
}
