//! Describes one route: its parameters, what it reads, and how it responds.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::guards::Guards;
use super::schemas::{Schemas, without_null};
use super::{object, responses};
use crate::app::App;
use crate::app::route::Route;
use crate::app::route_doc::{Content, RouteDoc};
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::routing::pattern::{ParamType, Pattern, Segment};
use crate::routing::route_meta::RateLimitPolicy;

/// What is known of a route.
#[derive(Clone)]
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) pattern: Pattern,
    pub(super) host: Option<Arc<str>>,
    pub(super) guards: Guards,
    name: Option<Cow<'static, str>>,
    doc: RouteDoc,
    limited: bool,
    streaming: bool,
    max_body: Option<u64>,
    /// Statuses with error handlers of the program; `None`: all.
    handled: Option<Vec<StatusCode>>,
}

impl Operation {
    pub(super) fn of(route: &Route, app: &App) -> Operation {
        let limited = match route.meta.rate_limit {
            RateLimitPolicy::Own(_) => true,
            RateLimitPolicy::Default => app.has_default_limit(route.scope),
            RateLimitPolicy::Never => false,
        };
        Operation {
            method: route.meta.method,
            pattern: route.meta.pattern.clone(),
            host: route.meta.host.clone(),
            guards: Guards::of(route, app),
            name: route.meta.name.clone(),
            doc: route.doc.clone(),
            limited,
            streaming: route.streaming,
            max_body: route.max_body,
            handled: handled(app, route.scope),
        }
    }

    /// Returns a name: the route's, or one of its method and path.
    pub(super) fn id(&self) -> String {
        if let Some(name) = &self.name {
            return name.clone().into_owned();
        }
        let words = self.pattern.segments().iter().map(|segment| match segment {
            Segment::Literal(text) => text,
            Segment::Param { name, .. } => name,
        });
        let method = self.method.as_str().to_ascii_lowercase();
        let words = std::iter::once(&*method).chain(words.map(|word| &**word)).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join("_")
    }

    /// Returns the operation object, without tags, id and servers. The parameters of the path come
    /// first.
    pub(super) fn describe(
        &self,
        error_page: Option<&Value>,
        requirements: Option<Vec<Value>>,
        schemas: &mut Schemas,
    ) -> Map<String, Value> {
        let (summary, description) = self.doc.about.split_once('\n').unwrap_or((&self.doc.about, ""));
        let text = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map_or(Value::Null, Value::from);
        let mut parameters: Vec<Value> = self.pattern.segments().iter().filter_map(path_parameter).collect();
        if let Some(schema) = self.doc.query {
            parameters.extend(query_parameters(schemas.inline(schema)));
        }
        let requirements = requirements.filter(|all| !all.is_empty());
        let operation = object([
            ("summary", text(summary)),
            ("description", text(description)),
            ("parameters", if parameters.is_empty() { Value::Null } else { parameters.into() }),
            ("requestBody", self.request_body(schemas)),
            ("responses", self.responses(error_page, schemas)),
            ("security", requirements.map_or(Value::Null, Value::from)),
        ]);
        if let Value::Object(operation) = operation { operation } else { Map::new() }
    }

    fn request_body(&self, schemas: &mut Schemas) -> Value {
        let mut content = Map::new();
        // JSON and forms have no empty text; of other bodies the handler decides.
        let required = self.doc.takes.iter().any(|content| content.schema.is_some());
        for Content { media_type, schema } in &self.doc.takes {
            let media_type = media_type.as_deref().unwrap_or(JSON);
            let schema = match schema {
                Some(schema) if media_type == JSON => schemas.input(*schema),
                Some(schema) => as_fields(schemas.inline(*schema)),
                None => Value::Null,
            };
            content.insert(media_type.to_owned(), object([("schema", schema)]));
        }
        if content.is_empty() && self.streaming {
            content.insert("application/octet-stream".to_owned(), json!({}));
        }
        if content.is_empty() {
            return Value::Null;
        }
        let limit = self.max_body.map_or(Value::Null, |bytes| format!("At most {bytes} bytes.").into());
        object([("description", limit), ("required", required.into()), ("content", content.into())])
    }

    fn responses(&self, error_page: Option<&Value>, schemas: &mut Schemas) -> Value {
        let mut all = self.successes(schemas);
        for status in self.failures() {
            all.insert(status.as_u16().to_string(), self.failure(status, None, error_page));
        }
        for (status, when) in &self.doc.fails {
            all.insert(status.as_u16().to_string(), self.failure(*status, Some(when), error_page));
        }
        all.into()
    }

    /// Returns the responses that the handler's type tells, or those that the program says.
    fn successes(&self, schemas: &mut Schemas) -> Map<String, Value> {
        let returned = self.doc.returned;
        let mut all = Map::new();
        if self.doc.gives.is_empty() {
            let content = returned.media_type.map_or(Value::Null, |media_type| json!({ media_type: {} }));
            let status = returned.status.unwrap_or("default");
            all.insert(status.to_owned(), responses::success(status, content));
            return all;
        }
        for (status, Content { media_type, schema }) in &self.doc.gives {
            let known = returned.status.filter(|status| status.parse::<u16>().is_ok());
            let status = status.map(|status| status.as_u16().to_string()).unwrap_or(known.unwrap_or("200").to_owned());
            let media_type = media_type.as_deref().or(returned.media_type).unwrap_or(JSON);
            let schema = schema.map(|schema| schemas.output(schema)).unwrap_or_default();
            let response = all.entry(&status).or_insert_with(|| responses::success(&status, Value::Null));
            match media_type {
                "" => {}
                // OpenAPI 3.2 has `itemSchema`.
                EVENTS => response["content"][EVENTS] = object([("schema", events()), ("x-itemSchema", schema)]),
                _ => response["content"][media_type] = object([("schema", schema)]),
            }
        }
        all
    }

