//! A file that is open or in memory, with the header fields that describe it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::root::Root;
use super::version::FileVersion;
use crate::response::Response;
use crate::response::etag;

/// Largest file that is read into memory. The kernel sends larger ones from its own cache, which
/// costs a system call more and saves two copies.
const MAX_IN_MEMORY: u64 = 8 * 1024;

/// What is known of a file of one version.
pub(super) struct KnownFile {
    pub(super) version: FileVersion,
    /// Field lines of a response that sends the file as it is.
    pub(super) fields: Vec<u8>,
    pub(super) content: FileContent,
}

/// Where the bytes of a file are.
pub(super) enum FileContent {
    InMemory(Arc<[u8]>),
    Open(Arc<File>),
}

impl KnownFile {
    /// Opens a file, and reads a small one. `None` if it is gone or not readable.
    pub(super) fn open(root: &Root, path: &Path) -> io::Result<Option<KnownFile>> {
        let Some((file, version)) = root.open(path)? else { return Ok(None) };
        let mut response = Response::default();
        describe(&mut response, path, &version, &version.tag(), "identity");
        let fields = response.field_lines().0.to_vec();
        let content = if version.length > MAX_IN_MEMORY {
            FileContent::Open(Arc::new(file))
        } else {
            let mut bytes = vec![0; version.length as usize];
            file.read_exact_at(&mut bytes, 0).map_err(|error| match error.kind() {
                ErrorKind::UnexpectedEof => io::Error::other("the file shrank while it was read"),
                _ => error,
            })?;
            FileContent::InMemory(bytes.into())
        };
        Ok(Some(KnownFile { version, fields, content }))
    }
}

/// Sets the fields that describe a file. `version` is that of the bytes, `state` that of all forms.
pub(super) fn describe(response: &mut Response, path: &Path, version: &FileVersion, state: &str, coding: &str) {
    response.set_header("Content-Type", media_type(path));
    response.set_header("ETag", etag::with_coding(format!("\"{state}\"").as_bytes(), coding).unwrap_or_default());
    if let Some(time) = version.last_modified() {
        response.set_last_modified(time);
    }
    response.set_header("Accept-Ranges", "bytes");
}

/// Returns the media type of a file. Text is declared as UTF-8, since browsers would guess
/// otherwise.
pub(super) fn media_type(path: &Path) -> String {
    let guess = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    if guess.starts_with("text/") { format!("{guess}; charset=utf-8") } else { guess.to_owned() }
}
