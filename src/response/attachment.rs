//! Names the file that a browser saves a response as (RFC 6266).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Response;

/// What an ext-value escapes: all but attr-char (RFC 8187 §3.2.1).
const EXT_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

impl Response {
    /// Has a browser save the body as a file of this name, instead of showing it
    /// (`Content-Disposition: attachment`, RFC 6266). The name may be text of a client: separators
    /// and control characters become `_`, and other characters are escaped.
    ///
    /// Use it for files that users have uploaded: a page among them would run its scripts on your
    /// origin.
    ///
    /// ```
    /// use wirelight::Response;
    ///
    /// let response = Response::default().text("a,b\n").attachment("Größe.csv");
    /// let disposition = "attachment; filename=\"Gr__e.csv\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.csv";
    /// assert_eq!(response.header_value("Content-Disposition"), Some(disposition));
    /// ```
    #[must_use]
    pub fn attachment(self, filename: &str) -> Response {
        self.header("Content-Disposition", disposition(filename))
    }
}

/// A name in plain ASCII is a quoted string. Another one is there twice: for old recipients, and as
/// an ext-value, which the others prefer (RFC 6266 §4.3). `%` in the first form is decoded by some
/// (appendix D).
fn disposition(filename: &str) -> String {
    let separates = |character: char| character.is_control() || matches!(character, '/' | '\\');
    let name = filename.replace(separates, "_");
    let is_plain = |character: char| matches!(character, ' '..='~') && !matches!(character, '"' | '%');
    let plain = name.replace(|character| !is_plain(character), "_");
    match &*name {
        "" => "attachment".to_owned(),
        name if name == plain => format!("attachment; filename=\"{plain}\""),
        name => format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{}", utf8_percent_encode(name, EXT_VALUE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_or_escaped() {
        for (name, field) in [
            ("report.pdf", "attachment; filename=\"report.pdf\""),
            ("my report; v=2.pdf", "attachment; filename=\"my report; v=2.pdf\""),
            ("", "attachment"),
            ("a\"b.txt", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
            ("50%2f.txt", "attachment; filename=\"50_2f.txt\"; filename*=UTF-8''50%252f.txt"),
            ("Zoë's €.txt", "attachment; filename=\"Zo_'s _.txt\"; filename*=UTF-8''Zo%C3%AB%27s%20%E2%82%AC.txt"),
            ("../../etc/passwd", "attachment; filename=\".._.._etc_passwd\""),
            ("C:\\a", "attachment; filename=\"C:_a\""),
            ("a\r\nSet-Cookie: b", "attachment; filename=\"a__Set-Cookie: b\""),
            ("a\u{0}\u{7f}\u{85}", "attachment; filename=\"a___\""),
        ] {
            assert_eq!(disposition(name), field, "{name:?}");
        }
    }
}
