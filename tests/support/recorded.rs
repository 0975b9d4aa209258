//! Records the traffic of tests, which `tests/others/run` gives to linters.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use wirelight::{Server, TestClient, Trace};

/// Bytes of a read or write that are recorded: an exchange with larger ones is left out.
const MOST: usize = 4096;

pub trait Recorded {
    /// Records the bytes of all connections in a file of its own, if `RECORD_TRAFFIC` names a folder.
    #[must_use]
    fn recorded(self) -> Self;
}

impl Recorded for Server {
    fn recorded(self) -> Server {
        match record() {
            Some(record) => self.trace(record),
            None => self,
        }
    }
}

impl Recorded for TestClient<'_> {
    fn recorded(self) -> Self {
        match record() {
            Some(record) => self.trace(record),
            None => self,
        }
    }
}

/// Returns a trace into a new file. Its name has that of the test, so that a complaint leads to its cause.
fn record() -> Option<Trace> {
    static FILES: AtomicUsize = AtomicUsize::new(0);
    let folder = std::env::var_os("RECORD_TRAFFIC")?;
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("thread").replace(':', "-");
    let program = std::env::current_exe().unwrap();
    let program = program.file_name().unwrap().to_string_lossy();
    let number = FILES.fetch_add(1, Ordering::Relaxed);
    let file = File::create(Path::new(&folder).join(format!("{program}.{test}.{number}.ndjson"))).unwrap();
    Some(
        Trace::json()
            .topics(["conn.open", "conn.recv", "conn.send", "conn.close"])
            .max_bytes(MOST)
            .show_secrets()
            .to(file),
    )
}
