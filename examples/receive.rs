//! Writes uploads to the disk while they come, in constant memory. Run with
//! `cargo run --example receive`; try: `curl -i -X POST -T large.iso http://127.0.0.1:8000/files` and
//! `curl -i -F title=Lake -F photo=@a.jpg -F photo=@b.jpg http://127.0.0.1:8000/forms`
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use wirelight::{App, Files, Request, Result, StatusCode, json};

const LARGEST: u64 = 4 << 30;

/// 201, and where it is now.
type Created = (StatusCode, [(&'static str, String); 1], &'static str);

fn main() -> io::Result<()> {
    let folder = PathBuf::from(std::env::var("FOLDER").unwrap_or("uploads".into()));
    fs::create_dir_all(&folder)?;
    let mut app = App::new();
    app.state(folder.clone());
    app.files("/files", Files::new(&folder));
    app.post("/files", receive).streaming().max_body(LARGEST);
    app.post("/forms", receive_form).streaming().max_body(LARGEST);
    app.run_from_env()
}

fn receive(req: &Request) -> Result<Created> {
    let name = new_name()?;
    req.body_reader().save_to(req.state::<PathBuf>().join(&name))?;
    Ok((StatusCode::CREATED, [("Location", format!("/files/{name}"))], "received\n"))
}

/// Saves each file of a form as it arrives.
fn receive_form(req: &Request) -> Result<(StatusCode, Value)> {
    let (mut title, mut files, mut saved) = (None, Vec::new(), Saved(Vec::new()));
    let mut form = req.multipart()?.max_parts(100);
    while let Some(mut part) = form.next_part()? {
        if part.filename().is_some() {
            let name = new_name()?;
            let path = req.state::<PathBuf>().join(&name);
            saved.0.push(path.clone());
            let size = part.save_to(path)?;
            // What the client calls it is a text to show.
            files.push(json!({ "location": format!("/files/{name}"), "name": part.filename(), "size": size }));
        } else if part.name() == "title" {
            title = Some(part.text(1_000)?); // longer ones are a 413
        }
    }
    saved.0.clear(); // the form is whole: they stay
    Ok((StatusCode::CREATED, json!({ "title": title, "files": files })))
}

/// The files of a form that is not whole. They are removed if it does not become so.
struct Saved(Vec<PathBuf>);

impl Drop for Saved {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path); // the last one may not be there
        }
    }
}

/// The server chooses the name: it has no `..`, replaces no other file and is not hidden.
fn new_name() -> Result<String> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos(); // a counter alone begins again with the process
    Ok(format!("{now:x}-{}.bin", NEXT.fetch_add(1, Ordering::Relaxed)))
}
