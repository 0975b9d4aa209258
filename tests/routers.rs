//! Fallbacks, routers for a host, and state of a router.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use wirelight::{App, Error, Result, Router, TestResponse, TrailingSlash};

mod support;

use support::recorded::Recorded;

fn ask(app: &App, method: &str, target: &str) -> TestResponse {
    app.test().recorded().request(method, target).send()
}

fn statuses(app: &App, cases: &[(&str, &str, u16, &str)]) {
    for &(method, target, status, text) in cases {
        let response = ask(app, method, target);
        assert_eq!(response.status().as_u16(), status, "{method} {target}: {}", response.text());
        assert!(method == "HEAD" || response.text().contains(text), "{method} {target}: {}", response.text());
    }
}

/// An application with fallbacks for all of it and for two of its routers.
fn app() -> App {
    let mut tenant = Router::new();
    tenant.get("/home", |_| "home");
    tenant.fallback(|req| -> Result<String> {
        Ok(format!("tenant {} has no {}", req.param::<String>("name")?, req.param::<String>("path")?))
    });
    let mut api = Router::new();
    api.get("/users", |_| "users");
    api.post("/users/new", |_| "made");
    api.fallback(|_| Error::not_found("no such resource"));
    let mut silent = Router::new();
    silent.get("/page", |_| "page");
    let mut app = App::new();
    app.trailing_slash(TrailingSlash::Redirect);
    app.get("/dir/", |_| "dir");
    app.nest("/api", api);
    app.nest("/silent", silent);
    app.nest("/tenants/{name}", tenant);
    app.fallback(|req| format!("{} of {}: {:?}", req.method(), req.path(), req.param::<String>("path").ok()));
    app
}

#[test]
fn the_fallback_of_the_innermost_router_handles_what_no_route_does() {
    statuses(
        &app(),
        &[
            ("GET", "/api/users", 200, "users"),
            ("GET", "/none", 200, "GET of /none: Some(\"none\")"),
            ("PUT", "/a/b?q=1", 200, "PUT of /a/b: Some(\"a/b\")"),
            ("HEAD", "/none", 200, ""),
            ("GET", "/", 200, "GET of /: Some(\"\")"),
            ("GET", "/api", 404, "no such resource"),
            ("GET", "/api/", 404, "no such resource"),
            ("GET", "/api/user", 404, "no such resource"),
            ("DELETE", "/api/a/b/c", 404, "no such resource"),
            ("GET", "/apis", 200, "GET of /apis"),
            ("GET", "/silent/none", 200, "GET of /silent/none"),
            ("GET", "/tenants/zo%C3%AB/a/b", 200, "tenant zoë has no a/b"),
            ("GET", "/tenants/7/home", 200, "home"),
            ("GET", "/tenants", 200, "GET of /tenants"),
            ("GET", "/..%2F..", 200, "GET of /../.."),
            ("GET", "/%FF/%00", 200, "GET of /"),
        ],
    );
    let many = format!("/{}", "a/".repeat(3000));
    assert_eq!(ask(&app(), "GET", &many).status(), 200);
}

#[test]
fn the_path_of_a_fallback_is_one_that_a_path_parameter_could_be() {
    let mut inner = Router::new();
    inner.fallback(|req| req.param::<String>("path"));
    let mut app = App::new();
    app.nest("/inner", inner);
    app.fallback(|req| req.param::<String>("path").map(|path| format!("<{path}>")));
    statuses(
        &app,
        &[
            ("GET", "/a%20b/c", 200, "<a b/c>"),
            ("GET", "/", 200, "<>"),
            ("GET", "//", 200, "</>"),
            ("GET", "//other.example/a", 200, "</other.example/a>"),
            ("GET", "/%FF", 404, "Not Found"),
            ("GET", "/a/%C0%AF", 404, "Not Found"),
            ("GET", "/../../etc/passwd", 404, "Not Found"),
            ("GET", "/..%2F..%2Fetc", 404, "Not Found"),
            ("GET", "/a/%2e%2e", 404, "Not Found"),
            ("GET", "/inner//x", 200, "/x"),
            ("GET", "/inner/%2E%2E/x", 404, "Not Found"),
            ("POST", "/inner/%FF", 404, "Not Found"),
        ],
    );
}

#[test]
fn a_fallback_hides_no_405_no_redirect_and_no_501() {
    statuses(
        &app(),
        &[
            ("DELETE", "/api/users", 405, ""),
            ("GET", "/api/users/new", 405, ""),
            ("GET", "/dir", 308, ""),
            ("GET", "//dir/", 308, ""),
            ("FOO", "/none", 501, ""),
            ("OPTIONS", "*", 200, ""),
            ("OPTIONS", "http://a", 200, ""),
            ("OPTIONS", "/api/users", 200, ""),
        ],
    );
    assert_eq!(ask(&app(), "DELETE", "/api/users").header("Allow"), Some("GET, HEAD, OPTIONS"));
}

#[test]
fn a_fallback_has_the_hooks_guards_and_options_of_its_router() {
    let mut admin = Router::new();
    admin.require(|req| if req.query("key").is_some() { Ok(()) } else { Err(Error::unauthorized("Key", "no key")) });
    admin.fallback(|req| req.body().len().to_string()).max_body(4);
    admin.after(|_, res| res.set_header("X-Admin", "yes"));
    admin.on_error(401, |_, _| "the page of admin");
    let mut app = App::new();
    app.nest("/admin", admin);
    let post = |target, body| app.test().post(target).body("text/plain", body).send();
    assert_eq!((post("/admin/x", "").status().as_u16(), post("/admin/x", "").text()), (401, "the page of admin"));
    assert_eq!((post("/admin/x?key", "1234").text(), post("/admin?key", "").text()), ("4", "0"));
    assert_eq!(post("/admin/x?key", "12345").status(), 413);
    assert_eq!(post("/admin/x?key", "").header("X-Admin"), Some("yes"));
    assert_eq!(post("/other", "").header("X-Admin"), None);
}

