//! Puts operations under the paths of the document. OpenAPI tells paths apart by their literals
//! only: `/users/{id:int}` and `/users/{name}` are one path there.

use std::collections::BTreeMap;

use percent_encoding::utf8_percent_encode;
use serde_json::{Map, Value};

use super::operation::Operation;
use crate::http1::method::Method;
use crate::routing::pattern::{Pattern, SEGMENT, Segment};

/// Methods that a path item of OpenAPI 3.1 can have.
const METHODS: &[Method] = &[
    Method::GET,
    Method::PUT,
    Method::POST,
    Method::DELETE,
    Method::OPTIONS,
    Method::HEAD,
    Method::PATCH,
    Method::TRACE,
];

/// The paths with their operations.
#[derive(Default)]
pub(super) struct Paths {
    items: BTreeMap<String, PathItem>,
    tags: Vec<String>,
    ids: Vec<String>,
}

/// One path.
struct PathItem {
    /// The parameters' names of the route that came first; the others' are replaced by them.
    names: Vec<String>,
    operations: Vec<(Method, Map<String, Value>)>,
}

impl Paths {
    /// Adds the operation of a route. Of two routes of one path and method, the document has the one
    /// that was added first, and names the other.
    pub(super) fn add(&mut self, route: &Operation, mut operation: Map<String, Value>) {
        let names = || route.pattern.params().map(str::to_owned).collect();
        let item = self
            .items
            .entry(shape(&route.pattern))
            .or_insert_with(|| PathItem { names: names(), operations: Vec::new() });
        if let Some((_, first)) = item.operations.iter_mut().find(|(method, _)| *method == route.method) {
            let pattern = route.pattern.text();
            let other = match &route.host {
                _ if first.get("servers") == operation.get("servers") => {
                    format!("Other values belong to the route {pattern}.")
                }
                Some(host) => format!("The host {host} has a route {pattern} of its own."),
                None => format!("Other hosts have a route {pattern} of their own."),
            };
            let told = first.get("description").and_then(Value::as_str).map(|text| format!("{text}\n\n{other}"));
            first.insert("description".to_owned(), told.unwrap_or(other).into());
            return;
        }
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten();
        for (parameter, name) in parameters.zip(&item.names) {
            parameter["name"] = name.as_str().into();
        }
        let tag = tag(&route.pattern);
        operation.insert("tags".to_owned(), vec![tag.clone()].into());
        operation.insert("operationId".to_owned(), take_free(&mut self.ids, route.id()).into());
        item.operations.push((route.method, operation));
        if !self.tags.contains(&tag) {
            self.tags.push(tag);
        }
    }

    /// Returns the groups of routes, in the order added.
    pub(super) fn tags(&self) -> &[String] {
        &self.tags
    }

    /// Returns the operations.
    pub(super) fn operations(&self) -> impl Iterator<Item = &Map<String, Value>> {
        self.items.values().flat_map(|item| &item.operations).map(|(_, operation)| operation)
    }

    /// Returns the path items by path.
    pub(super) fn into_value(self) -> Value {
        let mut paths = Map::new();
        for (shape, item) in self.items {
            let (mut value, mut others) = (Map::new(), Map::new());
            for (method, operation) in item.operations {
                match METHODS.contains(&method) {
                    true => value.insert(method.as_str().to_ascii_lowercase(), operation.into()),
                    false => others.insert(method.as_str().to_owned(), operation.into()),
                };
            }
            if !others.is_empty() {
                // OpenAPI 3.2 has `additionalOperations`.
                value.insert("x-additionalOperations".to_owned(), others.into());
            }
            paths.insert(template(&shape, &item.names), value.into());
        }
        paths.into()
    }
}

/// Returns the path with its parameters as `{}`; literals are percent-encoded.
fn shape(pattern: &Pattern) -> String {
    let mut path = String::new();
    for segment in pattern.segments() {
        path.push('/');
        match segment {
            Segment::Literal(literal) => path.extend(utf8_percent_encode(literal, SEGMENT)),
            Segment::Param { .. } => path += "{}",
        }
    }
    path
}

/// Returns the shape with these names: `/users/{id}`.
fn template(shape: &str, names: &[String]) -> String {
    let mut parts = shape.split("{}");
    let start = parts.next().unwrap_or_default().to_owned();
    parts.zip(names).fold(start, |path, (part, name)| format!("{path}{{{name}}}{part}"))
}

/// Returns the group of a path: its first literal that is not a version.
fn tag(pattern: &Pattern) -> String {
    let is_version = |text: &str| {
        text.strip_prefix('v').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let literals = pattern.segments().iter().filter_map(|segment| match segment {
        Segment::Literal(text) if !text.is_empty() && !is_version(text) => Some(&**text),
        _ => None,
    });
    literals.take(1).next().unwrap_or("/").to_owned()
}

/// Adds `name` to the names that are taken, or `name_2`, `name_3`, … if it is.
fn take_free(taken: &mut Vec<String>, name: String) -> String {
    let numbered = (2_u32..).map(|number| format!("{name}_{number}"));
    let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name)).unwrap_or_default();
    taken.push(free.clone());
    free
}
