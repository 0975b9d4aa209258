//! Exports metrics for Prometheus from a program that does nothing else: no thread that collects.
//! Run with `FOLDER=/var/spool cargo run --example exporter`; try:
//! `curl http://127.0.0.1:8000/metrics`
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime};
use std::{env, fs, io};

use wirelight::{App, Response, Result};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::var("FOLDER").unwrap_or(".".into()));
    let mut app = App::new();
    app.get("/metrics", move |_| scrape(&folder));
    app.run_from_env() // one worker, on this thread
}

/// Measures when it is asked: no number is old, and between two scrapes nothing runs.
fn scrape(folder: &Path) -> Result<Response> {
    let started = Instant::now();
    let (mut files, mut bytes, mut oldest) = (0, 0, 0.0_f64);
    for entry in fs::read_dir(folder)? {
        let Ok(metadata) = entry?.metadata() else { continue }; // removed since
        let age = SystemTime::now().duration_since(metadata.modified()?).unwrap_or_default();
        (files, bytes, oldest) = (files + 1, bytes + metadata.len(), oldest.max(age.as_secs_f64()));
    }
    let mut text = String::new();
    metric(&mut text, "spool_files", "Files that wait.", files)?;
    metric(&mut text, "spool_size_bytes", "Size of all of them.", bytes)?;
    metric(&mut text, "spool_oldest_age_seconds", "Time since the oldest was changed.", oldest)?;
    metric(&mut text, "spool_scrape_duration_seconds", "What it cost to count.", started.elapsed().as_secs_f64())?;
    text.push_str("# EOF\n"); // without it, Prometheus takes the answer for cut
    Ok(Response::default().header("Content-Type", OPEN_METRICS).text(text))
}

/// Writes a gauge without labels. Names end with the base unit.
fn metric(text: &mut String, name: &str, help: &str, value: impl std::fmt::Display) -> std::fmt::Result {
    writeln!(text, "# TYPE {name} gauge\n# HELP {name} {help}\n{name} {value}")
}
