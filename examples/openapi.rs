//! Describes an API by its routes, and serves a page that shows it. Run with `cargo run --example
//! openapi`; open `http://127.0.0.1:8000/docs`, or try `curl http://127.0.0.1:8000/notes?page=x` and
//! `curl http://127.0.0.1:8000/notes -H 'X-API-Key: secret' -H 'Content-Type: application/json' -d
//! '{"title": "Tea"}'`
use std::collections::BTreeMap;
use std::sync::Mutex;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wirelight::middleware::ApiKey;
use wirelight::{App, Json, Request, Result, StatusCode};

#[derive(Clone, Serialize, JsonSchema)]
struct Note {
    /// Assigned by the server.
    id: u64,
    title: String,
    tags: Vec<String>,
}

/// What a client sends to write a note.
#[derive(Deserialize, JsonSchema)]
struct NewNote {
    title: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Find {
    /// A tag that the notes have.
    tag: Option<String>,
    /// Notes to skip.
    #[serde(default)]
    skip: usize,
    order: Option<Order>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Order {
    Oldest,
    Newest,
}

type Notes = BTreeMap<u64, Note>;

fn main() -> std::io::Result<()> {
    let keys = ApiKey::new([("secret", "Zoë")]);
    let mut app = App::new();
    app.state(Mutex::new(Notes::new()));
    app.get("/notes", list).about("Lists notes.").takes_query::<Find>().gives::<Vec<Note>>();
    app.post("/notes", write)
        .require(keys.guard())
        .max_body(64 * 1024)
        .about("Writes a note.")
        .takes::<NewNote>()
        .gives_status::<Note>(201);
    app.get("/notes/{id:int}", show).about("Shows a note.").gives::<Note>();
    app.delete("/notes/{id:int}", remove).require(keys.guard()).about("Removes a note.");
    app.docs("/docs", app.openapi().title("Notes").version("1.0.0").api_key("X-API-Key"));
    app.run_from_env()
}

fn list(req: &Request) -> Result<Json<Vec<Note>>> {
    let find: Find = req.query_as()?;
    let notes = req.lock::<Notes>();
    let has_tag = |note: &&Note| find.tag.as_ref().is_none_or(|tag| note.tags.contains(tag));
    let mut found: Vec<Note> = notes.values().filter(has_tag).cloned().collect();
    if matches!(find.order, Some(Order::Newest)) {
        found.reverse();
    }
    Ok(Json(found.into_iter().skip(find.skip).collect()))
}

fn write(req: &Request) -> Result<(StatusCode, Json<Note>)> {
    let NewNote { title, tags } = req.json()?;
    let mut notes = req.lock::<Notes>();
    let id = notes.last_key_value().map_or(1, |(id, _)| id + 1);
    let note = Note { id, title, tags };
    notes.insert(id, note.clone());
    Ok((StatusCode::CREATED, Json(note)))
}

fn show(req: &Request) -> Result<Option<Json<Note>>> {
    Ok(req.lock::<Notes>().get(&req.param("id")?).cloned().map(Json))
}

fn remove(req: &Request) -> Result<Option<()>> {
    Ok(req.lock::<Notes>().remove(&req.param("id")?).map(drop))
}
