//! Builds the parts of a test's form: text and files, as a browser sends them (RFC 7578).

use super::TestRequest;

/// Long enough that no test sends it as content.
const BOUNDARY: &str = "wirelight-test-boundary-7MA4YWxkTrZu0gW";

impl TestRequest<'_> {
    /// Adds a text field to a multipart form.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.post("/", |req| {
    ///     let file = req.file("photo")?;
    ///     Some(format!("{}: {:?} of {} bytes", req.form("title")?, file.filename()?, file.bytes().len()))
    /// });
    /// let client = app.test();
    /// let form = client.post("/").part("title", "Zoë").file("photo", "z.png", "image/png", b"\x89PNG");
    /// assert_eq!(form.send().text(), "Zoë: \"z.png\" of 4 bytes");
    /// ```
    #[must_use]
    pub fn part(self, name: &str, value: &str) -> Self {
        self.add_part(&format!("name=\"{}\"", quoted(name)), "", value.as_bytes())
    }

    /// Adds a file to a multipart form.
    #[must_use]
    pub fn file(self, name: &str, filename: &str, media_type: &str, content: &[u8]) -> Self {
        let disposition = format!("name=\"{}\"; filename=\"{}\"", quoted(name), quoted(filename));
        self.add_part(&disposition, &format!("Content-Type: {media_type}\r\n"), content)
    }

    fn add_part(mut self, disposition: &str, fields: &str, content: &[u8]) -> Self {
        let end = format!("--{BOUNDARY}--\r\n");
        if self.body.as_ref().is_none_or(|body| !body.ends_with(end.as_bytes())) {
            self = self.body(&format!("multipart/form-data; boundary={BOUNDARY}"), &end);
        }
        let body = self.body.get_or_insert_default();
        body.truncate(body.len() - end.len());
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n{fields}\r\n");
        for piece in [head.as_bytes(), content, b"\r\n", end.as_bytes()] {
            body.extend_from_slice(piece);
        }
        self
    }
}

/// Escapes a name as browsers do (WHATWG HTML §4.10.21.8).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
