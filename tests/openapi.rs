//! The document of an API: what it tells by itself, and what a program adds.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]
#![expect(dead_code, reason = "types that only have a schema")]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use wirelight::events::Broadcast;
use wirelight::middleware::{ApiKey, BasicAuth, BearerAuth, Csrf};
use wirelight::{App, Error, Html, Json, OpenApi, Redirect, Request, Response, Result, Router, StatusCode};

/// A user of the service.
#[derive(JsonSchema, Serialize, Deserialize)]
struct User {
    /// Assigned by the server.
    id: u64,
    name: String,
    #[serde(default)]
    tags: Vec<String>,
    friend: Option<Box<User>>,
}

#[derive(JsonSchema)]
struct Search {
    /// The words to look for.
    q: String,
    page: Option<u32>,
    #[serde(default)]
    tag: Vec<String>,
    sort: Option<Sort>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Name,
    Date,
}

fn operation<'d>(document: &'d Value, path: &str, method: &str) -> &'d Value {
    let operation = &document["paths"][path][method];
    assert!(operation.is_object(), "no {method} {path}: {:#}", document["paths"]);
    operation
}

fn statuses(operation: &Value) -> Vec<&str> {
    operation["responses"].as_object().unwrap().keys().map(String::as_str).collect()
}

/// Every `$ref`, and whether it leads to something.
fn references(value: &Value, document: &Value) -> Vec<(String, bool)> {
    match value {
        Value::Object(members) => {
            let own = members.get("$ref").and_then(Value::as_str).map(|reference| {
                let found = reference.strip_prefix('#').is_some_and(|pointer| document.pointer(pointer).is_some());
                (reference.to_owned(), found)
            });
            own.into_iter().chain(members.values().flat_map(|value| references(value, document))).collect()
        }
        Value::Array(list) => list.iter().flat_map(|value| references(value, document)).collect(),
        _ => Vec::new(),
    }
}

/// Returns the document, whose references all lead somewhere, and whose text is always the same.
fn checked(document: &OpenApi) -> Value {
    let json = document.json();
    for (reference, found) in references(&json, &json) {
        assert!(found, "{reference} leads nowhere");
    }
    assert_eq!(document.to_string(), format!("{json:#}"));
    json
}

#[test]
fn patterns_give_paths_and_parameters() {
    let mut app = App::new();
    for pattern in ["/", "/café/x y/", "/v1/users/{id:int}", "/{a}/{b:uuid}/{c:float}/{d:path}"] {
        app.get(pattern, |_| "");
    }
    let document = checked(&app.openapi());
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(paths, ["/", "/caf%C3%A9/x%20y/", "/v1/users/{id}", "/{a}/{b}/{c}/{d}"]);
    let parameters = &operation(&document, "/{a}/{b}/{c}/{d}", "get")["parameters"];
    let parameter =
        |name: &str, schema: Value| json!({ "name": name, "in": "path", "required": true, "schema": schema });
    let mut rest = parameter("d", json!({ "type": "string", "minLength": 1 }));
    rest["description"] = "The rest of the path, with slashes.".into();
    let expected = json!([
        parameter("a", json!({ "type": "string", "minLength": 1 })),
        parameter("b", json!({ "type": "string", "format": "uuid" })),
        parameter("c", json!({ "type": "string", "pattern": "^[0-9]+\\.[0-9]+$" })),
        rest,
    ]);
    assert_eq!(parameters, &expected);
    let ids: Vec<_> =
        ["/", "/v1/users/{id}"].map(|path| operation(&document, path, "get")["operationId"].clone()).into();
    assert_eq!(ids, ["get", "get_v1_users_id"]);
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone()).collect();
    assert_eq!(tags, ["/", "café", "users"]);
}

