//! Serves the files of a directory, with validators and precompressed siblings.

mod assets;
mod cache;
mod known;
mod page;
mod root;
mod version;

use std::borrow::Cow;
use std::ffi::OsString;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use self::assets::{Asset, Assets, Found};
use self::cache::FileCache;
use self::known::{FileContent, KnownFile, describe};
use self::root::{Entry, Root};
use self::version::FileVersion;
use crate::content::conditional;
use crate::http1::method::Method;
use crate::http1::status::StatusCode;
use crate::request::Request;
use crate::response::Response;
use crate::response::body_source::FileSource;
use crate::response::error::{Error, Result};
use crate::response::into_response::IntoResponse;
use crate::response::redirect::Redirect;

/// Content codings in the order of preference, and their file suffixes.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Files to serve: a directory, or a table that is part of the program.
/// [`Router::files`](crate::Router::files) takes any path; this type has the options.
///
/// Only regular files inside the directory are sent, whatever the path is and wherever links lead.
/// Directories are not listed. Names with a leading dot are hidden.
///
/// ```no_run
/// use wirelight::{App, Files};
///
/// let mut app = App::new();
/// app.files("/static", "public");
/// app.files("/docs", Files::new("site").index("index.html").cache_control("public, max-age=3600").precompressed());
/// ```
#[derive(Clone, Debug)]
pub struct Files {
    root: Root,
    /// The files, if they are part of the program and not in `root`.
    assets: Option<Arc<Assets>>,
    index: Option<String>,
    cache_control: Option<String>,
    precompressed: bool,
    /// The file to send for pages that do not exist.
    page: Option<String>,
    /// Independent of the options, so clones share it.
    cache: Arc<FileCache>,
}

impl Files {
    /// Serves the files of this directory. A relative path is resolved now, against the working
    /// directory.
    pub fn new(directory: impl AsRef<Path>) -> Files {
        let directory = directory.as_ref();
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        Files {
            root: Root { directory, dotfiles: false, follow_external_links: false },
            assets: None,
            index: None,
            cache_control: None,
            precompressed: false,
            page: None,
            cache: Arc::default(),
        }
    }

    /// Serves files that are part of the program, by their names: `css/style.css`. Takes what
    /// `include_bytes!`, `include_dir` and `rust-embed` make; the options are those of a directory.
    /// The `ETag` is a hash of the content; there is no `Last-Modified`.
    ///
    /// ```
    /// use wirelight::{App, Files};
    ///
    /// let files = Files::embedded([
    ///     ("index.html", &b"<!doctype html><title>Hello</title>"[..]), // or include_bytes!("…").as_slice()
    ///     ("css/style.css", b"body { margin: 0 }"),
    /// ]);
    /// let mut app = App::new();
    /// app.files("/", files.index("index.html").cache_control("no-cache"));
    /// assert!(app.test().get("/").send().text().starts_with("<!doctype html>"));
    /// assert_eq!(app.test().get("/css/style.css").send().header("Content-Type"), Some("text/css; charset=utf-8"));
    /// // rust-embed:  Files::embedded(Assets::iter().filter_map(|name| Some((name.clone(), Assets::get(&name)?.data))))
    /// // include_dir: Files::embedded(DIR.files().map(|file| (file.path().to_str().unwrap(), file.contents())))
    /// ```
    pub fn embedded<N, B>(files: impl IntoIterator<Item = (N, B)>) -> Files
    where
        N: Into<Cow<'static, str>>,
        B: Into<Cow<'static, [u8]>>,
    {
        Files { assets: Some(Arc::new(Assets::new(files))), ..Files::new("") }
    }

