//! Lists the routes, and builds the path of a named one.

use std::fmt;
use std::panic::Location;

use crate::app::route::Route;
use crate::app::router::Router;
use crate::http1::method::Method;
use crate::response::error::{Error, Result};
use crate::routing::pattern::Pattern;

/// A row of the route table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RouteInfo<'a> {
    /// The method of the route. HEAD is implied by GET, OPTIONS by every path; neither has a row.
    pub method: Method,
    /// The host that it belongs to ([`App::host`](crate::App::host)); `None` for all others.
    pub host: Option<&'a str>,
    /// The pattern, prefixes included.
    pub pattern: &'a str,
    /// Its [`name`](Route::name).
    pub name: Option<&'a str>,
    /// The line that added it.
    pub location: &'static Location<'static>,
    /// Number of guards, those of its routers included.
    pub guards: usize,
    /// The limit for its bodies, in bytes.
    pub max_body: Option<u64>,
    /// Whether it is a [`fallback`](Router::fallback): for paths below its prefix without a route, and
    /// for any method, whatever `method` is.
    pub fallback: bool,
}

/// The routes in the order added, from [`Router::routes`]. Displays as a table, in which the pattern
/// of a host begins with its name, and `*` is the method of a fallback.
#[derive(Clone)]
pub struct Routes<'a>(std::slice::Iter<'a, Route>);

impl Router {
    /// Returns the route table: of all hosts, with fallbacks.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/users/{id:int}", |_| "one").name("user");
    /// assert_eq!(app.routes().next().map(|route| route.pattern), Some("/users/{id:int}"));
    /// println!("{}", app.routes());
    /// ```
    pub fn routes(&self) -> Routes<'_> {
        Routes(self.routes.iter())
    }

    /// Builds the path of the route with this name. Values that are not parameters of its pattern
    /// become the query, as in Flask.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/users/{id:int}", |_| "one").name("user");
    /// assert_eq!(app.url_for("user", &[("id", "7")]).unwrap(), "/users/7");
    /// assert_eq!(app.url_for("user", &[("id", "7"), ("tab", "a b")]).unwrap(), "/users/7?tab=a+b");
    /// ```
    ///
    /// # Errors
    /// 500: no route has this name, two patterns have it, or a value is missing or not of its type.
    pub fn url_for(&self, name: &str, values: &[(&str, &str)]) -> Result<String> {
        let pattern = self.pattern_named(name)?;
        let (params, query): (Vec<_>, Vec<_>) =
            values.iter().partition(|(key, _)| pattern.params().any(|param| param == *key));
        let path = pattern.to_path(&params).map_err(|error| Error::internal(format!("url_for({name:?}): {error}")))?;
        if query.is_empty() {
            return Ok(path);
        }
        Ok(path + "?" + &form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish())
    }

    /// Several methods of one path may share a name.
    fn pattern_named(&self, name: &str) -> Result<&Pattern> {
        let mut routes = self.routes.iter().filter(|route| route.meta.name.as_deref() == Some(name));
        let first = routes.next().ok_or_else(|| Error::internal(format!("no route is named {name:?}")))?;
        match routes.find(|other| other.meta.pattern.text() != first.meta.pattern.text()) {
            None => Ok(&first.meta.pattern),
            Some(other) => {
                let (first, other) = (first.meta.describe(), other.meta.describe());
                Err(Error::internal(format!("two routes are named {name:?}: {first}, and {other}")))
            }
        }
    }
}

impl<'a> Iterator for Routes<'a> {
    type Item = RouteInfo<'a>;

    fn next(&mut self) -> Option<RouteInfo<'a>> {
        let route = self.0.next()?;
        Some(RouteInfo {
            method: route.meta.method,
            host: route.meta.host.as_deref(),
            pattern: route.meta.pattern.text(),
            name: route.meta.name.as_deref(),
            location: route.meta.callsite.location,
            guards: route.guards.len(),
            max_body: route.max_body,
            fallback: route.fallback,
        })
    }
}

