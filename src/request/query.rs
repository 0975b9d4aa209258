//! Parses the query of a request.

use std::borrow::Cow;
use std::str::FromStr;

use crate::request::pairs::Urlencoded;
use crate::request::{Request, lenient};

impl Request<'_> {
    /// Returns the first value of a query parameter, decoded (`+` and `%XX`). `?name=` returns the
    /// empty string. A `%` without two digits, as in `?q=100%`, is taken literally.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/hello", |req| format!("Hello, {}!", req.query("name").unwrap_or("World".into())));
    /// assert_eq!(app.test().get("/hello?name=Zo%C3%AB+B").send().text(), "Hello, Zoë B!");
    /// ```
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.urlencoded_query().first(name)
    }

    /// Returns all values of a query parameter, in order.
    pub fn query_all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = Cow<'r, str>> {
        self.urlencoded_query().values(name)
    }

    /// Returns all query parameters, in order, decoded.
    pub fn query_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.urlencoded_query().pairs()
    }

    fn urlencoded_query(&self) -> Urlencoded<'_> {
        let query = self.head().target.query.map_or(&b""[..], |query| query.of(self.input()));
        Urlencoded::new(query, || &self.cache().query)
    }

    /// Returns a query parameter as a value of another type, or `default` when it is missing **or
    /// does not parse**, like Flask's `args.get(name, default, type=int)`. Ignores space around a
    /// number: `?page=+5` is ` 5`.
    ///
    /// ```
    /// # let mut app = wirelight::App::new();
    /// app.get("/", |req| req.query_or("page", 1_u32).to_string());
    /// assert_eq!(app.test().get("/?page=x").send().text(), "1");
    /// ```
    pub fn query_or<T: FromStr>(&self, name: &str, default: T) -> T {
        self.query(name).and_then(|value| lenient(&value)).unwrap_or(default)
    }
}
