// Reads JSON Schema: names of types, fields, examples. Returns plain data.

/** How deep fields are opened; types can contain themselves. */
const DEPTH = 5;

export function named(schema) {
  return typeof schema?.$ref === "string" ? decodeURIComponent(schema.$ref.split("/").pop()) : null;
}

/** Follows a `#/…` reference; other references lead nowhere. */
export function follow(doc, value) {
  for (let hops = 0; hops < 8 && typeof value?.$ref === "string"; hops++) {
    const steps = value.$ref.startsWith("#/") ? value.$ref.slice(2).split("/") : [];
    value = steps.reduce((at, step) => at?.[decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~")], doc);
  }
  return value && typeof value === "object" ? value : {};
}

/** The type in words: `integer 0 to 255`, `list of User`. */
export function typeOf(schema) {
  if (schema === true || !schema) return "anything";
  if (named(schema)) return named(schema);
  const choices = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(choices)) return [...new Set(choices.map(typeOf))].join(" or ");
  if (Array.isArray(schema.enum)) return schema.enum.map(value => JSON.stringify(value)).join(" or ");
  if ("const" in schema) return JSON.stringify(schema.const);
  const kinds = [schema.type ?? (schema.properties ? "object" : "anything")].flat();
  return kinds.map(kind => {
    if (kind === "array") return `list of ${typeOf(schema.items)}`;
    if (kind === "object" && schema.additionalProperties?.type) return `object of ${typeOf(schema.additionalProperties)}`;
    return kind;
  }).join(" or ");
}

/** What limits the value. */
export function limitsOf(schema) {
  const { minimum: least, maximum: most, minLength: short, maxLength: long, pattern, format } = schema ?? {};
  const range = (from, to, unit) => {
    if (from === undefined && to === undefined) return null;
    return (from === undefined ? `up to ${to}` : to === undefined ? `from ${from}` : `${from} to ${to}`) + unit;
  };
  const fallback = "default" in (schema ?? {}) ? `default ${JSON.stringify(schema.default)}` : null;
  // A bound that JavaScript cannot write exactly is told by the name of the format.
  const wide = [least, most].some(bound => Math.abs(bound) > Number.MAX_SAFE_INTEGER);
  const told = format && (wide || !/^u?int|^float|^double/.test(format)) ? format : null;
  return [wide ? null : range(least, most, ""), range(short, long, " characters"), told, pattern && `matches ${pattern}`, fallback].filter(Boolean);
}

/** The fields of an object, or of the objects in a list: `{ name, required, schema, fields }`. */
export function fieldsOf(doc, schema, open = []) {
  const name = named(schema);
  if (open.length > DEPTH || (name && open.includes(name))) return [];
  const seen = name ? [...open, name] : open.concat("");
  const whole = follow(doc, schema);
  if (whole.items) return fieldsOf(doc, whole.items, seen);
  const parts = [...(whole.allOf ?? []), ...(whole.anyOf ?? []), ...(whole.oneOf ?? [])];
  const own = Object.entries(whole.properties ?? {}).map(([field, inner]) => ({
    name: field, schema: inner, required: (whole.required ?? []).includes(field), fields: fieldsOf(doc, inner, seen),
  }));
  return own.concat(parts.flatMap(part => fieldsOf(doc, part, seen)));
}

/** A value of this schema, to begin with. */
export function exampleOf(doc, schema, depth = 0) {
  const whole = follow(doc, schema);
  if (Array.isArray(whole.examples) && whole.examples.length) return whole.examples[0];
  if ("default" in whole) return whole.default;
  if ("const" in whole) return whole.const;
  if (Array.isArray(whole.enum)) return whole.enum[0];
  const choice = (whole.anyOf ?? whole.oneOf ?? [])[0];
  if (choice) return exampleOf(doc, choice, depth + 1);
  const kind = [whole.type].flat()[0];
  if (kind === "object" || whole.properties) {
    if (depth > DEPTH) return {};
    return Object.fromEntries(Object.entries(whole.properties ?? {}).map(([name, inner]) => [name, exampleOf(doc, inner, depth + 1)]));
  }
  if (kind === "array") return depth > DEPTH ? [] : [exampleOf(doc, whole.items, depth + 1)];
  if (kind === "integer" || kind === "number") return whole.minimum ?? 0;
  if (kind === "boolean") return false;
  if (kind === "string") return /@/.test(whole.pattern ?? "") || whole.format === "email" ? "ada@example.com" : "text";
  return null;
}