    /// Sends the file of this name, with 200, for pages that do not exist: a single-page
    /// application makes them in the browser. Routes of the program, and fallbacks of routers for
    /// longer prefixes, precede all of these files.
    ///
    /// It is sent to a GET or HEAD whose `Accept` lists `text/html` by name, as browsers do for
    /// pages only: a script, an image, a `fetch` or `curl` gets 404. So does a path whose last
    /// segment ends as a file of a known type does (`report.pdf`).
    ///
    /// ```
    /// use wirelight::{App, Error, Files, Router};
    ///
    /// let mut api = Router::new();
    /// api.fallback(|_| Error::not_found("The API has no such resource."));
    /// let mut app = App::new();
    /// app.nest("/api", api);
    /// app.files("/", Files::embedded([("index.html", &b"<!doctype html>"[..])]).fallback("index.html"));
    ///
    /// let client = app.test();
    /// let ask = |path, accept| client.get(path).header("Accept", accept).send().status().as_u16();
    /// assert_eq!(ask("/users/7", "text/html,*/*;q=0.8"), 200);
    /// assert_eq!(ask("/app.js", "*/*"), 404);
    /// assert_eq!(ask("/report.pdf", "text/html,*/*;q=0.8"), 404);
    /// assert_eq!(ask("/api/user", "text/html"), 404);
    /// ```
    #[must_use]
    pub fn fallback(mut self, name: &str) -> Files {
        self.page = Some(name.to_owned());
        self
    }

    /// Serves the file of this name for a path that ends with a slash. A directory without its
    /// slash is redirected (308), so that relative links work.
    #[must_use]
    pub fn index(mut self, name: &str) -> Files {
        self.index = Some(name.to_owned());
        self
    }

    /// Sets `Cache-Control` on every file. Without it, caches guess a lifetime, often a tenth of
    /// the file's age (RFC 9111 §4.2.2).
    #[must_use]
    pub fn cache_control(mut self, directives: &str) -> Files {
        self.cache_control = Some(directives.to_owned());
        self
    }

    /// Sends `style.css.br` or `style.css.gz` instead of `style.css` to clients that accept the
    /// coding, unless it is older. The files of such a pair must have the same content. Costs two
    /// system calls a request.
    #[must_use]
    pub fn precompressed(mut self) -> Files {
        self.precompressed = true;
        self
    }

    /// Serves names with a leading dot too: `.well-known`, but also `.env` and `.git`.
    #[must_use]
    pub fn dotfiles(mut self) -> Files {
        self.root.dotfiles = true;
        self
    }

    /// Follows symbolic links out of the directory. Links inside are always followed.
    #[must_use]
    pub fn follow_links(mut self) -> Files {
        self.root.follow_external_links = true;
        self
    }

    /// Responds with the file of this name from a handler, which decides who may have it and under
    /// which name: Flask's `send_from_directory`. Conditions, ranges and the options of these files
    /// apply. A name may have several segments (`2026/report.pdf`), and may come from a client.
    ///
    /// ```
    /// use wirelight::{App, Files, Request, Response, Result};
    ///
    /// let files = Files::new("docs");
    /// let mut app = App::new();
    /// app.get("/pages/{name}", move |req: &Request| -> Result<Response> {
    ///     let name: String = req.param("name")?;
    ///     Ok(files.send_file(req, &format!("{name}.md"))?.attachment("page.md"))
    /// });
    /// let client = app.test();
    /// let part = client.get("/pages/errors").header("Range", "bytes=0-7").send();
    /// assert_eq!((part.status().as_u16(), part.text()), (206, "# Errors"));
    /// assert_eq!(client.get("/pages/..%2FREADME").send().status(), 404);
    /// ```
    ///
    /// # Errors
    /// 404 if there is no such file below the directory, 500 if the file cannot be read.
    pub fn send_file(&self, request: &Request<'_>, name: &str) -> Result<Response> {
        self.send_at(&name.split('/').collect::<Vec<_>>(), request)
    }

    /// Returns what is missing of the files, for a panic at start-up.
    pub(crate) fn missing(&self) -> Option<String> {
        if self.assets.is_none() && !self.root.directory.is_dir() {
            return Some(format!("there is no directory {}", self.root.directory.display()));
        }
        let page = self.page.as_ref()?;
        let found = self.find(&page.split('/').collect::<Vec<_>>());
        let is_file = matches!(found, Ok(Some(Located::File(..) | Located::Asset(..))));
        (!is_file).then(|| format!("there is no file {page:?}"))
    }

    pub(crate) fn has_fallback(&self) -> bool {
        self.page.is_some()
    }