    /// Returns the statuses that the server responds with in the handler's place.
    fn failures(&self) -> Vec<StatusCode> {
        let reads = |media_types: &[&str]| {
            let mut taken = self.doc.takes.iter().filter_map(|content| content.media_type.as_deref());
            taken.any(|media_type| media_types.contains(&media_type))
        };
        let (json, form) = (reads(&[JSON]), reads(&["application/x-www-form-urlencoded", "multipart/form-data"]));
        let has_body = [Method::POST, Method::PUT, Method::PATCH].contains(&self.method) || !self.doc.takes.is_empty();
        let bounded = !self.streaming || self.max_body.is_some();
        [
            (StatusCode::BAD_REQUEST, true),
            (StatusCode::UNAUTHORIZED, self.guards.authenticate()),
            (StatusCode::FORBIDDEN, self.guards.forbid()),
            (StatusCode::NOT_FOUND, self.pattern.params().next().is_some() || self.doc.returned.or_not_found),
            (StatusCode::METHOD_NOT_ALLOWED, true),
            (StatusCode::PAYLOAD_TOO_LARGE, has_body && bounded),
            (StatusCode::UNSUPPORTED_MEDIA_TYPE, json || form),
            (StatusCode::UNPROCESSABLE_ENTITY, json || form || self.doc.query.is_some()),
            (StatusCode::TOO_MANY_REQUESTS, self.limited),
            (StatusCode::INTERNAL_SERVER_ERROR, true),
            (StatusCode::SERVICE_UNAVAILABLE, true),
        ]
        .into_iter()
        .filter_map(|(status, possible)| possible.then_some(status))
        .collect()
    }

    /// Returns the response of an error; a reference if nothing is special about it.
    fn failure(&self, status: StatusCode, when: Option<&str>, error_page: Option<&Value>) -> Value {
        let is_handled = self.handled.as_ref().is_none_or(|statuses| statuses.contains(&status));
        match (when, is_handled) {
            (None, false) => json!({ "$ref": responses::reference(status) }),
            (when, true) => responses::failure(status, when, error_page),
            (when, false) => responses::failure(status, when, Some(&responses::default_page())),
        }
    }
}

const JSON: &str = "application/json";
const EVENTS: &str = "text/event-stream";

fn events() -> Value {
    json!({ "type": "string", "description": "Server-Sent Events (WHATWG HTML §9.2), without an end." })
}

/// Returns the statuses for which a route of this scope has error handlers of the program.
fn handled(app: &App, scope: usize) -> Option<Vec<StatusCode>> {
    let mut statuses = Vec::new();
    let mut next = app.scopes.get(scope);
    while let Some(scope) = next {
        if scope.catch_all.is_some() {
            return None;
        }
        statuses.extend(scope.error_handlers.iter().map(|(status, _)| *status));
        next = scope.parent.and_then(|parent| app.scopes.get(parent));
    }
    Some(statuses)
}

/// Returns the parameter of a path segment, if it is one. The schemas say what the router accepts.
fn path_parameter(segment: &Segment) -> Option<Value> {
    let Segment::Param { name, kind } = segment else { return None };
    let (schema, description) = match kind {
        ParamType::Int => (json!({ "type": "integer", "minimum": 0 }), Value::Null),
        ParamType::Uuid => (json!({ "type": "string", "format": "uuid" }), Value::Null),
        ParamType::Float => (json!({ "type": "string", "pattern": "^[0-9]+\\.[0-9]+$" }), Value::Null),
        ParamType::String => (json!({ "type": "string", "minLength": 1 }), Value::Null),
        ParamType::Path => (json!({ "type": "string", "minLength": 1 }), "The rest of the path, with slashes.".into()),
    };
    let place = Value::from("path");
    let parameter = [("name", (&**name).into()), ("in", place), ("description", description), ("schema", schema)];
    let mut parameter = object(parameter);
    parameter["required"] = true.into();
    Some(parameter)
}

/// Returns the schema of an object whose fields are texts: none of them is null.
fn as_fields(mut schema: Value) -> Value {
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
    fields.for_each(|(_, field)| without_null(field));
    schema
}

/// Returns a parameter for each field of an object.
fn query_parameters(schema: Value) -> Vec<Value> {
    let required = |name: &str| {
        schema.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|known| known == name))
    };
    let fields = as_fields(schema.clone());
    let fields = fields.get("properties").and_then(Value::as_object).into_iter().flatten();
    fields
        .map(|(name, field)| {
            let mut field = field.clone();
            let description = field.as_object_mut().and_then(|field| field.remove("description")).unwrap_or_default();
            let mut parameter = object([("description", description), ("schema", field)]);
            parameter["name"] = name.as_str().into();
            parameter["in"] = "query".into();
            parameter["required"] = required(name).into();
            parameter
        })
        .collect()
}
