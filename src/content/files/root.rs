//! Finds a regular file below one directory.
//!
//! What is refused looks like what does not exist, so that nobody learns the names outside.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

/// A directory, and what of it may be seen.
#[derive(Clone, Debug)]
pub(super) struct Root {
    pub(super) directory: PathBuf,
    /// Names with a leading dot: `.env`, `.git`.
    pub(super) dotfiles: bool,
    /// Links that lead out of the directory.
    pub(super) follow_external_links: bool,
}

/// What a name stands for.
pub(super) enum Entry {
    File(PathBuf),
    Directory,
}

impl Root {
    /// What stands at the end of these segments, decoded.
    ///
    /// Each step is looked at without following it: a plain name cannot lead out, and what a link
    /// leads to is compared with the root, both fully resolved. Who may write into the directory
    /// can swap a file for a link between this look and the opening; closing that gap takes
    /// `openat2`, which only Linux has.
    ///
    /// # Errors
    /// When the system cannot tell, for want of descriptors for instance: that says nothing of the
    /// file.
    pub(super) fn find(&self, segments: &[&str]) -> io::Result<Option<Entry>> {
        self.locate(segments).or_else(|error| if is_absence(&error) { Ok(None) } else { Err(error) })
    }

    fn locate(&self, segments: &[&str]) -> io::Result<Option<Entry>> {
        let mut path = self.directory.clone();
        let mut linked = false;
        for segment in segments {
            if !self.shows(segment) {
                return Ok(None);
            }
            path.push(segment);
            linked |= fs::symlink_metadata(&path)?.is_symlink();
        }
        if linked
            && !self.follow_external_links
            && !fs::canonicalize(&path)?.starts_with(fs::canonicalize(&self.directory)?)
        {
            return Ok(None);
        }
        let kind = fs::metadata(&path)?.file_type();
        if kind.is_dir() {
            return Ok(Some(Entry::Directory));
        }
        // A pipe would block its reader; a device may do anything.
        Ok(kind.is_file().then_some(Entry::File(path)))
    }

    /// One segment must be one plain name, on any platform: no `..`, no separator, no drive.
    fn shows(&self, segment: &str) -> bool {
        let mut components = Path::new(segment).components();
        let plain =
            matches!((components.next(), components.next()), (Some(Component::Normal(name)), None) if name == segment);
        plain
            && !segment.contains(|character: char| character == '\\' || character.is_control())
            && (self.dotfiles || !segment.starts_with('.'))
    }
}

/// Whether an error says that no file of this name can be had, now or later.
fn is_absence(error: &io::Error) -> bool {
    let kind = error.kind();
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied)
        || matches!(kind, ErrorKind::InvalidFilename | ErrorKind::InvalidInput)
        || error.raw_os_error() == Some(LOOP)
}

/// ELOOP: links that lead in a circle. The standard library has a name for it that is not stable.
const LOOP: i32 = if cfg!(target_os = "linux") { 40 } else { 62 };

/// What stands beside a file that was found: a regular file, no link.
pub(super) fn file_metadata(path: &Path) -> Option<Metadata> {
    fs::symlink_metadata(path).ok().filter(Metadata::is_file)
}

/// Opens a regular file. `None`: it went away meanwhile, or we may not read it.
pub(super) fn open(path: &Path) -> io::Result<Option<(File, Metadata)>> {
    let file = match File::open(path) {
        Err(error) if is_absence(&error) => return Ok(None),
        file => file?,
    };
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata)))
}
