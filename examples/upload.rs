//! Receives a form with files: fields, untrusted file names, a limit. Run with
//! `cargo run --example upload`; open http://127.0.0.1:8000 in a browser, or try:
//! `curl -F title=Sunset -F photo=@picture.png http://127.0.0.1:8000/photos`
use std::sync::Mutex;

use serde_json::Value;
use wirelight::{App, Error, Html, Request, Response, Result, StatusCode, json};

/// Title and bytes of each photo. `receive.rs` saves files of a form instead, while they arrive.
type Photos = Vec<(String, Vec<u8>)>;

const FORM: &str = "<!doctype html><form method=post action=/photos enctype=multipart/form-data>\
    <input name=title> <input type=file name=photo multiple> <button>Send</button></form>";

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.state(Mutex::new(Photos::new()));
    app.get("/", |_| Html(FORM));
    app.get("/photos/{number:int}", show);
    app.post("/photos", upload).max_body(8 << 20); // of all parts together; a larger body gets 413
    app.run_from_env()
}

fn upload(req: &Request) -> Result<(StatusCode, Value)> {
    let (mut title, mut files) = (None, Vec::new());
    for part in req.parts()? {
        match part.name() {
            "title" => title = Some(part.text()),
            "photo" if part.bytes().starts_with(b"\x89PNG") => files.push(part),
            // The client chooses the name and the media type; only the bytes show what a file is.
            "photo" => return Err(Error::bad_request("a photo is a PNG here")),
            _ => {}
        }
    }
    let title = title.filter(|title| !title.trim().is_empty()).ok_or(Error::bad_request("a title is missing"))?;
    let mut photos = req.lock::<Photos>();
    let mut saved = Vec::new();
    for file in files {
        let name = file.safe_filename().unwrap_or("photo.png".into());
        saved.push(json!({ "number": photos.len(), "name": name, "size": file.bytes().len() }));
        photos.push((title.to_string(), file.bytes().to_vec()));
    }
    Ok((StatusCode::CREATED, json!({ "title": title, "photos": saved })))
}

fn show(req: &Request) -> Result<Option<Response>> {
    let number: usize = req.param("number")?;
    Ok(req
        .lock::<Photos>()
        .get(number)
        .map(|(_, bytes)| Response::default().header("Content-Type", "image/png").bytes(bytes.clone())))
}
