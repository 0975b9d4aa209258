//! Collects the schemas of types: as they are read, and as they are written.

use std::cell::Cell;
use std::collections::BTreeSet;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::app::route_doc::SchemaOf;

/// Where the schemas of types that are read are, until it is known which have names of their own.
const INPUTS: &str = "#/components/inputs/";
const SCHEMAS: &str = "#/components/schemas/";

/// A reference to the default page of errors, until it is known which name is free.
pub(super) const ERROR_PAGE: &str = "#/components/error";

/// Numbers that JSON Schema calls integers, and their ranges. schemars bounds the small ones itself.
const RANGES: &[(&str, i128, i128)] = &[
    ("int32", i32::MIN as i128, i32::MAX as i128),
    ("int64", i64::MIN as i128, i64::MAX as i128),
    ("uint32", 0, u32::MAX as i128),
    ("uint64", 0, u64::MAX as i128),
    ("int", isize::MIN as i128, isize::MAX as i128),
    ("uint", 0, usize::MAX as i128),
];

/// Three generators, since serde may read a type differently from how it writes it, and a query has
/// no references.
pub(super) struct Schemas {
    input: SchemaGenerator,
    output: SchemaGenerator,
    inline: SchemaGenerator,
}

impl Default for Schemas {
    fn default() -> Schemas {
        let settings = |path: &str| {
            SchemaSettings::draft2020_12().with(|settings| {
                settings.meta_schema = None;
                settings.definitions_path = path.trim_matches('#').trim_end_matches('/').to_owned().into();
            })
        };
        let inline = settings(INPUTS).with(|settings| settings.inline_subschemas = true);
        Schemas {
            input: settings(INPUTS).into_generator(),
            output: settings(SCHEMAS).for_serialize().into_generator(),
            inline: inline.into_generator(),
        }
    }
}

impl Schemas {
    /// Returns the schema of a type that the program reads.
    pub(super) fn input(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.input).to_value()
    }

    /// Returns the schema of a type that the program writes.
    pub(super) fn output(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.output).to_value()
    }

    /// Returns the schema of a type that the program reads, with all that it consists of.
    pub(super) fn inline(&mut self, schema: SchemaOf) -> Value {
        schema(&mut self.inline).to_value()
    }

    /// Returns the schemas that have names, and completes the references of the document to them. A
    /// type that is read in another form than it is written has two: `User`, `UserInput`.
    pub(super) fn finish(mut self, document: &mut Value) -> Value {
        let mut definitions = self.output.take_definitions(true);
        let inputs: Map<String, Value> =
            self.input.take_definitions(true).into_iter().chain(self.inline.take_definitions(true)).collect();
        let differing = differing(&inputs, &definitions);
        let rename = |name: &str| match differing.contains(name) {
            true => free(&format!("{name}Input"), |name| definitions.contains_key(name) || inputs.contains_key(name)),
            false => name.to_owned(),
        };
        let renamed: Vec<_> = inputs.keys().map(|name| (name.clone(), rename(name))).collect();
        for ((_, name), (_, schema)) in renamed.iter().zip(inputs) {
            definitions.insert(name.clone(), schema);
        }
        let error_page = free("Error", |name| definitions.contains_key(name));
        let error_page_is_used = Cell::new(false);
        let resolve = |reference: &str| {
            if reference == ERROR_PAGE {
                error_page_is_used.set(true);
                return Some(format!("{SCHEMAS}{error_page}"));
            }
            let name = reference.strip_prefix(INPUTS)?;
            let (_, name) = renamed.iter().find(|(old, _)| old == name)?;
            Some(format!("{SCHEMAS}{name}"))
        };
        complete(document, &resolve);
        definitions.values_mut().for_each(|schema| complete(schema, &resolve));
        if error_page_is_used.get() {
            definitions.insert(error_page.clone(), default_error_page());
        }
        Value::Object(definitions)
    }
}

/// Returns the names of types whose two schemas differ, themselves or by a type in them.
fn differing(inputs: &Map<String, Value>, outputs: &Map<String, Value>) -> BTreeSet<String> {
    let mut differing = BTreeSet::new();
    loop {
        let before = differing.len();
        for (name, input) in inputs {
            let Some(output) = outputs.get(name) else { continue };
            let mut same = input.clone();
            complete(&mut same, &|reference| {
                let name = reference.strip_prefix(INPUTS)?;
                Some(format!("{}{name}", if differing.contains(name) { INPUTS } else { SCHEMAS }))
            });
            let mut output = output.clone();
            complete(&mut output, &|_| None);
            if same != output {
                differing.insert(name.clone());
            }
        }
        if differing.len() == before {
            return differing;
        }
    }
}

/// Returns the first of `name`, `name2`, `name3` that is not taken.
fn free(name: &str, is_taken: impl Fn(&str) -> bool) -> String {
    let numbered = (2_u32..).map(|number| format!("{name}{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !is_taken(name)).unwrap_or_default()
}

/// Completes references, and bounds integers by their types.
fn complete(value: &mut Value, resolve: &impl Fn(&str) -> Option<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some(resolved) = resolve(reference)
            {
                *reference = resolved;
            }
            let format = members.get("format").and_then(Value::as_str);
            if let Some((_, least, most)) = RANGES.iter().find(|(name, ..)| Some(*name) == format) {
                for (name, bound) in [("minimum", least), ("maximum", most)] {
                    members.entry(name).or_insert_with(|| json!(bound));
                }
            }
            members.values_mut().for_each(|value| complete(value, resolve));
        }
        Value::Array(list) => list.iter_mut().for_each(|value| complete(value, resolve)),
        _ => {}
    }
}

/// Describes `{"error": "Not Found", "message": "…"}`, which errors have unless the program has
/// error handlers.
fn default_error_page() -> Value {
    json!({
        "description": "An error.",
        "type": "object",
        "required": ["error", "message"],
        "properties": {
            "error": { "type": "string", "description": "The phrase of the status, such as Not Found." },
            "message": { "type": "string", "description": "What went wrong, for people." },
            "details": { "description": "More about it: what is wrong with each field, for instance." },
        },
    })
}

/// Returns a schema without null, which a query or a form cannot write.
pub(super) fn without_null(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    let is_null = |value: &Value| value.is_null() || value == "null" || *value == json!({ "type": "null" });
    for name in ["type", "enum", "anyOf", "oneOf"] {
        let Some(Value::Array(choices)) = members.get_mut(name) else { continue };
        choices.retain(|choice| !is_null(choice));
        match (choices.as_slice(), name) {
            ([only], "type") => {
                let only = only.clone();
                members.insert("type".to_owned(), only);
            }
            ([Value::Object(only)], "anyOf" | "oneOf") => {
                let only = only.clone();
                members.remove(name);
                members.extend(only);
            }
            _ => {}
        }
    }
    if members.get("default").is_some_and(Value::is_null) {
        members.remove("default");
    }
}