fn mistake(run: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    payload.downcast_ref::<String>().unwrap().clone()
}

#[test]
fn two_fallbacks_of_one_prefix_are_a_mistake() {
    let with_fallback = || {
        let mut router = Router::new();
        router.fallback(|_| "");
        router
    };
    let message = mistake(|| _ = with_fallback().fallback(|_| ""));
    assert!(message.starts_with("two fallbacks: /{path:path} at "), "{message}");
    let message = mistake(|| {
        let mut app = App::new();
        app.nest("/a", with_fallback());
        app.nest("/a", with_fallback());
    });
    assert!(message.starts_with("two fallbacks: /a/{path:path} at "), "{message}");
}

/// An application for three hosts and all others.
fn hosts() -> App {
    let named = |name: &'static str| {
        let mut router = Router::new();
        router.get("/", move |req| format!("{name} {}", req.host().unwrap_or_default()));
        router.post("/only", move |_| name);
        router
    };
    let mut wild = named("wild");
    wild.fallback(|_| "wild fallback");
    let mut app = App::new();
    app.host("*.example.org", wild);
    app.host("API.example.org.", named("api")); // the dot of a complete name does not count
    app.host("[::1]", named("six"));
    app.get("/", |_| "any");
    app.get("/shared", |_| "shared");
    app.after(|_, res| res.set_header("X-App", "yes"));
    app
}

#[test]
fn a_host_has_routes_of_its_own() {
    let app = hosts();
    for (host, target, status, text) in [
        ("api.example.org", "/", 200, "api api.example.org"),
        ("API.Example.ORG:8000", "/", 200, "api API.Example.ORG:8000"),
        ("api.example.org.", "/", 200, "api api.example.org."),
        ("www.example.org", "/", 200, "wild www.example.org"),
        ("a.b.example.org:1", "/", 200, "wild a.b.example.org:1"),
        ("www.example.org", "/none", 200, "wild fallback"),
        ("example.org", "/", 200, "any"),
        ("badexample.org", "/", 200, "any"),
        (".example.org", "/", 200, "any"),
        ("api.example.org", "/shared", 404, ""),
        ("api.example.org", "/only", 405, ""),
        ("[::1]:8000", "/", 200, "six [::1]:8000"),
        ("[::1]", "/", 200, "six [::1]"),
        ("127.0.0.1", "/shared", 200, "shared"),
    ] {
        let response = app.test().get(target).header("Host", host).send();
        assert_eq!(response.status().as_u16(), status, "{host}{target}");
        assert!(response.text().contains(text), "{host}{target}: {}", response.text());
        assert_eq!(response.header("X-App"), Some("yes"), "{host}{target}");
    }
    let absolute = app.test().get("http://api.example.org/").header("Host", "other.example").send();
    assert_eq!(absolute.text(), "api api.example.org", "RFC 9112 §3.2.2: the target counts");
    let allow = app.test().get("/only").header("Host", "api.example.org").send();
    assert_eq!(allow.header("Allow"), Some("POST, OPTIONS"));
}

#[test]
fn a_bad_or_repeated_host_is_a_mistake() {
    for name in ["", ".", "*.", "a:80", "a/b", "*", "a b", "http://a"] {
        assert!(mistake(|| App::new().host(name, Router::new())).starts_with("host("), "{name:?}");
    }
    let mut app = App::new();
    app.host("a.example", Router::new());
    assert!(mistake(|| app.host("A.example", Router::new())).ends_with("was added before"));
}

struct Name(&'static str);

#[test]
fn a_router_shares_state_with_its_routes() {
    let show = |router: &mut Router, path: &str| {
        router.get(path, |req| req.state::<Name>().0);
    };
    let mut inner = Router::new();
    inner.state(Name("inner"));
    show(&mut inner, "/inner");
    let mut plain = Router::new();
    show(&mut plain, "/plain");
    let mut outer = Router::new();
    show(&mut outer, "/early");
    outer.nest("/nested", inner);
    outer.nest("/nested", plain);
    outer.state(Name("replaced"));
    outer.state(Mutex::new(0));
    outer.state(Name("outer"));
    show(&mut outer, "/late");
    outer.get("/count", |req| {
        *req.lock::<i32>() += 1;
        req.lock::<i32>().to_string()
    });
    outer.fallback(|req| req.state::<Name>().0);
    let mut app = App::new();
    app.state(Name("app"));
    app.nest("/outer", outer);
    show(&mut app, "/app");
    for (target, text) in [
        ("/outer/nested/inner", "inner"),
        ("/outer/nested/plain", "outer"),
        ("/outer/early", "outer"),
        ("/outer/late", "outer"),
        ("/outer/none", "outer"),
        ("/outer/count", "1"),
        ("/outer/count", "2"),
        ("/app", "app"),
    ] {
        assert_eq!(ask(&app, "GET", target).text(), text, "{target}");
    }
}

#[test]
fn a_guard_sees_the_state_of_its_router() {
    let mut router = Router::new();
    router.state(Name("key"));
    router.require(|req| match req.query("key").as_deref() == Some(req.state::<Name>().0) {
        true => Ok(()),
        false => Err(Error::forbidden("")),
    });
    router.get("/", |_| "in");
    let mut app = App::new();
    app.nest("/in", router);
    assert_eq!((ask(&app, "GET", "/in").status().as_u16(), ask(&app, "GET", "/in?key=key").text()), (403, "in"));
}
