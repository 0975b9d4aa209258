//! Panics at random in mixed traffic, for as long as one likes: no event loop dies, no neighbour loses an answer, and what the exchanges
//! had of descriptors and memory returns. The only test of its process, whose descriptors and memory it counts.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

#[path = "support/panics.rs"]
#[expect(dead_code, reason = "what is logged for each panic is another test's matter")]
mod panics;
mod support;

use std::fs;
use std::time::{Duration, Instant};
use support::bounded;

use panics::{LINES, Neighbour, app, fate, listen_to_the_log};
use support::server::TestServer;

/// How long the run lasts, in seconds; `WIRELIGHT_MIXED_SECONDS=900` makes a quarter of an hour of it. For a moment when it is not set.
const MIXED: &str = "WIRELIGHT_MIXED_SECONDS";
/// Rounds of each client at least.
const ROUNDS: u64 = 100;
/// Between two looks at the log.
const BETWEEN: u64 = 100;
/// Clients at a time.
const CLIENTS: u64 = 4;
/// What the memory of the process may grow by when it is warm. A long run makes millions of requests: what each of them leaves
/// behind, if only some bytes, is more than this.
const GROWTH: usize = 16 << 20;

const TARGETS: [&str; 11] = [
    "/fine",
    "/loop/handler",
    "/pool/handler",
    "/pool/payload",
    "/loop/pieces-and-drop",
    "/pool/pieces-and-drop",
    "/loop/reader-and-drop",
    "/loop/drop-of-pieces",
    "/pool/around/values",
    "/loop/around/after",
    "/pool/around/before",
];

/// Clients that ask for all places at random, and leave as they like.
fn mixed(server: &TestServer, first_seed: u64, until: Instant) {
    std::thread::scope(|scope| {
        for seed in first_seed..first_seed + CLIENTS {
            scope.spawn(move || {
                let (mut state, mut neighbour) = (seed, Neighbour(server.connect()));
                for round in 0_u64.. {
                    if round >= ROUNDS && Instant::now() >= until {
                        break;
                    }
                    // Knuth's MMIX: the upper bits are random enough, and the seed reproduces the run.
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let target = TARGETS[(state >> 33) as usize % TARGETS.len()];
                    if state >> 62 == 0 {
                        let mut client = server.connect();
                        client.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
                    } else {
                        fate(server, target);
                    }
                    assert!(neighbour.is_served(), "seed {seed}, round {round}, {target}");
                    if round % BETWEEN == 0 {
                        assert_alive();
                    }
                }
            });
        }
    });
    assert_alive();
}

/// Checks in the log that no event loop has died; clears the log.
fn assert_alive() {
    let lines = std::mem::take(&mut *LINES.0.lock().unwrap());
    assert!(!lines.iter().any(|(_, line)| line.contains("a worker died")), "{lines:#?}");
}

/// The open descriptors of this process, by what they are.
fn descriptors() -> Vec<String> {
    let entries = fs::read_dir("/proc/self/fd").unwrap();
    // Without the directory that this list is read from.
    let links = entries.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let mut kinds: Vec<_> = links.map(|link| link.display().to_string()).filter(|link| !link.contains("/fd")).collect();
    kinds.sort();
    kinds
}

/// As many descriptors as there were, while a neighbour is connected.
fn assert_returned(server: &TestServer, before: &[String]) {
    let mut neighbour = Neighbour(server.connect());
    bounded::eventually("as many descriptors as there were", || {
        assert!(neighbour.is_served());
        let now = descriptors();
        if now.len() == before.len() { Ok(()) } else { Err(format!("{now:#?} instead of {before:#?}")) }
    });
}

/// Bytes of memory that this process holds.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[test]
fn mixed_traffic_with_panics_at_random_leaves_nothing_behind() {
    listen_to_the_log();
    let without = descriptors();
    let server = TestServer::start(app());
    let mut neighbour = Neighbour(server.connect());
    assert!(neighbour.is_served());
    let before = descriptors();
    drop(neighbour);
    mixed(&server, 1, Instant::now());
    assert_returned(&server, &before);
    let warm = resident();
    let seconds: u64 = std::env::var(MIXED).map_or(0, |text| text.parse().unwrap());
    mixed(&server, 1 + CLIENTS, Instant::now() + Duration::from_secs(seconds));
    assert_returned(&server, &before);
    let after = resident();
    println!("{warm} bytes of memory when it was warm, {after} at the end");
    let grown = after.saturating_sub(warm);
    assert!(grown <= GROWTH, "{grown} bytes more than the {warm} of before");
    drop(server);
    bounded::eventually("the descriptors of a process without a server", || {
        let now = descriptors();
        if now.len() == without.len() { Ok(()) } else { Err(format!("{now:#?} instead of {without:#?}")) }
    });
}
