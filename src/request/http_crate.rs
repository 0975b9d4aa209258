//! Converts requests to those of the http crate.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::request::Request;
use crate::response::error::{Error, Result};

impl Request<'_> {
    /// Returns a copy of the header fields as a map of the http crate.
    pub fn header_map(&self) -> HeaderMap {
        let field = |(name, value): (&str, &[u8])| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_bytes(value).ok()?))
        };
        let mut map = HeaderMap::new();
        for (name, value) in self.headers().filter_map(field) {
            map.append(name, value);
        }
        map
    }

    /// Returns a copy of the request as one of the http crate, with its body, for code that takes
    /// those.
    ///
    /// ```
    /// use wirelight::{App, Request, Result};
    ///
    /// fn generic(request: http::Request<Vec<u8>>) -> http::Response<String> {
    ///     let text = format!("{} {}: {} bytes", request.method(), request.uri().path(), request.body().len());
    ///     http::Response::builder().status(http::StatusCode::ACCEPTED).header("x-a", "b").body(text).unwrap()
    /// }
    ///
    /// let mut app = App::new();
    /// app.post("/jobs", |req: &Request| -> Result<_> { Ok(generic(req.to_http()?)) });
    /// let response = app.test().post("/jobs").body("text/plain", "work").send();
    /// assert_eq!((response.status().as_u16(), response.text()), (202, "POST /jobs: 4 bytes"));
    /// ```
    ///
    /// # Errors
    /// 400 if the http crate cannot represent the target or the method.
    ///
    /// # Panics
    /// As [`body`](Request::body), in a hook that runs before the body has arrived.
    pub fn to_http(&self) -> Result<http::Request<Vec<u8>>> {
        let refused =
            |_| Error::bad_request("The target or the method has a form that this resource does not support.");
        let builder =
            http::Request::builder().method(self.method().as_str()).uri(self.target()).version(self.version().into());
        let mut request = builder.body(self.body().to_vec()).map_err(refused)?;
        *request.headers_mut() = self.header_map();
        Ok(request)
    }
}
