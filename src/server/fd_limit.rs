//! Computes how many connections a worker may have from the descriptor limit of the process.

use std::io;

/// Descriptors for listeners, logs and the application's files.
const RESERVED: usize = 32;

/// Returns how many connections one of `workers` may have.
pub(super) fn connections_per_worker(workers: usize) -> usize {
    limit().saturating_sub(RESERVED) / workers
}

/// Fails if the process may not open a descriptor for each worker, before memory is reserved for them.
pub(super) fn check_workers(workers: usize) -> io::Result<()> {
    let limit = limit();
    if workers <= limit {
        return Ok(());
    }
    let what = format!("cannot start {workers} workers: the process may open {limit} descriptors");
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

/// Returns the descriptor limit of the process. Other systems than Linux report it only to unsafe
/// code; there, macOS's default is assumed.
fn limit() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(256)
}
