//! A body as a form, of either kind: fields and files by name; knows the bytes of neither.

use std::borrow::Cow;
use std::str::FromStr;

use super::error::{Error, Result};
use super::multipart::{self, Part};
use super::request::{Request, lenient, media_type};
use crate::http1::status::StatusCode;

impl Request<'_> {
    /// The first value of a field of a form, urlencoded or multipart; none when the body is no form.
    pub fn form(&self, name: &str) -> Option<Cow<'_, str>> {
        self.form_pairs().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// All values of a field of a form, in order.
    pub fn form_all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = Cow<'r, str>> {
        self.form_pairs().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// A field of a form as a value of another type, or `default` when it is missing **or does not parse**.
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

    /// All fields of a form, in order, decoded; nothing when the body is of another type, or a multipart form with a mistake in it.
    /// Files are no fields.
    pub fn form_pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        let urlencoded = if self.is_media_type("application/x-www-form-urlencoded") { self.body() } else { b"" };
        let fields = self.sound_parts().filter(|part| part.filename().is_none());
        form_urlencoded::parse(urlencoded).chain(fields.map(Part::into_field))
    }

    /// The first file of a multipart form that was sent under this name: Flask's `request.files.get(name)`. None when there is none, or
    /// the form has a mistake in it; [`parts`](Request::parts) says which.
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
        self.files().find(|part| part.name() == name)
    }

    /// All files of a multipart form, in order; nothing when it has a mistake in it.
    pub fn files(&self) -> impl Iterator<Item = Part<'_>> {
        self.sound_parts().filter(|part| part.filename().is_some())
    }

    /// The parts of a multipart form (RFC 7578), fields and files, in order. Nothing is copied; each call reads the body anew, as
    /// [`form`](Request::form) and [`file`](Request::file) do, so one call is best for many parts.
    ///
    /// The form is whole in memory: [`max_body`](crate::Route::max_body) bounds it. What is larger is better sent as a body of its
    /// own, to a [`streaming`](crate::Route::streaming) route.
    ///
    /// # Errors
    /// 415 when the Content-Type is not `multipart/form-data` with a boundary; 400 when the body is no such form, with the reason in
    /// [`details`](Error::details); 413 when it has more than 1,000 parts, or a part's head more than 8 KiB.
    pub fn parts(&self) -> Result<Vec<Part<'_>>> {
        self.multipart().unwrap_or_else(|| {
            Err(Error::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The Content-Type is not multipart/form-data with a boundary.",
            ))
        })
    }

    /// Whether the Content-Type is that of a form: urlencoded, or multipart with a boundary.
    pub fn is_form(&self) -> bool {
        self.is_media_type("application/x-www-form-urlencoded") || self.boundary().is_some()
    }

    /// The parts, or what is wrong with them; none when the body is of another type, which most are: that is no error to make.
    fn multipart(&self) -> Option<Result<Vec<Part<'_>>>> {
        self.boundary().map(|boundary| multipart::parts(&boundary, self.body()))
    }

    /// The parts, if nothing is wrong with them.
    fn sound_parts(&self) -> impl Iterator<Item = Part<'_>> {
        self.multipart().and_then(Result::ok).unwrap_or_default().into_iter()
    }

    fn boundary(&self) -> Option<Cow<'_, str>> {
        self.content_type().filter(|_| self.is_media_type("multipart/form-data")).and_then(multipart::boundary)
    }

    fn is_media_type(&self, name: &str) -> bool {
        self.content_type().is_some_and(|kind| media_type(kind).eq_ignore_ascii_case(name))
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
