//! Finds a regular file below one directory.
//!
//! A refused file looks like a missing one, so that names outside are not disclosed.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use super::version::FileVersion;

/// A directory, and the rules for the files that may be served.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) directory: PathBuf,
    /// Whether to serve names with a leading dot: `.env`, `.git`.
    pub(super) dotfiles: bool,
    /// Whether to follow links that lead out of the directory.
    pub(super) follow_external_links: bool,
}

/// What a path leads to.
pub(super) enum Entry {
    File(PathBuf, FileVersion),
    Directory,
}

impl Root {
    /// Finds the file or directory of these decoded segments.
    ///
    /// Checks each step of every request without following it: a plain name cannot leave the
    /// directory, and the target of a link is compared with the root, both fully resolved. A
    /// process that may write to the directory can swap a file for a link between the check and the
    /// opening; only Linux's `openat2` could prevent that.
    ///
    /// # Errors
    /// If the look-up fails, for example without free descriptors.
    pub(super) fn find(&self, segments: &[&str]) -> io::Result<Option<Entry>> {
        self.locate(segments).or_else(|error| if is_absence(&error) { Ok(None) } else { Err(error) })
    }

    fn locate(&self, segments: &[&str]) -> io::Result<Option<Entry>> {
        let mut path = self.directory.clone();
        let mut linked = false;
        let mut found = None;
        for segment in segments {
            if !self.shows(segment) {
                return Ok(None);
            }
            path.push(segment);
            let metadata = fs::symlink_metadata(&path)?;
            linked |= metadata.is_symlink();
            found = Some(metadata);
        }
        if linked
            && !self.follow_external_links
            && !fs::canonicalize(&path)?.starts_with(fs::canonicalize(&self.directory)?)
        {
            return Ok(None);
        }
        let metadata = match found {
            Some(metadata) if !linked => metadata,
            _ => fs::metadata(&path)?,
        };
        if metadata.is_dir() {
            return Ok(Some(Entry::Directory));
        }
        // A pipe would block its reader; a device may do anything.
        Ok(metadata.is_file().then(|| Entry::File(path, FileVersion::of(&metadata))))
    }

    /// Returns whether a segment is one plain name, on any platform: no `..`, no separator, no
    /// drive.
    pub(super) fn shows(&self, segment: &str) -> bool {
        let mut components = Path::new(segment).components();
        let plain =
            matches!((components.next(), components.next()), (Some(Component::Normal(name)), None) if name == segment);
        plain
            && !segment.contains(|character: char| character == '\\' || character.is_control())
            && (self.dotfiles || !segment.starts_with('.'))
    }
}

/// Returns whether an error means that there is no such file.
fn is_absence(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied)
        || matches!(kind, ErrorKind::InvalidFilename | ErrorKind::InvalidInput)
        || error.raw_os_error() == Some(LOOP)
}

/// ELOOP: symbolic links in a circle. The standard library's name for it is not stable.
const LOOP: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };

/// Returns the version of a sibling, if it is a regular file and not a link.
pub(super) fn file_version(path: &Path) -> Option<FileVersion> {
    fs::symlink_metadata(path).ok().filter(Metadata::is_file).map(|metadata| FileVersion::of(&metadata))
}

/// Opens a regular file. `None` if it is gone or not readable.
pub(super) fn open(path: &Path) -> io::Result<Option<(File, FileVersion)>> {
    let file = match File::open(path) {
        Err(error) if is_absence(&error) => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then(|| (file, FileVersion::of(&metadata))))
}
