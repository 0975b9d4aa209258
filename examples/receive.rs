//! Writes uploads to the disk while they come, in constant memory. Run with
//! `cargo run --example receive`; try: `curl -i -X POST -T large.iso http://127.0.0.1:8000/files`
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use wirelight::{App, Error, Files, Request, Result, StatusCode};

const LARGEST: u64 = 4 << 30;

/// 201, and where it is now.
type Created = (StatusCode, [(&'static str, String); 1], &'static str);

fn main() -> io::Result<()> {
    let folder = PathBuf::from(std::env::var("FOLDER").unwrap_or("uploads".into()));
    fs::create_dir_all(&folder)?;
    let mut app = App::new();
    app.files("/files", Files::new(&folder));
    app.post("/files", move |req| receive(req, &folder)).streaming().max_body(LARGEST);
    app.run_from_env()
}

/// The server chooses the name: it has no `..`, replaces no other file and is not hidden.
fn receive(req: &Request, folder: &Path) -> Result<Created> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos(); // a counter alone begins again with the process
    let name = format!("{now:x}-{}.bin", NEXT.fetch_add(1, Ordering::Relaxed));
    let part = Part(folder.join(format!(".{name}.part"))); // hidden from `files` until it is whole
    let mut file = BufWriter::with_capacity(256 * 1024, File::create_new(&part.0)?);
    io::copy(&mut req.body_reader(), &mut file).map_err(no_space)?;
    file.flush().map_err(no_space)?;
    file.get_ref().sync_all()?; // the 201 says that it is on the disk
    fs::rename(&part.0, folder.join(&name))?;
    Ok((StatusCode::CREATED, [("Location", format!("/files/{name}"))], "received\n"))
}

/// An upload that is not whole. Its file is removed whenever the handler ends: the client has left,
/// sent too much or too slowly, or the disk is full.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0); // is not there after the rename
    }
}

fn no_space(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Error::new(StatusCode::INSUFFICIENT_STORAGE, "There is no space for this file.")
        }
        _ => error.into(),
    }
}
