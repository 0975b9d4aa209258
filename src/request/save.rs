//! Saves an upload in a file that has its name only when it is whole.

use std::fs::{self, File};
use std::io::{self, BufRead, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::body_reader::BodyReader;
use crate::http1::status::StatusCode;
use crate::response::error::{Error, Result};

impl BodyReader<'_> {
    /// Saves the rest of the body in a file, and returns its size in bytes.
    ///
    /// The bytes go to a hidden file in the same folder, and from there to the disk. Then it gets
    /// the name `path`, and replaces a file of that name: others see the old file or the whole new
    /// one. If anything fails, the hidden file is removed. A name that a client sends is not a path:
    /// let the server choose one.
    ///
    /// ```
    /// use wirelight::{App, Request, Result, StatusCode};
    ///
    /// let path = std::env::temp_dir().join(format!("wirelight-{}.upload", std::process::id()));
    /// let mut app = App::new();
    /// let target = path.clone();
    /// app.put("/backup", move |req: &Request| -> Result<StatusCode> {
    ///     req.body_reader().save_to(&target)?;
    ///     Ok(StatusCode::CREATED)
    /// })
    /// .streaming();
    /// assert_eq!(app.test().put("/backup").body("text/plain", "all of it").send().status(), 201);
    /// assert_eq!(std::fs::read(&path)?, b"all of it");
    /// # std::fs::remove_file(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// As a read, if the body is not whole; 507 if the disk or a quota is full; 500 for other errors
    /// of the file system.
    pub fn save_to(&mut self, path: impl AsRef<Path>) -> Result<u64> {
        save(self, path.as_ref())
    }
}

/// A file that is not whole. It is removed whenever the handler ends: the client has left, sent too
/// much or too slowly, or the disk is full.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // is not there after the rename
    }
}

/// As [`BodyReader::save_to`].
pub(super) fn save(bytes: &mut impl BufRead, path: &Path) -> Result<u64> {
    let unfinished = Unfinished(path.with_file_name(unfinished_name()));
    let mut file = BufWriter::new(File::create_new(&unfinished.0).map_err(storage_error)?);
    let mut size = 0;
    loop {
        let piece = bytes.fill_buf()?;
        let length = piece.len();
        if length == 0 {
            break;
        }
        file.write_all(piece).map_err(storage_error)?;
        bytes.consume(length);
        size += length as u64;
    }
    file.flush().map_err(storage_error)?;
    file.get_ref().sync_all().map_err(storage_error)?; // the response says that it is saved
    fs::rename(&unfinished.0, path).map_err(storage_error)?;
    Ok(size)
}

/// Returns a hidden name that no other upload has: not of this process, and not of one before it
/// that was killed.
fn unfinished_name() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!(".{now:x}-{:x}-{}.part", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cold]
fn storage_error(error: io::Error) -> Error {
    let is_full = matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
    let error = Error::internal(error);
    if is_full { error.with_status(StatusCode::INSUFFICIENT_STORAGE) } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_507_and_other_errors_are_500() {
        for (kind, status) in [
            (ErrorKind::StorageFull, 507),
            (ErrorKind::QuotaExceeded, 507),
            (ErrorKind::PermissionDenied, 500),
            (ErrorKind::NotFound, 500),
        ] {
            let error = storage_error(kind.into());
            assert_eq!(error.status().as_u16(), status, "{kind}");
            assert!(error.source().is_some(), "the log says why");
        }
    }

    #[test]
    fn unfinished_files_are_hidden_beside_the_target_and_have_names_of_their_own() {
        let names = [unfinished_name(), unfinished_name()];
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.starts_with('.') && name.len() < 80 && !name.contains('/')), "{names:?}");
        assert_eq!(Path::new("a/b").with_file_name(&names[0]).parent(), Some(Path::new("a")));
    }
}
