//! Keeps files that were sent lately open or in memory.
//!
//! It is never asked what is on the disk: each request looks there first, and takes from here only
//! the version that it found. That saves opening, reading and describing a file, not a check.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use super::known::{FileContent, KnownFile};
use super::root::Root;
use super::version::FileVersion;
use crate::sync::lock;

/// How long a file is kept: a deleted one takes space on the disk while it is open.
const MAX_AGE: Duration = Duration::from_secs(10);
/// Sum of the weights of all files.
const MAX_WEIGHT: usize = 8 * 1024 * 1024;
/// Weight of an open file: there are 128 at most.
const OPEN_WEIGHT: usize = 64 * 1024;
/// Weight of a file in memory, besides its bytes: there are 8,192 at most.
const ENTRY_WEIGHT: usize = 1024;

/// Known files by their paths, shared by all workers. The oldest leave first.
#[derive(Default)]
pub(super) struct FileCache(Mutex<KnownFiles>);

#[derive(Default)]
struct KnownFiles {
    files: HashMap<PathBuf, Arc<KnownFile>>,
    /// The paths, and when each came.
    order: VecDeque<(Instant, PathBuf)>,
    weight: usize,
}

impl FileCache {
    /// Returns the file at a path where the disk has the version `found` at the time `now`. `None`
    /// if it is gone or not readable.
    pub(super) fn file(
        &self,
        root: &Root,
        path: &Path,
        found: &FileVersion,
        now: SystemTime,
    ) -> io::Result<Option<Arc<KnownFile>>> {
        let kept = lock(&self.0).get(path, Instant::now());
        if let Some(file) = kept.filter(|file| file.version == *found) {
            return Ok(Some(file));
        }
        let Some(file) = KnownFile::open(root, path)? else { return Ok(None) };
        let file = Arc::new(file);
        // The bytes of an open file are always those of the disk.
        if matches!(file.content, FileContent::Open(_)) || file.version.is_calm(now) {
            lock(&self.0).insert(path.to_owned(), file.clone(), Instant::now());
        }
        Ok(Some(file))
    }
}

impl fmt::Debug for FileCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileCache")
    }
}

impl KnownFiles {
    fn get(&mut self, path: &Path, now: Instant) -> Option<Arc<KnownFile>> {
        while self.order.front().is_some_and(|(since, _)| now.duration_since(*since) > MAX_AGE) {
            self.remove_oldest();
        }
        self.files.get(path).cloned()
    }

    fn insert(&mut self, path: PathBuf, file: Arc<KnownFile>, now: Instant) {
        self.weight += weight(&file);
        match self.files.insert(path.clone(), file) {
            Some(replaced) => self.weight -= weight(&replaced),
            None => self.order.push_back((now, path)),
        }
        while self.weight > MAX_WEIGHT && !self.order.is_empty() {
            self.remove_oldest();
        }
    }

    fn remove_oldest(&mut self) {
        let removed = self.order.pop_front().and_then(|(_, path)| self.files.remove(&path));
        self.weight -= removed.map_or(0, |file| weight(&file));
    }
}