impl fmt::Display for Routes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["METHOD", "PATTERN", "NAME", "GUARDS", "MAX BODY", "PLACE"].map(str::to_owned);
        let rows: Vec<[String; 6]> = std::iter::once(head).chain(self.clone().map(row)).collect();
        let widths: [usize; 6] =
            std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
        for row in &rows {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

fn row(route: RouteInfo<'_>) -> [String; 6] {
    let name = route.name.unwrap_or("-").to_owned();
    let limit = route.max_body.map_or("-".to_owned(), |bytes| bytes.to_string());
    let place = format!("{}:{}", route.location.file(), route.location.line());
    let method = if route.fallback { "*".to_owned() } else { route.method.to_string() };
    let pattern = route.host.unwrap_or_default().to_owned() + route.pattern;
    [method, pattern, name, route.guards.to_string(), limit, place]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;

    #[test]
    fn a_table_is_aligned() {
        let mut users = Router::new();
        users.require(|_| Ok(()));
        users.get("/", |_| "all");
        let line = line!() + 1;
        users.post("/", |_| "new").name("users").max_body(65_536).require(|_| Ok(()));
        let mut root = Router::new();
        root.nest("/v1/users", users);
        root.delete("/é", |_| "").name("é");
        let file = file!();
        let expected = [
            "METHOD  PATTERN    NAME   GUARDS  MAX BODY  PLACE".to_owned(),
            format!("GET     /v1/users  -      1       -         {file}:{}", line - 2),
            format!("POST    /v1/users  users  2       65536     {file}:{line}"),
            format!("DELETE  /é         é      0       -         {file}:{}", line + 3),
        ];
        assert_eq!(root.routes().to_string().lines().collect::<Vec<_>>(), expected);
        assert_eq!(Router::new().routes().to_string().lines().count(), 1);
    }

    #[test]
    fn hosts_and_fallbacks_are_in_the_table() {
        let mut api = Router::new();
        api.require(|_| Ok(()));
        api.get("/users", |_| "");
        api.fallback(|_| "").name("rest");
        let mut inner = Router::new();
        inner.fallback(|_| "");
        let mut app = App::new();
        app.host("*.Example.org", api);
        app.nest("/in", inner);
        app.get("/users", |_| "");
        let told = |route: RouteInfo<'_>| (route.host.map(str::to_owned), route.pattern.to_owned(), route.fallback);
        let host = || Some("*.example.org".to_owned());
        let expected = [
            (host(), "/users".to_owned(), false),
            (host(), "/{path:path}".to_owned(), true),
            (None, "/in/{path:path}".to_owned(), true),
            (None, "/users".to_owned(), false),
        ];
        assert_eq!(app.routes().map(told).collect::<Vec<_>>(), expected);
        let table = app.routes().to_string();
        let rows: Vec<Vec<_>> = table.lines().map(|row| row.split_whitespace().take(4).collect()).collect();
        assert_eq!(
            rows[1..],
            [
                ["GET", "*.example.org/users", "-", "1"],
                ["*", "*.example.org/{path:path}", "rest", "1"],
                ["*", "/in/{path:path}", "-", "0"],
                ["GET", "/users", "-", "0"],
            ]
        );
    }

    #[test]
    fn paths_of_names() {
        let users = || {
            let mut router = Router::new();
            router.get("/{id:int}", |_| "").name("user");
            router.put("/{id:int}", |_| "").name("user");
            router
        };
        let mut root = Router::new();
        root.nest("/v1", users());
        root.get("/f/{path:path}", |_| "").name("file");
        let path = |root: &Router, name, values: &[(&str, &str)]| {
            root.url_for(name, values)
                .unwrap_or_else(|error| error.source().map(ToString::to_string).unwrap_or_default())
        };
        assert_eq!(path(&root, "user", &[("id", "7")]), "/v1/7");
        assert_eq!(path(&root, "user", &[("q", "ü&="), ("id", "7"), ("q", "")]), "/v1/7?q=%C3%BC%26%3D&q=");
        assert_eq!(path(&root, "file", &[("path", "a b/#?")]), "/f/a%20b/%23%3F");
        assert_eq!(
            path(&root, "file", &[("path", "../etc")]),
            "url_for(\"file\"): the parameter 'path' is of type path, and \"../etc\" is not"
        );
        assert_eq!(path(&root, "user", &[]), "url_for(\"user\"): the parameter 'id' has no value");
        assert_eq!(path(&root, "none", &[]), "no route is named \"none\"");
        root.nest("/v2", users());
        let error = path(&root, "user", &[("id", "7")]);
        assert!(error.starts_with("two routes are named \"user\": /v1/{id:int} at src/app/route_table.rs:"), "{error}");
        assert!(error.contains(", and /v2/{id:int} at src/app/route_table.rs:"), "{error}");
    }
}