/// OpenAPI tells paths apart by their literals only.
#[test]
fn routes_that_openapi_takes_for_one_path_share_it() {
    let mut app = App::new();
    app.get("/users/{id:int}", |_| "").about("By number.");
    app.get("/users/{name}", |_| "").about("By name.");
    app.delete("/users/{name}", |_| ()).name("user");
    app.put("/users/{key:uuid}", |_| ()).name("user");
    let document = checked(&app.openapi());
    assert_eq!(document["paths"].as_object().unwrap().len(), 1);
    let get = operation(&document, "/users/{id}", "get");
    assert_eq!(get["summary"], "By number.");
    assert_eq!(get["description"], "Other values belong to the route /users/{name}.");
    let delete = operation(&document, "/users/{id}", "delete");
    assert_eq!(
        (&delete["parameters"][0]["name"], &delete["parameters"][0]["schema"]["type"]),
        (&json!("id"), &json!("string"))
    );
    let ids = ["delete", "put"].map(|method| &operation(&document, "/users/{id}", method)["operationId"]);
    assert_eq!(ids, ["user", "user_2"]);
}

#[test]
fn methods_without_a_place_in_a_path_item_have_an_extension() {
    let mut app = App::new();
    app.route("PURGE".parse().unwrap(), "/cache", |_| ());
    app.head("/cache", |_| ());
    app.options("/cache", |_| ());
    let document = checked(&app.openapi());
    let item = document["paths"]["/cache"].as_object().unwrap();
    assert_eq!(item.keys().collect::<Vec<_>>(), ["head", "options", "x-additionalOperations"]);
    assert_eq!(item["x-additionalOperations"]["PURGE"]["operationId"], "purge_cache");
}