fn weight(file: &KnownFile) -> usize {
    match &file.content {
        FileContent::InMemory(bytes) => ENTRY_WEIGHT + bytes.len(),
        FileContent::Open(_) => OPEN_WEIGHT,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, FileTimes};
    use std::os::unix::fs::{FileExt, symlink};
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::root::Entry;
    use super::*;

    /// A directory that is served, with a cache of it. Time is far ahead, so that files are calm.
    struct Site {
        root: Root,
        cache: FileCache,
    }

    impl Site {
        fn new() -> Site {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("wirelight-cache-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let directory = std::env::temp_dir().join(name);
            fs::create_dir_all(directory.join("public/docs")).unwrap();
            fs::create_dir(directory.join("outside")).unwrap();
            let root = Root { directory: directory.join("public"), dotfiles: false, follow_external_links: false };
            Site { root, cache: FileCache::default() }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.root.directory.join(name)
        }

        fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
            fs::write(self.path(name), bytes).unwrap();
        }

        fn file(&self, name: &str) -> Option<Arc<KnownFile>> {
            let segments: Vec<_> = name.split('/').collect();
            let Some(Entry::File(path, found)) = self.root.find(&segments).unwrap() else { return None };
            self.cache.file(&self.root, &path, &found, SystemTime::now() + Duration::from_secs(60)).unwrap()
        }

        /// Returns what a request gets.
        fn get(&self, name: &str) -> Option<Vec<u8>> {
            self.file(name).map(|file| match &file.content {
                FileContent::InMemory(bytes) => bytes.to_vec(),
                FileContent::Open(open) => {
                    let mut bytes = vec![0; file.version.length as usize];
                    open.read_exact_at(&mut bytes, 0).unwrap();
                    bytes
                }
            })
        }

        fn entries(&self) -> (usize, usize) {
            let kept = lock(&self.cache.0);
            assert_eq!(kept.files.len(), kept.order.len());
            (kept.files.len(), kept.weight)
        }
    }

    impl Drop for Site {
        fn drop(&mut self) {
            _ = self.root.directory.parent().map(fs::remove_dir_all);
        }
    }

    const SMALL: usize = 100;
    const LARGE: usize = 100_000;

    #[test]
    fn an_unchanged_file_is_opened_once() {
        let site = Site::new();
        for (name, length) in [("small", SMALL), ("large", LARGE), ("docs/empty", 0)] {
            site.write(name, vec![1; length]);
            let first = site.file(name).unwrap();
            assert!(Arc::ptr_eq(&first, &site.file(name).unwrap()), "{name}");
            assert_eq!(site.get(name).unwrap(), vec![1; length]);
        }
    }

    /// A change of the file `docs/a`, which has this length.
    type Change = fn(&Site, usize);

    fn open(site: &Site, name: &str) -> File {
        File::options().write(true).open(site.path(name)).unwrap()
    }

    /// Gives a file the time of modification of `docs/a`.
    fn age(site: &Site, name: &str, modified: SystemTime) {
        open(site, name).set_times(FileTimes::new().set_modified(modified)).unwrap();
    }

    fn modified(site: &Site) -> SystemTime {
        fs::metadata(site.path("docs/a")).unwrap().modified().unwrap()
    }

    fn remove(site: &Site) {
        fs::remove_file(site.path("docs/a")).unwrap();
    }

    /// Puts a file into the cache, changes the disk, and returns what the next request gets.
    fn after(what: &str, change: Change, length: usize) -> Option<Vec<u8>> {
        let site = Site::new();
        site.write("docs/a", vec![1; length]);
        let before = site.file("docs/a").unwrap();
        assert!(Arc::ptr_eq(&before, &site.file("docs/a").unwrap()), "it is kept");
        change(&site, length);
        let bytes = site.get("docs/a")?;
        assert_ne!(before.version, site.file("docs/a").unwrap().version, "{what}");
        assert_eq!(bytes, fs::read(site.path("docs/a")).unwrap(), "{what}, {length} bytes");
        Some(bytes)
    }

    #[test]
    fn other_bytes_are_seen_by_the_next_request() {
        let changes: [(&str, Change); 7] = [
            ("rewritten in place", |site, length| site.write("docs/a", vec![2; length])),
            ("rewritten in place, of the same time", |site, length| {
                let modified = modified(site);
                site.write("docs/a", vec![2; length]);
                age(site, "docs/a", modified);
            }),
            ("replaced, of the same length and time", |site, length| {
                site.write("new", vec![2; length]);
                age(site, "new", modified(site));
                fs::rename(site.path("new"), site.path("docs/a")).unwrap();
            }),
            ("deleted and made again", |site, length| {
                remove(site);
                site.write("docs/a", vec![2; length]);
            }),
            ("longer", |site, length| open(site, "docs/a").set_len(length as u64 + 1).unwrap()),
            ("shorter", |site, length| open(site, "docs/a").set_len(length as u64 - 1).unwrap()),
            ("a link to a file inside", |site, length| {
                site.write("b", vec![2; length]);
                remove(site);
                symlink("../b", site.path("docs/a")).unwrap();
            }),
        ];
        for (what, change) in changes {
            for length in [SMALL, LARGE] {
                assert!(after(what, change, length).is_some(), "{what}");
            }
        }
    }

    #[test]
    fn a_file_that_may_no_longer_be_sent_is_not() {
        let changes: [(&str, Change); 5] = [
            ("deleted", |site, _| remove(site)),
            ("a link to the same file, now outside", |site, _| {
                fs::rename(site.path("docs/a"), site.path("../outside/a")).unwrap();
                symlink("../../outside/a", site.path("docs/a")).unwrap();
            }),
            ("below a link to the same directory, now outside", |site, _| {
                fs::rename(site.path("docs"), site.path("../outside/docs")).unwrap();
                symlink("../outside/docs", site.path("docs")).unwrap();
            }),
            ("a directory", |site, _| {
                remove(site);
                fs::create_dir(site.path("docs/a")).unwrap();
            }),
            ("below a file", |site, _| {
                fs::remove_dir_all(site.path("docs")).unwrap();
                site.write("docs", "file");
            }),
        ];
        for (what, change) in changes {
            for length in [SMALL, LARGE] {
                assert_eq!(after(what, change, length), None, "{what}");
            }
        }
    }

    /// A second change within a tick of the file system's clock may leave the same times.
    #[test]
    fn bytes_of_a_file_that_has_just_changed_are_not_kept() {
        let site = Site::new();
        site.write("a", "text");
        let Some(Entry::File(path, found)) = site.root.find(&["a"]).unwrap() else { panic!("no file") };
        for (after, kept) in [(0, 0), (1, 0), (3, 1)] {
            let now = found.modified + Duration::from_secs(after);
            assert_eq!(site.cache.file(&site.root, &path, &found, now).unwrap().unwrap().version, found);
            assert_eq!(site.entries().0, kept, "after {after} s");
        }
    }

    #[test]
    fn the_weight_is_bounded_and_age_too() {
        let site = Site::new();
        let most = MAX_WEIGHT / OPEN_WEIGHT;
        for number in 0..most + 3 {
            let name = format!("large-{number}");
            site.write(&name, vec![1; LARGE]);
            site.file(&name).unwrap();
        }
        assert_eq!(site.entries(), (most, MAX_WEIGHT));
        let mut kept = lock(&site.cache.0);
        let oldest = &kept.order.front().unwrap().1;
        assert!(oldest.ends_with("large-3"), "{oldest:?}");
        let last = site.path(&format!("large-{}", most + 2));
        let now = Instant::now();
        assert!(kept.get(&last, now).is_some());
        assert!(kept.get(&last, now + MAX_AGE + Duration::from_millis(1)).is_none());
        assert_eq!((kept.files.len(), kept.order.len(), kept.weight), (0, 0, 0));
    }
}
