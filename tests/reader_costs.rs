//! The cost of each reader is at most proportional to the bytes that it reads: counts instructions and allocated bytes, not time.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::process::Command;

#[path = "support/readers.rs"]
mod readers;
mod support;

use readers::{CASES, Case, Grows};
use support::bounded;

/// Twice the input may cost a little more than twice: an index is sorted. What is quadratic costs four times as much.
const SLACK: f64 = 2.15;

/// The function of libc whose calls divide what is counted. It has a name in every program, also in one without symbols.
const MARK: &str = "getpid";

/// Readers that are counted by one process, so that each of them ends soon, and the variable that says which.
const READERS_AT_ONCE: usize = 12;
const SLICE: &str = "WIRELIGHT_READERS_SLICE";

/// A size at which instructions are counted: small, since counting slows a program fiftyfold.
fn counted_size(case: &Case) -> usize {
    match (case.piece, case.grows) {
        (Some(_), _) => 1_200,
        (None, Grows::Body) => 16_000,
        (None, grows) => grows.quarter(),
    }
}

/// Ends a count and begins the next one.
fn mark() {
    std::hint::black_box(std::process::id());
}

fn answered(case: &Case, reply: &[u8]) {
    let start = format!("HTTP/1.1 {} ", case.status);
    let reply = String::from_utf8_lossy(reply);
    assert!(reply.starts_with(&start), "{}: {}", case.name, reply.chars().take(300).collect::<String>());
}

/// The bench prints the table, in the order of the list.
#[test]
fn the_page_has_a_row_for_each_reader() {
    let (_, table) = include_str!("../docs/readers.md").split_once("| reader | bytes |").unwrap();
    let rows = table.lines().skip(2).map_while(|row| row.strip_prefix("| ")?.split(" | ").next());
    assert_eq!(rows.collect::<Vec<_>>(), CASES.iter().map(|case| case.name).collect::<Vec<_>>());
}

#[test]
fn every_reader_answers_and_twice_the_input_allocates_at_most_twice_as_much() {
    for case in CASES {
        let app = case.app();
        let [_, once, twice] = [1, 2, 4].map(|times| {
            let request = (case.request)(times * case.grows.quarter());
            let mut reply = Vec::new();
            let allocated = allocation_counter::measure(|| reply = case.exchange(&app, &request)).bytes_total;
            answered(case, &reply);
            allocated
        });
        assert!(twice as f64 <= SLACK * once as f64, "{}: {once} bytes, then {twice}", case.name);
    }
}

/// What is counted: three exchanges for each reader, the first of which is not looked at. One slice of the readers when the environment
/// says which.
#[test]
fn three_exchanges_of_each() {
    let slice = std::env::var(SLICE).ok().map(|number| number.parse::<usize>().unwrap());
    for case in CASES
        .chunks(READERS_AT_ONCE)
        .enumerate()
        .filter(|(at, _)| slice.is_none_or(|slice| slice == *at))
        .flat_map(|(_, cases)| cases)
    {
        let (app, n) = (case.app(), counted_size(case));
        for size in [n / 8, n, 2 * n] {
            let request = (case.request)(size);
            mark();
            let reply = case.exchange(&app, &request);
            mark();
            answered(case, &reply);
        }
    }
}

#[test]
fn twice_the_input_costs_at_most_twice_the_instructions() {
    let version = bounded::output(Command::new("sh").args(["-c", "valgrind --version"]));
    if !version.status.success() {
        println!("skipped: valgrind is not installed");
        return;
    }
    let mut wrong = Vec::new();
    for (number, cases) in CASES.chunks(READERS_AT_ONCE).enumerate() {
        for (case, (once, twice)) in cases.iter().zip(counts(number, cases.len())) {
            let growth = twice as f64 / once as f64;
            println!("{:<45} {once:>12} {twice:>12} {growth:.2}", case.name);
            if growth > SLACK {
                wrong.push(case.name);
            }
        }
    }
    assert_eq!(wrong, [""; 0], "these grow faster than their input");
}

/// Instructions of the second and the third exchange of each reader in a slice.
fn counts(slice: usize, readers: usize) -> Vec<(u64, u64)> {
    let folder = std::env::temp_dir().join(format!("wirelight-readers-{}-{slice}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--combine-dumps=no"])
        .arg(format!("--callgrind-out-file={}", folder.join("out").display()))
        .arg(format!("--dump-before={MARK}"))
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "three_exchanges_of_each", "--test-threads=1"])
        .env(SLICE, slice.to_string());
    let output = bounded::output(&mut command);
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success(), "{}", said.concat());
    let count = |number: usize| {
        let dump = std::fs::read_to_string(folder.join(format!("out.{number}"))).unwrap();
        let total = dump.lines().find_map(|line| line.strip_prefix("totals: ")).unwrap();
        total.trim().parse::<u64>().unwrap()
    };
    // The program may ask for its process id before its first mark: the last dumps count, without the one at its end.
    let dumps = std::fs::read_dir(&folder).unwrap().count() - 1;
    let exchange = |number: usize| count(dumps - 2 * 3 * readers + 2 * number + 2);
    let counts = (0..readers).map(|at| (exchange(3 * at + 1), exchange(3 * at + 2))).collect();
    std::fs::remove_dir_all(&folder).unwrap();
    counts
}
