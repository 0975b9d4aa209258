//! Serves the files of a directory, with validators and precompressed siblings.

mod root;

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use self::root::{Entry, Root};
use crate::content::conditional;
use crate::http1::method::Method;
use crate::request::Request;
use crate::response::Response;
use crate::response::body_source::FileSource;
use crate::response::error::{Error, Result};
use crate::response::etag;
use crate::response::into_response::IntoResponse;
use crate::response::redirect::Redirect;

/// Content codings in the order of preference, and their file suffixes.
const CODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Files up to this many bytes are read at once: as much as the connection asks of a stream.
const MAX_BUFFERED: u64 = 64 * 1024;

/// A directory to serve files from. [`Router::files`](crate::Router::files) takes any path; this
/// type has the options.
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
    index: Option<String>,
    cache_control: Option<String>,
    precompressed: bool,
}

impl Files {
    /// Serves the files of this directory. A relative path is resolved now, against the working
    /// directory.
    pub fn new(directory: impl AsRef<Path>) -> Files {
        let directory = directory.as_ref();
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        Files {
            root: Root { directory, dotfiles: false, follow_external_links: false },
            index: None,
            cache_control: None,
            precompressed: false,
        }
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

    /// The directory, absolute.
    pub(crate) fn directory(&self) -> &Path {
        &self.root.directory
    }

    pub(crate) fn has_index(&self) -> bool {
        self.index.is_some()
    }

    pub(crate) fn respond(&self, request: &Request<'_>) -> Result<Response> {
        let rest: String = request.param("path").unwrap_or_default();
        // `%2F` is not a separator (RFC 3986 §2.2), and no name has a slash in it.
        if request.raw_path().as_bytes().windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%2f")) {
            return Err(Error::not_found(""));
        }
        let mut segments: Vec<&str> = rest.split('/').collect();
        let slash = segments.pop_if(|last| last.is_empty()).is_some();
        let path = match (self.root.find(&segments)?, &self.index) {
            (Some(Entry::File(path)), _) if !slash => path,
            (Some(Entry::Directory), Some(_)) if !slash => {
                let mut response = Response::default();
                Redirect::to_path(&format!("{}/", request.raw_path()), request.query_string())
                    .into_response(&mut response);
                return Ok(response);
            }
            (Some(Entry::Directory), Some(index)) => {
                segments.push(index);
                match self.root.find(&segments)? {
                    Some(Entry::File(path)) => path,
                    _ => return Err(Error::not_found("")),
                }
            }
            _ => return Err(Error::not_found("")),
        };
        self.send(request, &path)
    }

    fn send(&self, request: &Request<'_>, path: &Path) -> Result<Response> {
        let (mut file, mut metadata) = root::open(path)?.ok_or_else(|| Error::not_found(""))?;
        let mut response = Response::default();
        let (mut coding, mut state) = ("identity", tag(&metadata));
        if self.precompressed {
            let siblings = siblings(path, &metadata);
            if !siblings.is_empty() {
                response.vary("Accept-Encoding");
            }
            let offers: Vec<_> = siblings.iter().map(|sibling| sibling.coding).chain(["identity"]).collect();
            let chosen = request.accepts_encoding(&offers);
            for mut sibling in siblings {
                if Some(sibling.coding) == chosen
                    && let Some(opened) = root::open(&sibling.path)?
                {
                    (file, metadata) = opened;
                    sibling.metadata = metadata.clone();
                    coding = sibling.coding;
                    response.header("Content-Encoding", coding);
                }
                // One state for all forms; it changes when the bytes of any of them change.
                state = format!("{state}.{}", tag(&sibling.metadata));
            }
        }
        response.header("Content-Type", media_type(path));
        response.header("ETag", etag::with_coding(format!("\"{state}\"").as_bytes(), coding).unwrap_or_default());
        if let Ok(modified) = metadata.modified() {
            response.last_modified(modified);
        }
        response.accept_ranges();
        if let Some(directives) = &self.cache_control {
            response.cache_control(directives);
        }
        response.take_conditional(); // compared here already: only the part that is asked for is read
        if let Some(part) = conditional::select_range(request, &mut response, metadata.len()) {
            set_body(&mut response, file, part, request.method() == Method::HEAD)?;
        }
        Ok(response)
    }
}

impl<P: AsRef<Path>> From<P> for Files {
    fn from(directory: P) -> Files {
        Files::new(directory)
    }
}

/// A compressed form of a file.
struct Sibling {
    coding: &'static str,
    path: PathBuf,
    metadata: Metadata,
}

/// Returns the existing compressed forms that are not older than the file.
fn siblings(path: &Path, metadata: &Metadata) -> Vec<Sibling> {
    let fresh = |(coding, suffix): &(&'static str, &str)| {
        let path = with_suffix(path, suffix);
        let sibling = root::file_metadata(&path)?;
        let is_fresh = sibling.modified().ok()? >= metadata.modified().ok()?;
        is_fresh.then_some(Sibling { coding, path, metadata: sibling })
    };
    CODINGS.iter().filter_map(fresh).collect()
}

/// Returns the media type of a file. Text is declared as UTF-8, since browsers would guess
/// otherwise.
fn media_type(path: &Path) -> String {
    let guess = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    if guess.starts_with("text/") { format!("{guess}; charset=utf-8") } else { guess.to_owned() }
}

/// Returns a tag made of the modification time in nanoseconds and the length, as nginx does (in
/// seconds). The inode number, which Apache once used, differs between machines. A file that is
/// rewritten in place with the same length within one tick of the file system's clock keeps its
/// tag; write aside and rename instead.
fn tag(metadata: &Metadata) -> String {
    let modified = metadata.modified().unwrap_or(UNIX_EPOCH);
    let since = |from: SystemTime, to: SystemTime| to.duration_since(from).map(|age| age.as_nanos());
    let age = since(UNIX_EPOCH, modified).or_else(|_| since(modified, UNIX_EPOCH)).unwrap_or_default();
    format!("{age:x}-{:x}", metadata.len())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(path);
    path.push(suffix);
    path.into()
}

/// Sets the body: small ones are read at once, others while they are sent. A file that shrinks
/// during that aborts the response; one that grows is sent with its first length (RFC 9112 §8).
fn set_body(response: &mut Response, mut file: File, part: Range<u64>, head: bool) -> Result<()> {
    let length = part.end - part.start;
    if length > MAX_BUFFERED || head {
        response.set_source(FileSource { file: Arc::new(file), offset: part.start }, Some(length));
        return Ok(());
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.seek(SeekFrom::Start(part.start))?;
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(Error::internal("the file shrank while it was read"));
    }
    response.bytes(bytes);
    Ok(())
}
