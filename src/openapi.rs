//! A document of the API in OpenAPI 3.1, built from the route table, and the page that shows it.
//!
//! `route.rs` has what a program says about its routes, `operation.rs` describes one route,
//! `guards.rs` what its guards need, `responses.rs` what the server itself responds, `schemas.rs` the types, `paths.rs` puts routes of
//! one path together, and `page.rs` serves the page.

mod guards;
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
use guards::Schemes;
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
    /// What the guards of the program need.
    schemes: Schemes,
    /// The only host of the routes.
    host: Option<String>,
}

/// The API as a document (feature `openapi`).
impl App {
    /// Returns a document of the routes that were added so far.
    ///
    /// It tells by itself: the parameters of patterns with their types, the status and media type
    /// that a handler's type stands for, what [`BasicAuth`](crate::middleware::BasicAuth) and
    /// [`BearerAuth`](crate::middleware::BearerAuth) need, and what the server responds in its
    /// place: 401 and 403 by guards, 404, 405, 413, 429 by rate limits, 500 and 503.
    /// [`Route::about`](crate::Route::about), [`takes`](crate::Route::takes),
    /// [`gives`](crate::Route::gives) and others say what it cannot know. A route of one
    /// [host](App::host) has that as its server. Fallbacks and routes of
    /// [`files`](crate::Router::files) are not paths, and are left out.
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
        let documented = self.routes.iter().filter(|route| !route.doc.undocumented && !route.fallback);
        let mut operations: Vec<_> = documented.map(|route| Operation::of(route, self)).collect();
        operations.sort_by_key(|operation| operation.host.is_some()); // the first of a path is the one for most hosts
        OpenApi {
            title: "API".into(),
            version: "0.1.0".into(),
            description: "".into(),
            operations,
            error_page: None,
            schemes: Schemes::new(),
            host: None,
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

    /// Says that guards need a key in this header field, such as `X-API-Key`: those of
    /// [`ApiKey`](crate::middleware::ApiKey), and those of the program. If the program's guards take
    /// one of several things, say each.
    #[must_use]
    pub fn api_key(self, header: &str) -> OpenApi {
        self.scheme(guards::API_KEY, guards::key("header", header))
    }

    /// Says that guards of the program need `Authorization: Basic …` (RFC 7617). Those of
    /// [`BasicAuth`](crate::middleware::BasicAuth) say so themselves.
    #[must_use]
    pub fn basic(self) -> OpenApi {
        self.scheme(guards::BASIC, guards::http(guards::BASIC))
    }

    /// Says that guards of the program need `Authorization: Bearer …` (RFC 6750). Those of
    /// [`BearerAuth`](crate::middleware::BearerAuth) say so themselves.
    #[must_use]
    pub fn bearer(self) -> OpenApi {
        self.scheme(guards::BEARER, guards::http(guards::BEARER))
    }

    /// Says that guards of the program need this cookie: of a session, for instance.
    #[must_use]
    pub fn cookie(self, name: &str) -> OpenApi {
        self.scheme(guards::COOKIE, guards::key("cookie", name))
    }

    fn scheme(mut self, name: &'static str, scheme: Value) -> OpenApi {
        self.schemes.insert(name, scheme);
        self
    }

    /// Leaves out the routes that [`App::host`] has not added for this host. Without it, the
    /// document has the routes of all hosts, and of two for one path and method only the first.
    ///
    /// ```
    /// use wirelight::{App, Router};
    ///
    /// let mut api = Router::new();
    /// api.get("/", |_| "the API");
    /// let mut app = App::new();
    /// app.host("api.example.org", api);
    /// app.get("/about", |_| "the site");
    ///
    /// let document = app.openapi().host("api.example.org").json();
    /// assert_eq!(document["servers"][0]["url"], "//api.example.org");
    /// assert!(document["paths"].get("/about").is_none());
    /// ```
    #[must_use]
    pub fn host(mut self, name: &str) -> OpenApi {
        let name = name.to_ascii_lowercase();
        self.operations.retain(|operation| operation.host.as_deref() == Some(&*name));
        self.host = Some(name);
        self
    }

    /// Returns the document. The same routes give the same text.
    pub fn json(&self) -> Value {
        let mut schemas = Schemas::default();
        let error_page = self.error_page.map(|schema| schemas.output(schema));
        let mut paths = Paths::default();
        let mut schemes = self.schemes.clone();
        let mut all_known = true;
        for operation in &self.operations {
            operation.guards.add_schemes(&mut schemes);
            let requirements = operation.guards.requirements(&self.schemes);
            all_known &= requirements.is_some();
            let mut described = operation.describe(error_page.as_ref(), requirements, &mut schemas);
            if let Some(host) = operation.host.as_deref().filter(|_| self.host.is_none()) {
                described.insert("servers".to_owned(), json!([server(host)]));
            }
            paths.add(operation, described);
        }
        let description = [&*self.description, PROTOCOL].map(str::trim).join("\n\n");
        let mut components = json!({ "responses": responses::components(paths.operations()) });
        if !schemes.is_empty() {
            components["securitySchemes"] = json!(schemes);
        }
        let mut document = json!({
            "openapi": "3.1.0",
            "info": { "title": self.title, "version": self.version, "description": description.trim() },
            "servers": [self.host.as_deref().map_or_else(|| json!({ "url": "/" }), server)],
            "tags": paths.tags().iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
            "paths": paths.into_value(),
            "components": components,
        });
        if all_known {
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

/// Returns the server of a host, with any scheme and port. `*.example.org` is a template.
fn server(host: &str) -> Value {
    match host.strip_prefix("*.") {
        None => json!({ "url": format!("//{host}") }),
        Some(domain) => json!({
            "url": format!("//{{subdomain}}.{domain}"),
            "variables": { "subdomain": { "default": "www", "description": "Any name." } },
        }),
    }
}

/// An object without members that are null.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let present = members.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}
