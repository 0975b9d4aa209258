//! Converts responses from and to those of the http crate.

use crate::http1::status::StatusCode;
use crate::response::Response;
use crate::response::error::Error;
use crate::response::into_response::IntoResponse;

impl Response {
    /// Returns the response as one of the http crate, with the body if it is in memory.
    ///
    /// ```
    /// use wirelight::{Json, Response};
    ///
    /// let response = Response::from(Json([1, 2])).header("X-A", "b").into_http();
    /// assert_eq!((response.status(), response.headers()["x-a"].as_bytes()), (http::StatusCode::OK, &b"b"[..]));
    /// assert_eq!(response.body(), b"[1,2]");
    /// ```
    pub fn into_http(self) -> http::Response<Vec<u8>> {
        let mut response = http::Response::new(self.body().to_vec());
        *response.status_mut() = self.status().into();
        for (name, value) in self.headers() {
            if let (Ok(name), Ok(value)) =
                (http::HeaderName::from_bytes(name.as_bytes()), http::HeaderValue::from_bytes(value))
            {
                response.headers_mut().append(name, value);
            }
        }
        response
    }
}

impl IntoResponse for http::StatusCode {
    fn write_to(self, response: &mut Response) {
        match StatusCode::try_from(self) {
            Ok(status) => status.write_to(response),
            Err(error) => response.fail(Error::internal(error)),
        }
    }
}

/// The status, the fields and the body; the server frames it as any other.
impl<B: Into<Vec<u8>>> IntoResponse for http::Response<B> {
    fn write_to(self, response: &mut Response) {
        let (parts, body) = self.into_parts();
        parts.status.write_to(response);
        for (name, value) in &parts.headers {
            response.append_header(name.as_str(), value.as_bytes());
        }
        let body = body.into();
        if !body.is_empty() {
            response.set_bytes(body);
        }
    }
}
