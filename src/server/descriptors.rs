//! How many descriptors the process may have, and so how many connections a worker; opens none.

/// Left for listeners, logs and the application's files.
const SPARE: usize = 32;

/// How many connections one of so many workers may have.
pub(super) fn of_a_worker(workers: usize) -> usize {
    limit().saturating_sub(SPARE) / workers
}

/// How many descriptors this process may have. Only Linux tells without unsafe code; elsewhere macOS's default is assumed.
fn limit() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(256)
}