    pub(crate) fn has_index(&self) -> bool {
        self.index.is_some()
    }

    /// Responds with a file, or with the page for those that do not exist.
    pub(crate) fn respond(&self, request: &Request<'_>) -> Result<Response> {
        match (self.respond_with_file(request), &self.page) {
            (Err(error), Some(page)) if error.status() == StatusCode::NOT_FOUND && page::may_stand_for(request) => {
                if !page::is_accepted(request) {
                    return Err(error.with_header("Vary", "Accept")); // a cache may store a 404 (RFC 9110 §15.5.5)
                }
                let mut response = self.send_file(request, page)?;
                response.add_vary("Accept");
                Ok(response)
            }
            (result, _) => result,
        }
    }

    fn respond_with_file(&self, request: &Request<'_>) -> Result<Response> {
        let rest: String = match request.param("path") {
            Err(error) if error.status() == StatusCode::NOT_FOUND => return Err(error),
            rest => rest.unwrap_or_default(), // the route of the index has no parameter
        };
        // `%2F` is not a separator (RFC 3986 §2.2), and no name has a slash in it.
        if request.raw_path().as_bytes().windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%2f")) {
            return Err(Error::not_found(""));
        }
        let mut segments: Vec<&str> = rest.split('/').collect();
        let slash = segments.pop_if(|last| last.is_empty()).is_some();
        let found = self.find(&segments)?;
        let exists = match &found {
            Some(Located::Directory) => self.index.is_some(),
            Some(Located::File(..) | Located::Asset(..)) => !slash,
            None => false,
        };
        if exists && !is_read(request) {
            return respond_to_other_method(request); // a fallback is for all methods
        }
        match (found, &self.index) {
            (Some(Located::Directory), Some(_)) if !slash => {
                let path = format!("{}/", request.raw_path());
                Ok(Redirect::to_path(&path, request.query_string()).into_response())
            }
            (Some(Located::Directory), Some(index)) => {
                segments.push(index);
                self.send_at(&segments, request)
            }
            (Some(target), _) if exists => self.send_target(target, request),
            _ => Err(Error::not_found("")),
        }
    }

    /// Returns what the decoded segments of a path lead to.
    fn find(&self, segments: &[&str]) -> Result<Option<Located<'_>>> {
        let Some(assets) = &self.assets else {
            return Ok(self.root.find(segments)?.map(|entry| match entry {
                Entry::File(path, version) => Located::File(path, version),
                Entry::Directory => Located::Directory,
            }));
        };
        let found = segments.iter().all(|segment| self.root.shows(segment)).then(|| assets.find(segments)).flatten();
        Ok(found.map(|found| match found {
            Found::File(name, asset) => Located::Asset(assets, name, asset),
            Found::Directory => Located::Directory,
        }))
    }

    fn send_at(&self, segments: &[&str], request: &Request<'_>) -> Result<Response> {
        let target = self.find(segments)?.ok_or_else(|| Error::not_found(""))?;
        self.send_target(target, request)
    }

    fn send_target(&self, target: Located<'_>, request: &Request<'_>) -> Result<Response> {
        match target {
            Located::File(path, version) => self.send(request, &path, version),
            Located::Asset(assets, name, asset) => {
                let mut response = assets.send(name, asset, self.precompressed, request);
                if let Some(directives) = &self.cache_control {
                    response.set_header("Cache-Control", directives);
                }
                Ok(response)
            }
            Located::Directory => Err(Error::not_found("")),
        }
    }

    /// Sends the file that was found at this path, or a compressed form of it.
    fn send(&self, request: &Request<'_>, path: &Path, found: FileVersion) -> Result<Response> {
        let siblings = if self.precompressed { siblings(path, &found) } else { Vec::new() };
        if !siblings.is_empty() {
            return self.send_form(request, path, found, siblings);
        }
        let file = self.file(path, &found)?.ok_or_else(|| Error::not_found(""))?;
        self.finish(request, Response::with_field_lines(file.fields.clone()), &file)
    }

    /// Sends the form of a file that the client prefers.
    fn send_form(
        &self,
        request: &Request<'_>,
        path: &Path,
        found: FileVersion,
        mut siblings: Vec<Sibling>,
    ) -> Result<Response> {
        let mut response = Response::default();
        response.add_vary("Accept-Encoding");
        let offers: Vec<_> = siblings.iter().map(|sibling| sibling.coding).chain(["identity"]).collect();
        let chosen = request.accepts_encoding(&offers);
        let mut form = None;
        if let Some(sibling) = siblings.iter_mut().find(|sibling| Some(sibling.coding) == chosen)
            && let Some(file) = self.file(&sibling.path, &sibling.version)?
        {
            response.set_header("Content-Encoding", sibling.coding);
            sibling.version = file.version;
            form = Some((file, found, sibling.coding));
        }
        let (file, plain, coding) = match form {
            Some(form) => form,
            None => {
                let file = self.file(path, &found)?.ok_or_else(|| Error::not_found(""))?;
                let version = file.version;
                (file, version, "identity")
            }
        };
        // One state for all forms; it changes when the bytes of any of them change.
        let versions = std::iter::once(&plain).chain(siblings.iter().map(|sibling| &sibling.version));
        let state = versions.map(FileVersion::tag).collect::<Vec<_>>().join(".");
        describe(&mut response, path, &file.version, &state, coding);
        self.finish(request, response, &file)
    }

    fn file(&self, path: &Path, found: &FileVersion) -> Result<Option<Arc<KnownFile>>> {
        Ok(self.cache.file(&self.root, path, found, SystemTime::now())?)
    }

    /// Evaluates conditions and ranges, and sets what they leave of the body.
    fn finish(&self, request: &Request<'_>, mut response: Response, file: &KnownFile) -> Result<Response> {
        if let Some(directives) = &self.cache_control {
            response.set_header("Cache-Control", directives);
        }
        response.take_conditional(); // compared here already: only the part that is asked for is read
        if let Some(part) = conditional::select_range(request, &mut response, file.version.length) {
            set_body(&mut response, file, part);
        }
        Ok(response)
    }
}

