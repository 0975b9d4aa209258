//! Rejects bodies with a Content-Encoding (RFC 9110 §8.4), which no reader decodes.

use crate::http1::field_value::list;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::error::{Error, Result};

impl Request<'_> {
    /// Returns the body for a reader that knows its media type.
    ///
    /// # Errors
    /// 415 when the body has a Content-Encoding.
    #[track_caller]
    pub(crate) fn unencoded_body(&self) -> Result<&[u8]> {
        self.check_unencoded()?;
        Ok(self.body())
    }

    /// Returns a 415 when the body has a Content-Encoding.
    pub(crate) fn check_unencoded(&self) -> Result<()> {
        if self.is_encoded() { Err(unsupported()) } else { Ok(()) }
    }

    /// Returns the body for a reader that cannot return an error: empty if it has a
    /// Content-Encoding, and the response becomes a 415 whatever the handler returns.
    #[track_caller]
    pub(crate) fn unencoded_form(&self) -> &[u8] {
        let coded = self.is_encoded();
        if coded {
            self.cache().rejects_coding.set(true);
        }
        if coded { b"" } else { self.body() }
    }

    /// Replaces the response with a 415 if the handler asked for a form that could not be read.
    #[inline]
    pub(crate) fn reject_coding(&self, response: &mut Response) {
        if self.cache_if_used().is_some_and(|parsed| parsed.rejects_coding.get()) {
            response.fail(unsupported());
        }
    }

    /// Returns whether the body has a Content-Encoding. `identity` is not a coding; requests should
    /// not name it (RFC 9110 §8.4.1), but some do.
    fn is_encoded(&self) -> bool {
        let mut codings = self.field_values("content-encoding").flat_map(list);
        codings.any(|coding| !coding.eq_ignore_ascii_case(b"identity"))
    }
}

/// Builds the 415, which lists the accepted codings (RFC 9110 §15.5.16).
#[cold]
fn unsupported() -> Error {
    Error::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body has a Content-Encoding: send it without one.")
        .with_header("Accept-Encoding", "identity")
}

#[cfg(test)]
mod tests {
    use crate::{App, Json};

    const JSON: &str = "application/json";
    const FORM: &str = "application/x-www-form-urlencoded";
    const MULTIPART: &str = "multipart/form-data; boundary=b";
    const PARTS: &str = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n";

    fn app() -> App {
        let mut app = App::new();
        app.post("/json", |req| req.json::<u8>().map(Json));
        app.post("/json-value", |req| req.json_value().map(Json));
        app.post("/json-opt", |req| format!("{:?}", req.json_opt::<u8>()));
        app.post("/text", |req| req.text_body().map(str::to_owned));
        app.post("/form", |req| req.form("a").map(String::from));
        app.post("/form-or", |req| req.form_or("a", 0_u8).to_string());
        app.post("/form-all", |req| req.form_all("a").count().to_string());
        app.post("/form-pairs", |req| req.form_pairs().count().to_string());
        app.post("/file", |req| req.file("a").is_some().to_string());
        app.post("/files", |req| req.files().count().to_string());
        app.post("/parts", |req| req.parts().map(|parts| parts.len().to_string()));
        app.post("/raw", |req| req.body().to_vec());
        app.post("/reader", |req| std::io::read_to_string(req.body_reader()));
        app
    }

    #[test]
    fn no_reader_takes_a_coded_body_for_what_is_inside() {
        let app = app();
        let client = app.test();
        let readers = [
            ("/json", JSON, "1"),
            ("/json-value", JSON, "1"),
            ("/text", "text/plain", "1"),
            ("/form", FORM, "a=1"),
            ("/form-or", FORM, "a=1"),
            ("/form-all", FORM, "a=1"),
            ("/form-pairs", FORM, "a=1"),
            ("/form", MULTIPART, PARTS),
            ("/form-all", MULTIPART, PARTS),
            ("/file", MULTIPART, PARTS),
            ("/files", MULTIPART, PARTS),
            ("/parts", MULTIPART, PARTS),
        ];
        for (target, media_type, body) in readers {
            for lines in [
                &["gzip"][..],
                &["x-gzip"],
                &["br"],
                &["aws-chunked"],
                &["identity, gzip"],
                &["identity", "GZip"],
                &["?"],
            ] {
                let request = client.post(target).body(media_type, body);
                let request = lines.iter().fold(request, |request, line| request.header("Content-Encoding", line));
                let reply = request.send();
                assert_eq!(reply.status().as_u16(), 415, "{target} {lines:?}");
                assert_eq!(reply.header("accept-encoding"), Some("identity"), "{target} {lines:?}");
            }
            for line in ["identity", "", ",", "Identity, identity"] {
                let reply = app.test().post(target).body(media_type, body).header("Content-Encoding", line).send();
                assert_eq!(reply.status().as_u16(), 200, "{target} {line:?}");
            }
        }
    }

    #[test]
    fn the_bytes_themselves_are_given_as_they_came() {
        let app = app();
        for (target, media_type) in [("/raw", JSON), ("/raw", FORM), ("/reader", "text/plain")] {
            let reply = app.test().post(target).body(media_type, "a=1").header("Content-Encoding", "gzip").send();
            assert_eq!((reply.status().as_u16(), reply.text()), (200, "a=1"), "{target}");
        }
        let reply = app.test().post("/json-opt").body(JSON, "1").header("Content-Encoding", "gzip").send();
        assert_eq!((reply.status().as_u16(), reply.text()), (200, "None"));
        // A body of another type is not a form, encoded or not.
        let reply = app.test().post("/form-or").body(JSON, "1").header("Content-Encoding", "gzip").send();
        assert_eq!((reply.status().as_u16(), reply.text()), (200, "0"));
    }
}
