//! Serves the page that shows the document, and lets a reader try each route.

use std::borrow::Cow;

use super::OpenApi;
use crate::app::App;
use crate::content::embedded_page::{FIELDS, WireView};
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;

const INDEX: &str = include_str!("page/index.html");
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, media type and content of each file beside the index.
const FILES: &[(&str, &str, &str)] = &[
    ("dom.js", JAVASCRIPT, include_str!("page/dom.js")),
    ("page.css", "text/css; charset=utf-8", include_str!("page/page.css")),
    ("page.js", JAVASCRIPT, include_str!("page/page.js")),
    ("schema.js", JAVASCRIPT, include_str!("page/schema.js")),
    ("try.js", JAVASCRIPT, include_str!("page/try.js")),
];

/// The page of the document (feature `openapi`).
impl App {
    /// Serves a page that shows `document`, below `prefix`, and the document itself as
    /// `openapi.json`. It loads nothing from elsewhere. Routes that are added later are not in the
    /// document: call this last. The routes of the page are not in it either.
    ///
    /// A client that can open the page can read all of the document, and nothing more.
    ///
    /// ```
    /// use wirelight::App;
    ///
    /// let mut app = App::new();
    /// app.get("/hello", |_| "Hello!").about("Says hello.");
    /// app.docs("/docs", app.openapi().title("Hello"));
    ///
    /// let client = app.test();
    /// assert!(client.get("/docs/").send().text().starts_with("<!doctype html>"));
    /// let document: serde_json::Value = client.get("/docs/openapi.json").send().json();
    /// assert_eq!(document["info"]["title"], "Hello");
    /// ```
    ///
    /// # Panics
    /// At start-up, as [`get`](crate::Router::get).
    #[track_caller]
    pub fn docs(&mut self, prefix: &str, document: OpenApi) {
        let prefix = prefix.trim_end_matches('/');
        let index = self.get(&format!("{prefix}/"), |request| file("text/html; charset=utf-8", &index(request)));
        index.directory = true;
        index.undocumented();
        for &(name, media_type, text) in FILES {
            self.get(&format!("{prefix}/{name}"), move |_| file(media_type, text)).undocumented();
        }
        let text = document.to_string();
        self.get(&format!("{prefix}/openapi.json"), move |_| file("application/json", &text)).undocumented();
    }
}

/// Returns the page, with the address of the wire view if there is one.
fn index(request: &Request<'_>) -> Cow<'static, str> {
    match request.app_state().values.get::<WireView>() {
        Some(WireView(address)) => INDEX.replace("data-wire=\"\"", &format!("data-wire=\"{address}\"")).into(),
        None => INDEX.into(),
    }
}

fn file(media_type: &str, text: &str) -> Response {
    let response = Response::new(StatusCode::OK).text(text).header("Content-Type", media_type);
    FIELDS.iter().fold(response, |response, (name, value)| response.header(name, value))
}
