//! A document of the API in OpenAPI 3.1, built from the route table, and the page that shows it.
//!
//! `route.rs` has what a program says about its routes, `operation.rs` describes one route,
//! `responses.rs` what the server itself responds, `schemas.rs` the types, `paths.rs` puts routes of
//! one path together, and `page.rs` serves the page.

mod operation;
mod page;
mod paths;
mod responses;
mod route;
mod schemas;

use std::borrow::Cow;
use std::fmt;

use schemars::JsonSchema;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::app::route_doc::SchemaOf;
use operation::Operation;
use paths::Paths;
use route::schema_of;
use schemas::Schemas;

/// Statuses that a server responds with before it knows the route.
const PROTOCOL: &str = "A request that is malformed, too large or too slow gets 400, 408, 413, 414, 417, 431, 501 or 505, \
    whatever its path, in the same format as other errors.";

/// A document of the API, OpenAPI 3.1, from [`App::openapi`]. Displays as JSON.
#[derive(Clone)]
pub struct OpenApi {
    title: Cow<'static, str>,
    version: Cow<'static, str>,
    description: Cow<'static, str>,
    operations: Vec<Operation>,
    error_page: Option<SchemaOf>,
    /// The name of the scheme that the guards check, and the scheme.
    security: Option<(&'static str, Value)>,
}

/// The API as a document (feature `openapi`).
impl App {
    /// Returns a document of the routes that were added so far.
    ///
    /// It tells by itself: the parameters of patterns with their types, the status and media type
    /// that a handler's type stands for, and what the server responds in its place: 401 and 403 by
    /// guards, 404, 405, 413, 429 by rate limits, 500 and 503. [`Route::about`](crate::Route::about),
    /// [`takes`](crate::Route::takes), [`gives`](crate::Route::gives) and others say what it cannot
    /// know. Routes of [`files`](crate::Router::files) are left out.
    ///
    /// ```
    /// use schemars::JsonSchema;
    /// use wirelight::{App, Json, Request, Result};
    ///
    /// #[derive(serde::Serialize, JsonSchema)]
    /// struct User { id: u64, name: String }
    ///
    /// fn show(req: &Request) -> Result<Json<User>> {
    ///     Ok(Json(User { id: req.param("id")?, name: "Zoë".into() }))
    /// }
    ///
    /// let mut app = App::new();
    /// app.get("/users/{id:int}", show).about("Shows a user.").gives::<User>();
    ///
    /// let document = app.openapi().title("Users").version("1.2.0").json();
    /// let operation = &document["paths"]["/users/{id}"]["get"];
    /// assert_eq!(operation["parameters"][0]["schema"]["type"], "integer");
    /// assert_eq!(operation["responses"]["404"]["$ref"], "#/components/responses/NotFound");
    /// let ok = &operation["responses"]["200"]["content"]["application/json"];
    /// assert_eq!(ok["schema"]["$ref"], "#/components/schemas/User");
    /// ```
    pub fn openapi(&self) -> OpenApi {
        let documented = self.routes.iter().filter(|route| !route.doc.undocumented);
        OpenApi {
            title: "API".into(),
            version: "0.1.0".into(),
            description: "".into(),
            operations: documented.map(|route| Operation::of(route, self)).collect(),
            error_page: None,
            security: None,
        }
    }
}

impl OpenApi {
    /// Sets the title; `API` otherwise.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> OpenApi {
        self.title = title.into();
        self
    }

    /// Sets the version of the API; `0.1.0` otherwise.
    #[must_use]
    pub fn version(mut self, version: impl Into<Cow<'static, str>>) -> OpenApi {
        self.version = version.into();
        self
    }

    /// Sets a description, in CommonMark.
    #[must_use]
    pub fn description(mut self, text: impl Into<Cow<'static, str>>) -> OpenApi {
        self.description = text.into();
        self
    }

    /// Says that the error handlers of the program respond with `T` in JSON. Without it, errors that
    /// they handle have content that the document does not describe.
    #[must_use]
    pub fn errors<T: JsonSchema>(mut self) -> OpenApi {
        self.error_page = Some(schema_of::<T>);
        self
    }

    /// Says that guards need a key in this header field, such as `X-API-Key`.
    #[must_use]
    pub fn api_key(mut self, header: &str) -> OpenApi {
        self.security = Some(("apiKey", json!({ "type": "apiKey", "in": "header", "name": header })));
        self
    }

    /// Says that guards need `Authorization: Bearer …` (RFC 6750).
    #[must_use]
    pub fn bearer(mut self) -> OpenApi {
        self.security = Some(("bearer", json!({ "type": "http", "scheme": "bearer" })));
        self
    }

    /// Returns the document. The same routes give the same text.
    pub fn json(&self) -> Value {
        let mut schemas = Schemas::default();
        let error_page = self.error_page.map(|schema| schemas.output(schema));
        let mut paths = Paths::default();
        for operation in &self.operations {
            paths.add(operation, operation.describe(error_page.as_ref(), self.security.as_ref(), &mut schemas));
        }
        let description = [&*self.description, PROTOCOL].map(str::trim).join("\n\n");
        let mut components = json!({ "responses": responses::components(paths.operations()) });
        if let Some((name, scheme)) = &self.security {
            components["securitySchemes"] = json!({ *name: scheme });
        }
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": self.title, "version": self.version, "description": description.trim() },
            "servers": [{ "url": "/" }],
            "tags": paths.tags().iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
            "paths": paths.into_value(),
            "components": components,
        });
        if self.security.is_some() || !self.operations.iter().any(Operation::is_guarded) {
            document["security"] = json!([]); // nothing is needed but where an operation says so
        }
        let definitions = schemas.finish(&mut document);
        document["components"]["schemas"] = definitions;
        document
    }
}

impl fmt::Display for OpenApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.json())
    }
}

impl From<OpenApi> for Value {
    fn from(document: OpenApi) -> Value {
        document.json()
    }
}

/// An object without members that are null.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}
