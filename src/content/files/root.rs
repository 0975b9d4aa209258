//! Finds a regular file below one directory.
//!
//! A refused file looks like a missing one, so that names outside are not disclosed.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use super::version::FileVersion;

/// How often a file is opened that turns out to be outside.
const OPENINGS: usize = 3;

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
    /// directory, and the target of a link is compared with the root, both fully resolved.
    /// [`open`](Root::open) compares once more.
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

    /// Opens a regular file that [`find`](Root::find) has found. `None` if it is gone, not readable,
    /// or outside by now: a process that may write to the directory can swap a name for a link or a
    /// pipe after the check.
    pub(super) fn open(&self, path: &Path) -> io::Result<Option<(File, FileVersion)>> {
        // The directory itself may be a link that a deployment has just changed.
        for _ in 0..OPENINGS {
            let file = match File::options().read(true).custom_flags(NONBLOCK).open(path) {
                Err(error) if is_absence(&error) => return Ok(None),
                file => file?,
            };
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Ok(None);
            }
            if self.follow_external_links || self.holds(&file)? {
                return Ok(Some((file, FileVersion::of(&metadata))));
            }
        }
        Ok(None)
    }

    /// Asks the kernel where an open file is. Linux tells, if `/proc` is mounted; else the check of
    /// [`find`](Root::find) has to do.
    fn holds(&self, file: &File) -> io::Result<bool> {
        let Ok(place) = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())) else { return Ok(true) };
        Ok(place.starts_with(fs::canonicalize(&self.directory)?))
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

/// O_NONBLOCK: without it, to open a pipe waits for a writer, and with it the event loop. Regular
/// files ignore it.
const NONBLOCK: i32 = if cfg!(target_os = "linux") { 0o4000 } else { 4 };

/// Returns the version of a sibling, if it is a regular file and not a link.
pub(super) fn file_version(path: &Path) -> Option<FileVersion> {
    fs::symlink_metadata(path).ok().filter(Metadata::is_file).map(|metadata| FileVersion::of(&metadata))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// Found inside, then swapped for a link that leads out: the file itself, and a directory above
    /// it.
    #[test]
    fn a_name_that_is_swapped_after_the_check_leads_nowhere() {
        let site = std::env::temp_dir().join(format!("wirelight-swapped-{}", std::process::id()));
        let (public, outside) = (site.join("public"), site.join("outside"));
        for folder in [public.join("docs"), outside.clone()] {
            fs::create_dir_all(folder).unwrap();
        }
        for folder in [&public, &public.join("docs"), &outside] {
            fs::write(folder.join("a"), folder.display().to_string()).unwrap();
        }
        let root = |follow| Root { directory: public.clone(), dotfiles: false, follow_external_links: follow };
        let find = |segments: &[&str]| match root(false).find(segments).unwrap() {
            Some(Entry::File(path, _)) => path,
            _ => panic!("{segments:?} is a file inside"),
        };
        let (file, below) = (find(&["a"]), find(&["docs", "a"]));
        assert!(root(false).open(&file).unwrap().is_some() && root(false).open(&below).unwrap().is_some());
        fs::remove_file(&file).unwrap();
        symlink(outside.join("a"), &file).unwrap();
        fs::rename(public.join("docs"), public.join("aside")).unwrap();
        symlink(&outside, public.join("docs")).unwrap();
        for path in [&file, &below] {
            let is_open = |follow| root(follow).open(path).unwrap().is_some();
            assert!(is_open(true), "{}", path.display());
            assert!(!is_open(false) || !Path::new("/proc/self/fd").exists(), "{}", path.display());
        }
        fs::remove_dir_all(site).unwrap();
    }

    #[test]
    fn a_pipe_in_place_of_a_file_blocks_no_thread() {
        let folder = std::env::temp_dir().join(format!("wirelight-pipe-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let pipe = folder.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let (opened, found) = std::sync::mpsc::channel();
        let root = Root { directory: folder.clone(), dotfiles: false, follow_external_links: false };
        std::thread::spawn(move || opened.send(root.open(&pipe).unwrap().is_none()));
        assert_eq!(found.recv_timeout(std::time::Duration::from_secs(60)), Ok(true));
        fs::remove_dir_all(folder).unwrap();
    }
}
