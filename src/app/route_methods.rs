//! The methods that add a route. They are written out, not made by a macro: the compiler shows their
//! bounds to those who pass something that is not a handler.

use super::route::Route;
use super::router::{Router, parse};
use crate::http1::method::Method;
use crate::request::Request;
use crate::response::into_response::IntoResponse;
use crate::routing::callsite::Callsite;
use crate::routing::route_meta::RouteMeta;

impl Router {
    /// Adds a route for GET. It responds to HEAD too.
    ///
    /// # Patterns
    ///
    /// A pattern is a path whose segments are text or parameters. A parameter fills its whole segment, and its type selects
    /// the values that match:
    ///
    /// | parameter | matches | does not match |
    /// | --- | --- | --- |
    /// | `{x:int}` | `7`, `007`, `18446744073709551616` | `-7`, `7.0`, `x` |
    /// | `{x:uuid}` | `01234567-89ab-CDEF-0123-456789abcdef` | `0123456789abcdef0123456789abcdef` |
    /// | `{x:float}` | `0.5`, `10.0` | `1`, `.5`, `-0.5`, `1e3` |
    /// | `{x}`, `{x:string}` | `a`, `7`, `zo%C3%AB`, `a%2Fb` | `a/b`, `%2E%2E`, `%FF` |
    /// | `{x:path}` | `a`, `a/b`, `a/b/` | `a/%2E%2E/b`, `%FF` |
    ///
    /// Text and values are compared after percent-decoding, so the pattern is `/café` for `/caf%C3%A9`. A slash at the end
    /// matters, unless [`trailing_slash`](Router::trailing_slash) says otherwise. Where several patterns match, text is tried
    /// before a parameter, and parameters in the order of the table, segment by segment from the left. The order of
    /// registration does not matter. [`Request::param`] parses a value.
    ///
    /// These are not patterns, and `/:x` and `/*` are text:
    ///
    /// | pattern | message |
    /// | --- | --- |
    /// | `users` | a pattern begins with '/' |
    /// | `/a//b` | an empty segment names nothing |
    /// | `/a/../b` | '..' names nothing: clients resolve it before they ask |
    /// | `/a/{x}.json` | a parameter is {name} or {name:type} and fills its whole segment |
    /// | `/a/<int:x>` | a parameter is written {name:type} |
    /// | `/a/{x:u64}` | 'u64' is not a parameter type; the types are int, uuid, float, string, path |
    /// | `/a/{1}` | a parameter's name is letters, digits and '_', and begins with no digit |
    /// | `/{x}/{x}` | the name 'x' is used twice |
    /// | `/{x:path}/a` | a path parameter matches the rest of the path, so it must be the last segment |
    /// | `/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}` | a pattern has at most 8 parameters |
    /// | `/a%20b` | write the character itself: patterns are compared after percent-decoding |
    /// | `/a?x=1` | a pattern is a path; the query is read from the request |
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/{name}", |req| req.param::<String>("name"));
    /// app.get("/{id:int}", |req| req.param::<u64>("id").map(|id| format!("number {id}")));
    /// assert_eq!(app.test().get("/zo%C3%AB").send().text(), "zoë");
    /// assert_eq!(app.test().get("/007").send().text(), "number 7");
    /// assert_eq!(app.test().get("/18446744073709551616").send().status(), 404); // too large for a u64
    /// ```
    ///
    /// # Panics
    /// At start-up, if the pattern is malformed, or another route has the same method and shape. The
    /// message names both lines.
    #[track_caller]
    pub fn get<F, R>(&mut self, pattern: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::GET, pattern, handler)
    }

    /// Adds a route for POST.
    ///
    /// # Panics
    /// As [`get`](Router::get).
    #[track_caller]
    pub fn post<F, R>(&mut self, pattern: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::POST, pattern, handler)
    }

    /// Adds a route for PUT.
    ///
    /// # Panics
    /// As [`get`](Router::get).
    #[track_caller]
    pub fn put<F, R>(&mut self, pattern: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::PUT, pattern, handler)
    }

    /// Adds a route for PATCH.
    ///
    /// # Panics
    /// As [`get`](Router::get).
    #[track_caller]
    pub fn patch<F, R>(&mut self, pattern: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::PATCH, pattern, handler)
    }

    /// Adds a route for DELETE.
    ///
    /// # Panics
    /// As [`get`](Router::get).
    #[track_caller]
    pub fn delete<F, R>(&mut self, pattern: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::DELETE, pattern, handler)
    }

    /// Adds a route for HEAD, if the one that GET implies is not enough. A handler that knows the
    /// length of the GET's content sets `Content-Length`; otherwise none is sent (RFC 9110 §8.6).
    ///
    /// # Panics
    /// As [`get`](Router::get).
    #[track_caller]
    pub fn head<F, R>(&mut self, pattern: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::HEAD, pattern, handler)
    }

    /// Adds a route for OPTIONS, if the automatic response with `Allow` is not enough.
    ///
    /// # Panics
    /// As [`get`](Router::get).
    #[track_caller]
    pub fn options<F, R>(&mut self, pattern: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        self.route(Method::OPTIONS, pattern, handler)
    }

    /// Adds a route for any method.
    ///
    /// # Panics
    /// As [`get`](Router::get).
    #[track_caller]
    pub fn route<F, R>(&mut self, method: Method, pattern: &str, handler: F) -> &mut Route
    where
        F: Fn(&Request<'_>) -> R + Send + Sync + 'static,
        R: IntoResponse,
    {
        let mut route = Route::new(RouteMeta::new(method, parse(pattern), Callsite::of(&handler)), handler);
        (route.guards, route.meta.state) = (self.guards.clone(), self.state.clone());
        self.add(route)
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use crate::App;

    /// The rows of the tables in the documentation whose head begins with `head`, as cells.
    fn rows(head: &str) -> Vec<Vec<&'static str>> {
        let lines = include_str!("route_methods.rs").lines().map(str::trim_start);
        let rows = lines.skip_while(|line| !line.starts_with(&format!("/// | {head} |"))).skip(2);
        let rows: Vec<_> = rows.map_while(|line| line.strip_prefix("/// | ")?.strip_suffix(" |")).collect();
        assert!(rows.len() >= 5, "{head}: {rows:?}");
        rows.into_iter().map(|row| row.split(" | ").collect()).collect()
    }

    /// The texts between backticks.
    fn quoted(cell: &'static str) -> impl Iterator<Item = &'static str> {
        cell.split('`').skip(1).step_by(2)
    }

    #[test]
    fn the_documented_types_match_the_documented_values() {
        for row in rows("parameter") {
            for parameter in quoted(row[0]) {
                let mut app = App::new();
                app.get(&format!("/files/{parameter}"), |_| "");
                let status = |value: &str| app.test().get(&format!("/files/{value}")).send().status();
                quoted(row[1]).for_each(|value| assert_eq!(status(value), 200, "{parameter} matches {value}"));
                quoted(row[2]).for_each(|value| assert_eq!(status(value), 404, "{parameter} does not match {value}"));
            }
        }
    }

    #[test]
    fn the_documented_mistakes_have_the_documented_messages() {
        for row in rows("pattern") {
            let pattern = quoted(row[0]).next().unwrap();
            let panic = catch_unwind(AssertUnwindSafe(|| _ = App::new().get(pattern, |_| ""))).unwrap_err();
            let message = panic.downcast_ref::<String>().unwrap();
            let (_, sentence) = message.split_once(": ").unwrap();
            assert!(sentence.starts_with(&format!("{} (at ", row[1])), "{pattern}: {message}");
        }
    }

    #[test]
    fn the_order_of_registration_does_not_matter() {
        let patterns = ["/v/{rest:path}", "/v/{x}", "/v/{x:float}", "/v/{x:uuid}", "/v/{x:int}", "/v/text"];
        let uuid = "01234567-89ab-CDEF-0123-456789abcdef";
        let targets = ["a/b", "a", "0.5", uuid, "7", "text"];
        for turned in 0..patterns.len() {
            let mut app = App::new();
            for at in 0..patterns.len() {
                let pattern = patterns[(at + turned) % patterns.len()];
                app.get(pattern, move |_| pattern);
            }
            for (pattern, target) in patterns.iter().zip(targets) {
                assert_eq!(app.test().get(&format!("/v/{target}")).send().text(), *pattern, "{target}");
            }
        }
        let mut app = App::new();
        app.get("/:x", |_| "text");
        app.get("/*", |_| "text");
        assert_eq!(["/:x", "/*", "/a"].map(|path| app.test().get(path).send().status().as_u16()), [200, 200, 404]);
    }
}