#[test]
fn the_type_of_a_handler_tells_status_and_media_type() {
    let hub = Broadcast::new();
    let mut app = App::new();
    app.get("/text", |_| "");
    app.get("/string", |_| String::new());
    app.get("/bytes", |_| Vec::new());
    app.get("/html", |_| Html(""));
    app.get("/json", |_| json!(1));
    app.get("/typed", |_| Json(1));
    app.get("/nothing", |_| ());
    app.get("/maybe", |_| Some(Json(1)));
    app.get("/result", |_| -> Result<Option<&'static str>> { Ok(None) });
    app.get("/created", |_| (StatusCode::CREATED, Json(1)));
    app.get("/fields", |_| (StatusCode::CREATED, [("Location", "/")], Json(1)));
    app.get("/away", |_| Redirect::found("/"));
    app.get("/events", move |req| hub.subscribe(req));
    app.get("/response", |_| Response::default());
    let document = checked(&app.openapi());
    for (path, status, media_types) in [
        ("/text", "200", &["text/plain"][..]),
        ("/string", "200", &["text/plain"]),
        ("/bytes", "200", &["application/octet-stream"]),
        ("/html", "200", &["text/html"]),
        ("/json", "200", &["application/json"]),
        ("/typed", "200", &["application/json"]),
        ("/nothing", "204", &[]),
        ("/maybe", "200", &["application/json"]),
        ("/result", "200", &["text/plain"]),
        ("/created", "default", &["application/json"]),
        ("/fields", "default", &["application/json"]),
        ("/away", "3XX", &[]),
        ("/events", "200", &["text/event-stream"]),
        ("/response", "default", &[]),
    ] {
        let operation = operation(&document, path, "get");
        let content = &operation["responses"][status]["content"];
        let told: Vec<_> = content.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert_eq!(told, media_types, "{path}: {operation:#}");
        let may_be_missing = ["/maybe", "/result"].contains(&path);
        assert_eq!(operation["responses"].get("404").is_some(), may_be_missing, "{path}");
    }
}

#[test]
fn what_the_server_responds_in_the_handlers_place_is_told() {
    let mut shop = Router::new();
    shop.limit("10 per minute");
    shop.get("/limited", |_| "");
    shop.get("/free", |_| "").unlimited();
    let mut app = App::new();
    app.nest("/shop", shop);
    app.get("/plain", |_| "");
    app.get("/own", |_| "").limit("1 per day").limit("2 per month");
    app.get("/key", |_| "").require(ApiKey::new([("k", "u")]).guard());
    app.get("/both", |_| "").limit("1 per day").require(|_| Err(Error::forbidden("")));
    app.post("/any", |_| "");
    app.post("/json", |_| "").takes::<User>().max_body(1000);
    app.post("/form", |_| "").takes_form::<Search>();
    app.post("/upload", |_| "").streaming();
    app.post("/bounded", |_| "").streaming().max_body(9).takes_media("image/png");
    app.get("/search", |_| "").takes_query::<Search>().fails(409, "The index is being built.");
    let document = checked(&app.openapi());
    for (method, path, expected) in [
        ("get", "/plain", "200 400 405 500 503"),
        ("get", "/shop/limited", "200 400 405 429 500 503"),
        ("get", "/shop/free", "200 400 405 500 503"),
        ("get", "/own", "200 400 405 429 500 503"),
        ("get", "/key", "200 400 401 405 500 503"),
        ("get", "/both", "200 400 401 403 405 429 500 503"),
        ("post", "/any", "200 400 405 413 500 503"),
        ("post", "/json", "200 400 405 413 415 422 500 503"),
        ("post", "/form", "200 400 405 413 415 422 500 503"),
        ("post", "/upload", "200 400 405 500 503"),
        ("post", "/bounded", "200 400 405 413 500 503"),
        ("get", "/search", "200 400 405 409 422 500 503"),
    ] {
        assert_eq!(statuses(operation(&document, path, method)).join(" "), expected, "{method} {path}");
    }
    let shared = document["components"]["responses"].as_object().unwrap();
    let fields = |name: &str| shared[name]["headers"].as_object().unwrap().keys().next().unwrap().clone();
    let required = ["Unauthorized", "MethodNotAllowed", "TooManyRequests", "ServiceUnavailable"].map(fields);
    assert_eq!(required, ["WWW-Authenticate", "Allow", "Retry-After", "Retry-After"]);
    let body = |path: &str| &operation(&document, path, "post")["requestBody"];
    assert_eq!(body("/json")["description"], "At most 1000 bytes.");
    assert_eq!(body("/json")["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/User");
    assert_eq!(body("/upload")["content"], json!({ "application/octet-stream": {} }));
    assert_eq!(body("/bounded")["content"], json!({ "image/png": {} }));
    let conflict = &operation(&document, "/search", "get")["responses"]["409"];
    assert_eq!(conflict["description"], "The index is being built.");
    assert_eq!(conflict["content"]["application/json"]["schema"]["$ref"], "#/components/schemas/Error");
}

/// The page of an error is exactly what the document says.
#[test]
fn the_schema_of_an_error_is_that_of_its_page() {
    let mut app = App::new();
    app.get("/search", |req| req.query_as::<std::collections::BTreeMap<String, u8>>().map(|_| ""));
    let document = checked(&app.openapi());
    let page = &document["components"]["schemas"]["Error"];
    let properties = page["properties"].as_object().unwrap();
    for target in ["/none", "/search?a=x"] {
        let body: Value = app.test().get(target).send().json();
        assert!(body.as_object().unwrap().keys().all(|name| properties.contains_key(name)), "{body}");
        assert!(page["required"].as_array().unwrap().iter().all(|name| body[name.as_str().unwrap()].is_string()));
    }
}

#[test]
fn queries_and_forms_have_no_null_and_no_references() {
    let mut app = App::new();
    app.get("/search", |_| "").takes_query::<Search>();
    app.post("/search", |_| "").takes_form::<Search>();
    let document = checked(&app.openapi());
    let parameters = operation(&document, "/search", "get")["parameters"].as_array().unwrap();
    let told: Vec<_> = parameters
        .iter()
        .map(|parameter| {
            json!([parameter["name"], parameter["required"], parameter["schema"], parameter["description"]])
        })
        .collect();
    let number = json!({ "type": "integer", "format": "uint32", "minimum": 0, "maximum": u32::MAX });
    let texts = json!({ "type": "array", "items": { "type": "string" }, "default": [] });
    let expected = [
        json!(["page", false, number, null]),
        json!(["q", true, { "type": "string" }, "The words to look for."]),
        json!(["sort", false, { "type": "string", "enum": ["name", "date"] }, null]),
        json!(["tag", false, texts, null]),
    ];
    assert_eq!(told, expected);
    let forms = operation(&document, "/search", "post")["requestBody"]["content"].as_object().unwrap();
    assert_eq!(forms.keys().collect::<Vec<_>>(), ["application/x-www-form-urlencoded", "multipart/form-data"]);
    for form in forms.values() {
        assert_eq!(form["schema"]["properties"]["page"], number);
    }
}

#[test]
fn a_type_that_is_read_in_another_form_has_two_schemas() {
    let mut app = App::new();
    app.post("/users", |_| Json(1)).takes::<User>().gives_status::<User>(201);
    app.get("/users", |_| Json(1)).gives::<Vec<User>>();
    let document = checked(&app.openapi());
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.keys().collect::<Vec<_>>(), ["Error", "User", "UserInput"]);
    assert_eq!(schemas["User"]["required"], json!(["id", "name", "tags", "friend"]));
    assert_eq!(schemas["UserInput"]["required"], json!(["id", "name"]));
    let friend = |name: &str| &schemas[name]["properties"]["friend"]["anyOf"][0]["$ref"];
    assert_eq!(friend("User"), "#/components/schemas/User");
    assert_eq!(friend("UserInput"), "#/components/schemas/UserInput");
    assert_eq!(schemas["User"]["properties"]["id"]["maximum"], u64::MAX);
    let created = &operation(&document, "/users", "post")["responses"]["201"];
    assert_eq!(
        (&created["description"], &created["content"]["application/json"]["schema"]["$ref"]),
        (&json!("Created"), &json!("#/components/schemas/User"))
    );
    let all = &operation(&document, "/users", "get")["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!(all, &json!({ "type": "array", "items": { "$ref": "#/components/schemas/User" } }));
}

#[test]
fn a_type_that_is_read_as_it_is_written_has_one_schema() {
    #[derive(JsonSchema)]
    struct Error {
        code: u16,
    }
    let mut app = App::new();
    app.put("/errors", |_| Json(1)).takes::<Error>().gives::<Error>();
    let document = checked(&app.openapi());
    let schemas = document["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.keys().collect::<Vec<_>>(), ["Error", "Error2"], "the program's, and the page of errors");
    assert_eq!(schemas["Error"]["required"], json!(["code"]));
}

#[test]
fn streams_are_told_as_far_as_openapi_3_1_can() {
    let hub = Broadcast::new();
    let mut app = App::new();
    app.get("/events", move |req| hub.subscribe(req)).gives::<User>();
    app.get("/csv", |_| Response::default()).gives_media(200, "text/csv").gives_media(204, "");
    let document = checked(&app.openapi());
    let events = &operation(&document, "/events", "get")["responses"]["200"]["content"]["text/event-stream"];
    assert_eq!(
        (&events["schema"]["type"], &events["x-itemSchema"]["$ref"]),
        (&json!("string"), &json!("#/components/schemas/User"))
    );
    let csv = &operation(&document, "/csv", "get")["responses"];
    assert_eq!((&csv["200"]["content"], csv["204"].get("content")), (&json!({ "text/csv": {} }), None));
}

/// Pages of the program's own error handlers are described only if the program does so.
#[test]
fn error_handlers_of_the_program_are_respected() {
    #[derive(JsonSchema)]
    struct Oops {
        oops: String,
    }
    let mut inner = Router::new();
    inner.on_any_error(|_, error| error.message().to_owned());
    inner.get("/{id:int}", |_| "");
    let mut app = App::new();
    app.on_error(404, |_, _| json!({ "oops": "" }));
    app.get("/{id:int}", |_| "").fails(404, "Too large.");
    app.nest("/in", inner);
    let plain = checked(&app.openapi());
    let content = |document: &Value, path: &str, status: &str| {
        let response = &operation(document, path, "get")["responses"][status];
        match response.get("$ref") {
            Some(reference) => reference.clone(),
            None => response["content"]["application/json"]["schema"]["$ref"].clone(),
        }
    };
    let described = checked(&app.openapi().errors::<Oops>());
    let shared = json!("#/components/responses/InternalServerError");
    let oops = json!("#/components/schemas/Oops");
    assert_eq!([content(&plain, "/{id}", "404"), content(&plain, "/{id}", "500")], [Value::Null, shared.clone()]);
    assert_eq!([content(&plain, "/in/{id}", "404"), content(&plain, "/in/{id}", "500")], [Value::Null, Value::Null]);
    assert_eq!([content(&described, "/{id}", "404"), content(&described, "/{id}", "500")], [oops.clone(), shared]);
    assert_eq!(content(&described, "/in/{id}", "500"), oops);
    assert_eq!(operation(&described, "/{id}", "get")["responses"]["404"]["description"], "Too large.");
    app.on_any_error(|_, _| json!({ "oops": "" }));
    let all = checked(&app.openapi().errors::<Oops>());
    let schemas = all["components"]["schemas"].as_object().unwrap();
    assert_eq!(schemas.keys().collect::<Vec<_>>(), ["Oops"], "no page of the server is left");
}

#[test]
fn guards_may_say_what_they_need() {
    let mut app = App::new();
    app.get("/open", |_| "").limit("1 per day");
    assert_eq!(checked(&app.openapi())["security"], json!([]));
    app.get("/key", |_| "").require(|_| Ok(()));
    assert_eq!(checked(&app.openapi()).get("security"), None, "it is not known what the guard needs");
    for (document, name, scheme) in [
        (
            app.openapi().api_key("X-API-Key"),
            "apiKey",
            json!({ "type": "apiKey", "in": "header", "name": "X-API-Key" }),
        ),
        (app.openapi().bearer(), "bearer", json!({ "type": "http", "scheme": "bearer" })),
    ] {
        let document = checked(&document);
        assert_eq!(document["components"]["securitySchemes"], json!({ name: scheme }));
        assert_eq!(operation(&document, "/key", "get")["security"], json!([{ name: [] }]));
        assert_eq!(operation(&document, "/open", "get").get("security"), None);
        assert_eq!(document["security"], json!([]));
    }
}

#[test]
fn guards_of_the_library_say_what_they_need() {
    let (keys, tokens) = (ApiKey::new([("k", "u")]).header("X-Key"), BearerAuth::new([("t", "u")]));
    let mut basic = Router::new();
    BasicAuth::new([("u", "p")]).add_to(&mut basic);
    basic.get("/", |_| "");
    basic.get("/both", |_| "").require(keys.guard());
    let mut app = App::new();
    Csrf::new().add_to(&mut app);
    app.nest("/basic", basic);
    app.get("/bearer", |_| "").require(tokens.guard());
    app.get("/scope", |_| "").require(tokens.guard()).require(|_| Ok(()));
    app.get("/key", |_| "").require(keys.guard());
    app.get("/own", |_| "").require(|_| Ok(()));
    app.get("/open", |_| "");
    app.post("/open", |_| "");

    let silent = checked(&app.openapi());
    let http = |scheme: &str| json!({ "type": "http", "scheme": scheme });
    let known = json!({ "basic": http("basic"), "bearer": http("bearer") });
    assert_eq!(silent["components"]["securitySchemes"], known);
    for (path, security) in [
        ("/basic", json!([{ "basic": [] }])),
        ("/bearer", json!([{ "bearer": [] }])),
        ("/scope", json!([{ "bearer": [] }])),
        ("/basic/both", Value::Null),
        ("/key", Value::Null),
        ("/own", Value::Null),
        ("/open", Value::Null),
    ] {
        let told = operation(&silent, path, "get").get("security").cloned().unwrap_or_default();
        assert_eq!(told, security, "{path}");
    }
    assert_eq!(silent.get("security"), None, "it is not known what some guards need");

    let told = checked(&app.openapi().api_key("X-Key").cookie("session"));
    let key = |place: &str, name: &str| json!({ "type": "apiKey", "in": place, "name": name });
    assert_eq!(told["security"], json!([]));
    let schemes = &told["components"]["securitySchemes"];
    assert_eq!((&schemes["apiKey"], &schemes["cookie"]), (&key("header", "X-Key"), &key("cookie", "session")));
    for (method, path, security, refusals) in [
        ("get", "/basic", json!([{ "basic": [] }]), "401"),
        ("get", "/basic/both", json!([{ "basic": [], "apiKey": [] }]), "401"),
        ("get", "/bearer", json!([{ "bearer": [] }]), "401"),
        ("get", "/scope", json!([{ "bearer": [] }]), "401 403"),
        ("get", "/key", json!([{ "apiKey": [] }]), "401"),
        ("get", "/own", json!([{ "apiKey": [] }, { "cookie": [] }]), "401 403"),
        ("get", "/open", Value::Null, ""),
        ("post", "/open", Value::Null, "403"),
    ] {
        let operation = operation(&told, path, method);
        assert_eq!(operation.get("security").cloned().unwrap_or_default(), security, "{method} {path}");
        let refused: Vec<_> =
            statuses(operation).into_iter().filter(|status| ["401", "403"].contains(status)).collect();
        assert_eq!(refused.join(" "), refusals, "{method} {path}");
    }
    // As it is: the guards refuse what the document says they refuse.
    let client = app.test();
    for path in ["/basic", "/basic/both", "/bearer", "/key"] {
        assert_eq!(client.get(path).send().status(), 401, "{path}");
    }
    assert_eq!(client.post("/open").header("Sec-Fetch-Site", "cross-site").send().status(), 403);
}

#[test]
fn a_route_of_a_host_has_it_as_its_server_and_a_fallback_is_no_path() {
    let mut api = Router::new();
    api.get("/users", |_| "").about("Of the API.");
    api.get("/only", |_| "");
    api.fallback(|_| "");
    let mut wild = Router::new();
    wild.get("/tenant", |_| "");
    let mut app = App::new();
    app.host("API.example.org", api);
    app.host("*.example.org", wild);
    app.get("/users", |_| "").about("Of the site.");
    app.fallback(|_| "");

    let document = checked(&app.openapi());
    let paths = |document: &Value| document["paths"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        (paths(&document), &document["servers"]),
        (vec!["/only".into(), "/tenant".into(), "/users".into()], &json!([{ "url": "/" }]))
    );
    let users = operation(&document, "/users", "get");
    assert_eq!((&users["summary"], users.get("servers")), (&json!("Of the site."), None));
    assert_eq!(users["description"], "The host api.example.org has a route /users of its own.");
    assert_eq!(operation(&document, "/only", "get")["servers"], json!([{ "url": "//api.example.org" }]));
    let tenant = &operation(&document, "/tenant", "get")["servers"][0];
    assert_eq!(tenant["url"], "//{subdomain}.example.org");
    assert!(tenant["variables"]["subdomain"]["default"].is_string());

    let one = checked(&app.openapi().host("Api.Example.org"));
    assert_eq!(
        (paths(&one), &one["servers"]),
        (vec!["/only".into(), "/users".into()], &json!([{ "url": "//api.example.org" }]))
    );
    let users = operation(&one, "/users", "get");
    assert_eq!((&users["summary"], users.get("servers")), (&json!("Of the API."), None));
}

#[test]
fn what_the_program_says_is_in_the_document() {
    let mut app = App::new();
    app.get("/a", |_| "").about("A summary.\n\nAnd *more*.").name("first");
    app.get("/b", |_| "").undocumented();
    app.files("/static", "src");
    let document = checked(&app.openapi().title("T").version("1.2.3").description("D"));
    let info = &document["info"];
    assert_eq!((&info["title"], &info["version"]), (&json!("T"), &json!("1.2.3")));
    assert!(info["description"].as_str().unwrap().starts_with("D\n\nA request that is malformed"));
    assert_eq!(document["paths"].as_object().unwrap().len(), 1);
    let told = operation(&document, "/a", "get");
    assert_eq!(
        (&told["summary"], &told["description"], &told["operationId"]),
        (&json!("A summary."), &json!("And *more*."), &json!("first"))
    );
}

#[test]
fn the_page_is_served_with_a_strict_policy() {
    let mut app = App::new();
    app.get("/a", |_| "");
    app.docs("/docs", app.openapi().title("T"));
    app.get("/late", |_| "");
    let client = app.test();
    let moved = client.get("/docs").send();
    assert_eq!((moved.status().as_u16(), moved.header("Location")), (308, Some("/docs/")));
    for (name, media_type) in [
        ("", "text/html; charset=utf-8"),
        ("page.css", "text/css; charset=utf-8"),
        ("page.js", "text/javascript; charset=utf-8"),
        ("dom.js", "text/javascript; charset=utf-8"),
        ("schema.js", "text/javascript; charset=utf-8"),
        ("try.js", "text/javascript; charset=utf-8"),
        ("openapi.json", "application/json"),
    ] {
        let reply = client.get(&format!("/docs/{name}")).send();
        assert_eq!((reply.status().as_u16(), reply.header("Content-Type")), (200, Some(media_type)), "{name}");
        let policy = reply.header("Content-Security-Policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(reply.header("X-Content-Type-Options"), Some("nosniff"));
        if name.is_empty() {
            assert!(reply.text().contains("data-wire=\"\""), "there is no wire view");
            assert!(
                !reply.text().contains("<style")
                    && !reply.text().contains("style=")
                    && !reply.text().contains("onclick")
            );
        }
    }
    let document: Value = client.get("/docs/openapi.json").send().json();
    assert_eq!(document["paths"].as_object().unwrap().keys().collect::<Vec<_>>(), ["/a"]);
    let again = checked(&app.openapi());
    assert_eq!(again["paths"].as_object().unwrap().keys().collect::<Vec<_>>(), ["/a", "/late"]);
}

#[test]
fn mistakes_at_start_up_are_panics() {
    for status in [0, 100, 199, 600, 1000] {
        let mistake = std::panic::AssertUnwindSafe(|| _ = App::new().get("/", |_| "").fails(status, ""));
        let message = std::panic::catch_unwind(mistake).unwrap_err();
        assert_eq!(
            message.downcast_ref::<String>().unwrap(),
            &format!("{status}: a final status is between 200 and 599")
        );
    }
}

/// The example of `examples/` would be as good: a request that fits the document is served.
#[test]
fn a_request_that_fits_is_served() {
    let mut app = App::new();
    app.post("/users", |req: &Request<'_>| -> Result<(StatusCode, Json<User>)> {
        Ok((StatusCode::CREATED, Json(req.json()?)))
    })
    .takes::<User>()
    .gives_status::<User>(201);
    let document = checked(&app.openapi());
    let required = document["components"]["schemas"]["UserInput"]["required"].as_array().unwrap();
    let body: Value = required
        .iter()
        .map(|name| (name.as_str().unwrap().to_owned(), if name == "id" { json!(1) } else { json!("Zoë") }))
        .collect();
    let reply = app.test().post("/users").json(&body).send();
    assert_eq!(reply.status(), 201);
    let written = &document["components"]["schemas"]["User"]["required"];
    assert!(written.as_array().unwrap().iter().all(|name| reply.json::<Value>().get(name.as_str().unwrap()).is_some()));
}
