//! What every reader of a client's bytes costs against their number: a table of processor time at n, 2n and 4n, in Markdown.
//!
//! n is a quarter of what the default limits allow. The whole exchange is timed, which adds about 2 µs to each figure. The kernel is not
//! in it. `cargo bench --bench readers` prints the table that `docs/readers.md` shows.

#[path = "../tests/support/readers.rs"]
mod readers;

use std::hint::black_box;
use std::time::{Duration, Instant};

use readers::{CASES, Case, Grows};
use wirelight::App;

/// Each figure is the least of as many exchanges as fit into this time, and of at least three.
const TIME: Duration = Duration::from_millis(50);

fn main() {
    // With `--test` a bench shows that it runs, and measures nothing.
    let measured = !std::env::args().any(|argument| argument == "--test");
    println!("| reader | bytes | n, µs | 2n, µs | 4n, µs | growth |");
    println!("| --- | --- | --- | --- | --- | --- |");
    for case in CASES {
        let app = case.app();
        let n = case.grows.quarter();
        let [once, twice, four] = [1, 2, 4].map(|times| microseconds(case, &app, times * n, measured));
        let growth = four / twice;
        println!("| {} | {}–{} | {once:.0} | {twice:.0} | {four:.0} | {growth:.1} |", case.name, kilo(n), kilo(4 * n));
    }
    let unit = |grows: Grows| kilo(4 * grows.quarter());
    println!(
        "\nUp to {} of a request line, {} of a head, {} of a body. Growth: how much more 4n costs than 2n.",
        unit(Grows::Target),
        unit(Grows::Head),
        unit(Grows::Body)
    );
}

fn microseconds(case: &Case, app: &App, bytes: usize, measured: bool) -> f64 {
    let request = (case.request)(bytes);
    let start = Instant::now();
    let (mut least, mut times) = (Duration::MAX, 0);
    while times < 3 || start.elapsed() < TIME {
        let began = Instant::now();
        let reply = case.exchange(app, black_box(&request));
        least = least.min(began.elapsed());
        assert_eq!(reply.get(9..12), Some(case.status.to_string().as_bytes()), "{}", case.name);
        times += 1;
        if !measured {
            break;
        }
    }
    least.as_secs_f64() * 1e6
}

fn kilo(bytes: usize) -> String {
    format!("{:.1} kB", bytes as f64 / 1000.0)
}
