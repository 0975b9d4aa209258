//! A status page inside a program that has threads and a main loop of its own. Run with
//! `cargo run --example status_page`, open http://127.0.0.1:8000 and watch it count to the end.
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use wirelight::{App, Html, Server, json};

/// What the threads of the program share with its page.
#[derive(Default)]
struct Progress {
    done: AtomicU64,
    current: Mutex<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let jobs: u64 = std::env::var("JOBS").ok().and_then(|jobs| jobs.parse().ok()).unwrap_or(600);
    let progress = Arc::new(Progress::default());

    let page = Server::from_env()?.spawn(status(progress.clone(), jobs))?;
    println!("listening on http://{}", page.local_addr());

    for job in 0..jobs {
        work(job, &progress);
    }
    println!("all done");
    Ok(page.stop()?) // responses that have begun are sent to their end
}

fn status(progress: Arc<Progress>, jobs: u64) -> App {
    let mut app = App::new();
    let shown = progress.clone();
    app.get("/", move |_| {
        let current = shown.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let done = shown.done.load(Ordering::Relaxed);
        Html(format!(
            "<!doctype html><meta http-equiv=refresh content=1><title>{done} of {jobs}</title>\
             <progress value={done} max={jobs}></progress><p>{}",
            escaped(&current)
        ))
    });
    app.get("/status.json", move |_| json!({ "done": progress.done.load(Ordering::Relaxed), "jobs": jobs }));
    app
}

/// The work of the program, which knows nothing of HTTP. It holds the lock for an assignment only,
/// so that the page never waits for a job.
fn work(job: u64, progress: &Progress) {
    *progress.current.lock().unwrap_or_else(PoisonError::into_inner) = format!("<job {job}>");
    thread::sleep(Duration::from_millis(100));
    progress.done.fetch_add(1, Ordering::Relaxed);
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