impl<P: AsRef<Path>> From<P> for Files {
    fn from(directory: P) -> Files {
        Files::new(directory)
    }
}

fn is_read(request: &Request<'_>) -> bool {
    matches!(request.method(), Method::GET | Method::HEAD)
}

/// Responds to a request for a file that does not read it (RFC 9110 §9.3.7, §15.5.6).
fn respond_to_other_method(request: &Request<'_>) -> Result<Response> {
    const ALLOW: &str = "GET, HEAD, OPTIONS";
    match request.method() {
        Method::OPTIONS => Ok(Response::default().header("Allow", ALLOW)),
        _ => Err(Error::new(StatusCode::METHOD_NOT_ALLOWED, "").with_header("Allow", ALLOW)),
    }
}

/// What a path leads to.
enum Located<'a> {
    File(PathBuf, FileVersion),
    Asset(&'a Assets, &'a str, &'a Asset),
    Directory,
}

/// A compressed form of a file.
struct Sibling {
    coding: &'static str,
    path: PathBuf,
    version: FileVersion,
}

/// Returns the existing compressed forms that are not older than the file.
fn siblings(path: &Path, plain: &FileVersion) -> Vec<Sibling> {
    let fresh = |(coding, suffix): &(&'static str, &str)| {
        let path = with_suffix(path, suffix);
        let version = root::file_version(&path).filter(|version| version.modified >= plain.modified)?;
        Some(Sibling { coding, path, version })
    };
    CODINGS.iter().filter_map(fresh).collect()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(suffix);
    path.into()
}

/// Sets a part of a file as the body. A file that shrinks while it is sent aborts the response; one
/// that grows is sent with its first length (RFC 9112 §8).
fn set_body(response: &mut Response, file: &KnownFile, part: Range<u64>) {
    match &file.content {
        FileContent::InMemory(bytes) => {
            response.shared_bytes(bytes.clone());
            response.slice(part.start as usize..part.end as usize);
        }
        FileContent::Open(file) => {
            let source = FileSource { file: file.clone(), offset: part.start };
            response.set_source(source, Some(part.end - part.start));
        }
    }
}
