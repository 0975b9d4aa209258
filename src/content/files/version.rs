//! Identifies the content of a file by what a stat returns.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a file must not have changed before its version identifies its content: clocks of file
/// systems have ticks of up to two seconds (FAT), and a second change within one may leave no mark.
const CALM: Duration = Duration::from_secs(2);

/// Earlier modification times are placeholders of reproducible builds, which give all files one time:
/// 0 (OSTree, Bazel), 1 (Nix), the first day of 1980 (zip archives). In seconds since 1970. Caddy
/// ignores 0 and 1.
const FIRST_TRUE_TIME: u64 = 315_619_200;

/// What a stat returns about a file and its content. A program can set the modification time, but
/// not the time of the last change of content, name, mode or times (ctime), nor choose the inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileVersion {
    device: u64,
    inode: u64,
    pub(super) length: u64,
    pub(super) modified: SystemTime,
    /// Seconds and nanoseconds.
    changed: (i64, i64),
}

impl FileVersion {
    pub(super) fn of(metadata: &Metadata) -> FileVersion {
        FileVersion {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: metadata.modified().unwrap_or(UNIX_EPOCH),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Returns whether an equal version means equal content: the last change is some time ago. A
    /// time in the future is not.
    pub(super) fn is_calm(&self, now: SystemTime) -> bool {
        let changed = Duration::from_secs(u64::try_from(self.changed.0).unwrap_or_default());
        let times = [Some(self.modified), UNIX_EPOCH.checked_add(changed)];
        times.into_iter().all(|time| time.and_then(|time| time.checked_add(CALM)).is_some_and(|time| time < now))
    }

    /// Returns a tag made of the modification time in nanoseconds and the length, as nginx does (in
    /// seconds). The inode number, which Apache once used, differs between machines. A file that
    /// changes twice within one tick of the file system's clock (1 to 10 ms on Linux) and keeps its
    /// length keeps its tag, in place or by a rename.
    ///
    /// A placeholder does not change when the content does. There the tag is made of what no
    /// program sets, although it differs between machines.
    pub(super) fn tag(&self) -> String {
        let FileVersion { length, inode, changed: (seconds, nanoseconds), .. } = self;
        match self.last_modified().and_then(|time| time.duration_since(UNIX_EPOCH).ok()) {
            Some(time) => format!("{:x}-{length:x}", time.as_nanos()),
            None => format!("{seconds:x}.{nanoseconds:x}-{inode:x}-{length:x}"),
        }
    }

    /// Returns the modification time, if it is not a placeholder: caches would take the file for
    /// unchanged since then, and for fresh during years (RFC 9111 §4.2.2).
    pub(super) fn last_modified(&self) -> Option<SystemTime> {
        let first = UNIX_EPOCH.checked_add(Duration::from_secs(FIRST_TRUE_TIME));
        Some(self.modified).filter(|time| first.is_none_or(|first| *time >= first))
    }
}
