//! Replaces placeholders of the corpus by the validators of the served file.

use std::time::{Duration, SystemTime};

use wirelight::App;

/// The corpus with `@{ETAG}`, `@{LM}` and their relatives filled in, as JSON still.
pub fn filled(corpus: &str, app: &App) -> String {
    let reply = app.test().get("/static/hello.txt").send();
    let field = |name| reply.header(name).expect("a validator");
    let modified = httpdate::parse_http_date(field("last-modified")).expect("a date");
    let hour = Duration::from_secs(3_600);
    [
        ("ETAG", field("etag").replace('"', "\\\"")),
        ("ETAG_OPAQUE", field("etag").trim_start_matches("W/").replace('"', "\\\"")),
        ("LM", httpdate::fmt_http_date(modified)),
        ("LM_850", rfc_850(modified)),
        ("LM_EARLIER", httpdate::fmt_http_date(modified - hour)),
        ("LM_LATER", httpdate::fmt_http_date(modified + hour)),
    ]
    .into_iter()
    .fold(corpus.to_owned(), |text, (name, value)| text.replace(&format!("@{{{name}}}"), &value))
}

/// `Sunday, 06-Nov-94 08:49:37 GMT` of `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
fn rfc_850(time: SystemTime) -> String {
    let date = httpdate::fmt_http_date(time);
    let days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let day = days.into_iter().find(|day| date.starts_with(&day[..3])).expect("a weekday");
    format!("{day}, {}-{}-{} {}", &date[5..7], &date[8..11], &date[14..16], &date[17..])
}
