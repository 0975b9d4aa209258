// Draws the document: routes by group, their parameters, bodies and responses, and the types.

import { make, prose, visible } from "./dom.js";
import { fieldsOf, follow, limitsOf, named, typeOf } from "./schema.js";
import { tryIt } from "./try.js";

const METHODS = ["get", "head", "options", "post", "put", "patch", "delete", "trace"];
const find = id => document.getElementById(id);
const wire = document.body.dataset.wire;

start().catch(error => { find("say").textContent = `The document cannot be read: ${error.message}`; });

async function start() {
  const doc = await (await fetch("openapi.json")).json();
  const title = visible(doc.info?.title ?? "API");
  document.title = title;
  find("title").textContent = title;
  find("version").textContent = visible(doc.info?.version ?? "");
  if (wire) Object.assign(find("wire"), { href: wire, hidden: false });
  const routes = Object.entries(doc.paths ?? {}).flatMap(([path, item]) => {
    const others = Object.entries(item["x-additionalOperations"] ?? {});
    const known = METHODS.filter(method => item[method]).map(method => [method, item[method]]);
    return known.concat(others).map(([method, operation]) => ({ method, path, operation, group: operation.tags?.[0] ?? "" }));
  }).map((route, at) => ({ ...route, id: `route-${at}` }));
  const groups = [...new Set([...(doc.tags ?? []).map(tag => tag.name), ...routes.map(route => route.group)])];
  const parts = groups.map(name => ({ name, routes: routes.filter(route => route.group === name) })).filter(part => part.routes.length);
  find("list").replaceChildren(...parts.map(part => make("section", null, make("h2", null, part.name),
    make("ul", null, part.routes.map(route => make("li", { "data-find": words(route) }, make("a", { href: `#${route.id}` }, badge(route.method), " ", route.path)))))));
  find("main").replaceChildren(...prose(doc.info?.description), ...parts.flatMap(part => [
    make("h2", null, part.name), ...part.routes.map(route => article(doc, route)),
  ]), ...types(doc));
  keys();
  if (matchMedia("(max-width: 800px)").matches) find("routes").open = false;
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

function words({ method, path, operation }) {
  return `${method} ${path} ${operation.summary ?? ""}`.toLowerCase();
}

function badge(method) {
  return make("b", { class: `method ${METHODS.includes(method) ? method : "other"}` }, method.toUpperCase());
}

function article(doc, route) {
  const { operation } = route;
  const parameters = operation.parameters ?? [];
  const body = follow(doc, operation.requestBody);
  return make("article", { id: route.id, "data-find": words(route), tabindex: -1 },
    make("h3", null, badge(route.method), " ", make("code", null, route.path), make("a", { class: "anchor", href: `#${route.id}`, "aria-label": "Link to this route" }, "#")),
    operation.summary && make("p", { class: "summary" }, operation.summary),
    prose(operation.description),
    operation.servers && make("p", { class: "key" }, "Of the host ", operation.servers.map(({ url }) => url).join(" or ")),
    operation.security && make("p", { class: "key" }, "Needs ", operation.security.map(needed => Object.keys(needed).map(name => doc.components?.securitySchemes?.[name]?.name ?? name).join(" and ")).join(" or ")),
    parameters.length > 0 && make("section", null, make("h4", null, "Parameters"),
      make("ul", { class: "fields" }, parameters.map(({ name, in: place, required, schema, description }) => field(doc, { name, required, schema, note: place, about: description, fields: fieldsOf(doc, schema) })))),
    body.content && make("section", null, make("h4", null, "Body", make("small", null, ` ${body.required ? "" : "optional"} ${body.description ?? ""}`)), contents(doc, body.content, true)),
    make("section", null, make("h4", null, "Responses"), make("ul", { class: "responses" }, Object.entries(operation.responses ?? {}).map(([status, response]) => responseOf(doc, status, response)))),
    // A request of this page goes to the host of this page.
    !operation.servers && make("details", { class: "tryit" }, make("summary", null, "Try it"), tryIt(doc, route, wire)));
}

function responseOf(doc, status, response) {
  const whole = follow(doc, response);
  const failed = status >= "4" && status !== "default";
  const fields = Object.keys(whole.headers ?? {}).map(name => make("code", { class: "header" }, name));
  return make("li", { class: failed ? "failed" : "" }, make("b", { class: "status" }, status),
    make("div", null, whole.description ?? "", fields.length > 0 && [" ", fields], whole.content && contents(doc, whole.content, !failed)));
}

/** The types of content; their fields too if there is room for them. */
function contents(doc, content, open) {
  return make("ul", { class: "contents" }, Object.entries(content).map(([type, { schema, "x-itemSchema": item }]) => {
    const told = item ?? schema;
    const fields = open && told ? fieldsOf(doc, told) : [];
    return make("li", null, make("code", null, type), told && [" ", typeLink(doc, told), item && " each"],
      fields.length > 0 && make("ul", { class: "fields" }, fields.map(inner => field(doc, inner))));
  }));
}

function field(doc, { name, required, schema, fields, note, about }) {
  const text = about ?? schema?.description;
  return make("li", null, make("code", { class: "name" }, name), required ? make("i", { title: "required" }, "*") : null, " ",
    typeLink(doc, schema), make("small", null, [note && ` in the ${note}`, ...limitsOf(schema)].filter(Boolean).join(", ").replace(/^(?! in)(?=.)/, ", ")),
    text && prose(text), fields.length > 0 && make("ul", { class: "fields" }, fields.map(inner => field(doc, inner))));
}

/** The type in words; a name leads to its place below. */
function typeLink(doc, schema) {
  const name = named(schema) ?? named(schema?.items);
  const text = typeOf(schema);
  const at = Object.keys(doc.components?.schemas ?? {}).indexOf(name);
  return at < 0 ? make("span", { class: "type" }, text) : make("a", { class: "type", href: `#type-${at}` }, text);
}

function types(doc) {
  const all = Object.entries(doc.components?.schemas ?? {});
  return all.length === 0 ? [] : [make("h2", null, "Types"), ...all.map(([name, schema], at) => {
    const fields = fieldsOf(doc, schema);
    return make("article", { id: `type-${at}`, class: "of-type", tabindex: -1 }, make("h3", null, make("code", null, name)), prose(schema.description),
      fields.length > 0 ? make("ul", { class: "fields" }, fields.map(inner => field(doc, inner))) : make("p", { class: "type" }, typeOf(schema)));
  })];
}

/** `/` goes to the search, which hides what does not have all of its words; Esc ends it. */
function keys() {
  const search = find("find");
  const filter = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    document.querySelectorAll("[data-find]").forEach(element => { element.hidden = !wanted.every(word => element.dataset.find.includes(word)); });
    document.querySelectorAll("#list section").forEach(group => { group.hidden = !group.querySelector("li:not([hidden])"); });
    if (wanted.length) find("routes").open = true;
  };
  search.addEventListener("input", filter);
  addEventListener("keydown", event => {
    const typing = event.target.matches?.("input, textarea, select");
    if (event.key === "/" && !typing) { event.preventDefault(); search.focus(); }
    if (event.key === "Escape" && event.target === search) { search.value = ""; filter(); search.blur(); }
  });
  addEventListener("hashchange", () => document.getElementById(location.hash.slice(1))?.focus({ preventScroll: true }));
}
