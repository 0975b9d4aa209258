//! Parses a body as a form, urlencoded or multipart.

use std::borrow::Cow;
use std::str::FromStr;

use crate::request::multipart::{self, MultipartError, Part, Parts};
use crate::request::pairs::Urlencoded;
use crate::request::{Request, lenient};
use crate::response::error::Result;

/// Result of parsing a multipart form. `None` if the body is not one.
pub(crate) type ParsedMultipart = Option<std::result::Result<Parts, MultipartError>>;

impl Request<'_> {
    /// Returns the first value of a field of a form, urlencoded or multipart. `None` if the body is
    /// not a form.
    ///
    /// The body is parsed once, by the first call that needs it; later calls use the result. A body
    /// with a Content-Encoding is not parsed: the request gets 415, whatever the handler returns.
    pub fn form(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.valid_parts() {
            Some(parts) => parts.named(name, self.body()).find(Part::is_field).map(|part| part.text()),
            None => self.urlencoded().first(name),
        }
    }

    /// Returns all values of a field of a form, in order.
    pub fn form_all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = Cow<'r, str>> {
        let parts = self.valid_parts().into_iter().flat_map(move |parts| parts.named(name, self.body()));
        self.urlencoded().values(name).chain(parts.filter(Part::is_field).map(|part| part.text()))
    }

    /// Returns a field of a form as a value of another type, or `default` when it is missing **or
    /// does not parse**.
    ///
    /// ```
    /// # let mut app = wirelight::App::new();
    /// app.post("/", |req| req.form_or("age", 18_u8).to_string());
    /// assert_eq!(app.test().post("/").form(&[("age", "81")]).send().text(), "81");
    /// assert_eq!(app.test().post("/").form(&[("age", "-1")]).send().text(), "18");
    /// ```
    pub fn form_or<T: FromStr>(&self, name: &str, default: T) -> T {
        self.form(name).and_then(|value| lenient(&value)).unwrap_or(default)
    }

    /// Returns all fields of a form, in order, decoded. Empty when the body has another type or is
    /// a malformed multipart form. Does not include files.
    pub fn form_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        self.urlencoded().pairs().chain(self.all_parts().filter(Part::is_field).map(Part::into_field))
    }

    /// Returns the first file of a multipart form that was sent under this name: Flask's
    /// `request.files.get(name)`. `None` when it is missing or the form is malformed;
    /// [`parts`](Request::parts) returns the error.
    ///
    /// ```
    /// use wirelight::{App, Error, Request, Result};
    ///
    /// fn upload(req: &Request) -> Result<String> {
    ///     let file = req.file("photo").ok_or(Error::bad_request("a photo is missing"))?;
    ///     Ok(format!("{} has {} bytes", file.safe_filename().unwrap_or("it".into()), file.bytes().len()))
    /// }
    ///
    /// let mut app = App::new();
    /// app.post("/photos", upload).max_body(5 << 20); // the limit holds for all parts together
    /// let body = "--b\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"a.png\"\r\n\r\nabc\r\n--b--\r\n";
    /// let reply = app.test().post("/photos").body("multipart/form-data; boundary=b", body).send();
    /// assert_eq!(reply.text(), "a.png has 3 bytes");
    /// ```
    pub fn file(&self, name: &str) -> Option<Part<'_>> {
        self.valid_parts()?.named(name, self.body()).find(|part| !part.is_field())
    }

    /// Returns all files of a multipart form, in order. Empty when the form is malformed.
    pub fn files(&self) -> impl Iterator<Item = Part<'_>> {
        self.all_parts().filter(|part| !part.is_field())
    }

    /// Returns the parts of a multipart form (RFC 7578), fields and files, in order. Their data is
    /// not copied.
    ///
    /// The whole form is held in memory; [`max_body`](crate::Route::max_body) limits it. For larger
    /// ones, [`multipart`](Request::multipart) reads the parts while they arrive.
    ///
    /// # Errors
    /// 415 when the Content-Type is not `multipart/form-data` with a boundary (and at most 32
    /// parameters), or when the body has a Content-Encoding; 400 when the body is malformed, with
    /// the reason in [`details`](crate::Error::details); 413 when it has more than 1,000 parts, or a
    /// part's head exceeds 8 KiB.
    pub fn parts(&self) -> Result<Vec<Part<'_>>> {
        self.unencoded_body()?;
        match self.parsed_multipart() {
            Some(Ok(parts)) => Ok(parts.iter(self.body()).collect()),
            Some(Err(refusal)) => Err(refusal.error()),
            None => Err(MultipartError::unsupported()),
        }
    }

    /// Returns whether the Content-Type is that of a form: urlencoded, or multipart with a
    /// boundary.
    pub fn is_form(&self) -> bool {
        self.is_media_type("application/x-www-form-urlencoded") || self.boundary().is_some()
    }

    fn urlencoded(&self) -> Urlencoded<'_> {
        let body = if self.is_media_type("application/x-www-form-urlencoded") { self.unencoded_form() } else { b"" };
        Urlencoded::new(body, || &self.cache().form)
    }

    /// Returns the parts, or the parse error. `None` when the body has another type: most bodies
    /// have, so that is not an error.
    pub(super) fn parsed_multipart(&self) -> Option<&std::result::Result<Parts, MultipartError>> {
        if !self.is_media_type("multipart/form-data") {
            return None;
        }
        let read = || self.boundary().map(|boundary| Parts::read(&boundary, self.unencoded_form()));
        self.cache().multipart.get_or_init(read).as_ref()
    }

    /// Returns the parts if the form is valid.
    fn valid_parts(&self) -> Option<&Parts> {
        self.parsed_multipart()?.as_ref().ok()
    }

    fn all_parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.valid_parts().into_iter().flat_map(|parts| parts.iter(self.body()))
    }

    pub(super) fn boundary(&self) -> Option<Cow<'_, str>> {
        self.content_type().filter(|_| self.is_media_type("multipart/form-data")).and_then(multipart::boundary)
    }

    /// Compares the media type without its parameters, however many there are: every call needs it.
    fn is_media_type(&self, name: &str) -> bool {
        let Some(value) = self.field_values("content-type").next() else { return false };
        let (start, rest) = value.split_at_checked(name.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(name.as_bytes()) && matches!(rest.trim_ascii_start(), [] | [b';', ..])
    }
}

#[cfg(test)]
mod tests {
    use crate::App;

    #[test]
    fn form_fields() {
        let mut app = App::new();
        app.post("/", |req| format!("{:?} {}", req.form_all("tag").collect::<Vec<_>>(), req.form_or("n", 1_u8)));
        let form = "application/x-www-form-urlencoded; charset=utf-8";
        for (media_type, body, text) in [
            (form, "tag=a&x=y&tag=b+c&n=7", "[\"a\", \"b c\"] 7"),
            (form, "tag=%ff&tag&n=-7", "[\"\u{fffd}\", \"\"] 1"),
            (form, "&&=&%&tag=%", "[\"%\"] 1"),
            ("text/plain", "tag=a&n=7", "[] 1"),
        ] {
            assert_eq!(app.test().post("/").body(media_type, body).send().text(), text, "{body}");
        }
    }
}
