//! A whole small application: a page in the binary, logins, tokens, an API that describes itself,
//! files and live updates. Run with `SECRET=$(openssl rand -hex 32) cargo run --example notes`; open
//! http://127.0.0.1:8000 as `ada` with the password `engine`, or try:
//! `curl http://127.0.0.1:8000/api/notes -H 'Authorization: Bearer token-of-ada' --json '{"title": ""}'`
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, io};

use ring::pbkdf2::{PBKDF2_HMAC_SHA256, derive, verify};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wirelight::events::{Broadcast, Event, EventStream};
use wirelight::middleware::{AccessLog, ApiUser, BearerAuth, Csrf, Format, Keyring, Sessions};
use wirelight::{App, Error, Files, Json, Redirect, Request, Response, Result, Router, StatusCode, Validator};

/// The user that a request is from: what the guard of the API leaves for its handlers.
#[derive(Clone, PartialEq, Eq, Hash)]
struct User(String);

#[derive(Clone, Serialize, JsonSchema)]
struct Note {
    id: u64,
    title: String,
    tags: Vec<String>,
    /// The name of the attached file.
    file: Option<String>,
}

/// What a client sends to write a note.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewNote {
    #[schemars(length(min = 1, max = 100))]
    title: String,
    #[serde(default)]
    #[schemars(inner(length(min = 1, max = 20)))]
    tags: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Attachment {
    /// What the client calls the file.
    name: String,
}

#[derive(Default)]
struct Store {
    last: u64,
    notes: BTreeMap<u64, (User, Note)>,
    windows: HashMap<User, Broadcast>,
}

/// Names and hashes of passwords.
struct Users(HashMap<&'static str, [u8; 32]>);

/// Name, password, token. A real program has them in a database, as hashes.
const KNOWN: [(&str, &str, &str); 2] = [("ada", "engine", "token-of-ada"), ("grace", "compiler", "token-of-grace")];
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99_999);

struct Folder(PathBuf);

fn main() -> io::Result<()> {
    let secrets = env::var("SECRET").map_err(|_| io::Error::other("SECRET is not set"))?;
    let folder = PathBuf::from(env::var("FOLDER").unwrap_or("note-files".into()));
    fs::create_dir_all(&folder)?;

    let mut app = App::new();
    AccessLog::new(Format::Dev).add_to(&mut app);
    Csrf::new().add_to(&mut app); // a page of another site cannot post
    Sessions::new(Keyring::new(secrets.split(','))).add_to(&mut app);
    app.state(Users(KNOWN.map(|(name, password, _)| (name, hash(name, password))).into()));
    app.state(Mutex::new(Store::default()));
    app.state(Files::new(&folder));
    app.state(Folder(folder));
    app.post("/login", login).max_body(1024).limit("10 per minute").blocking().undocumented();
    app.post("/logout", logout).undocumented();
    app.nest("/api", api());
    app.docs("/docs", app.openapi().title("Notes").version("1.0.0").bearer()); // after the routes
    app.files("/", page());
    app.run_from_env()
}

fn api() -> Router {
    let mut api = Router::new();
    let token = BearerAuth::new(KNOWN.map(|(name, _, token)| (token, name))).guard();
    // A browser has a session, a program a token. Without either, the guard of the token responds.
    api.require(move |req| {
        if let Some(name) = req.session().get("user") {
            req.set(User(name));
            return Ok(());
        }
        token(req)?;
        let name = req.get::<ApiUser>().map(|user| user.name().to_owned());
        req.set(User(name.unwrap_or_default()));
        Ok(())
    });
    api.get("/notes", list).about("Lists your notes.").gives::<Vec<Note>>();
    api.post("/notes", write).about("Writes a note.").takes::<NewNote>().gives_status::<Note>(201);
    api.get("/notes/{id:int}", show).about("Shows a note.").gives::<Note>();
    api.put("/notes/{id:int}", rewrite).about("Writes a note again.").takes::<NewNote>().gives::<Note>();
    api.delete("/notes/{id:int}", remove).about("Removes a note.");
    api.put("/notes/{id:int}/file", attach)
        .about("Attaches a file.")
        .takes_query::<Attachment>()
        .takes_media("*/*")
        .streaming()
        .max_body(16 << 20);
    api.get("/notes/{id:int}/file", download).about("Sends the file.").gives_media(200, "application/octet-stream");
    api.get("/events", events).about("Tells of each change.");
    api.fallback(|_| Error::not_found("The API has no such resource.")); // and not the page
    api
}

/// The page is part of the binary. Its addresses are those of the program in it: all but the files
/// and the routes above lead to `index.html`.
fn page() -> Files {
    let files = [
        ("index.html", include_bytes!("page/index.html").as_slice()),
        ("app.js", include_bytes!("page/app.js")),
        ("style.css", include_bytes!("page/style.css")),
    ];
    Files::embedded(files).index("index.html").fallback("index.html").cache_control("no-cache")
}

fn hash(name: &str, password: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    derive(PBKDF2_HMAC_SHA256, ROUNDS, name.as_bytes(), password.as_bytes(), &mut hash);
    hash
}

fn login(req: &Request) -> Result<Redirect> {
    let (name, password) = (req.form("user").unwrap_or_default(), req.form("password").unwrap_or_default());
    let expected = req.state::<Users>().0.get(&*name).unwrap_or(&[0; 32]); // the same work for an unknown name
    let is_right = verify(PBKDF2_HMAC_SHA256, ROUNDS, name.as_bytes(), password.as_bytes(), expected).is_ok();
    if !is_right {
        return Err(Error::forbidden("The name or the password is wrong."));
    }
    req.session().clear();
    req.session().set("user", &name)?;
    Ok(Redirect::see_other("/"))
}

fn logout(req: &Request) -> Redirect {
    req.session().clear();
    Redirect::see_other("/")
}

fn user<'r>(req: &'r Request) -> Result<&'r User> {
    Ok(req.get::<User>().ok_or("the guard of the API left no user")?)
}

impl Store {
    /// Returns a note, if it is the user's: another one's is as good as none.
    fn note(&mut self, id: u64, user: &User) -> Result<&mut Note> {
        let own = self.notes.get_mut(&id).filter(|(owner, _)| owner == user);
        own.map(|(_, note)| note).ok_or(Error::not_found("You have no such note."))
    }

    /// Tells the windows of the user that the notes are different now.
    fn changed(&mut self, user: &User) {
        self.windows.entry(user.clone()).or_default().send(Event::data("changed"));
    }
}

/// Reads a note: its types are checked by serde, and the rest here. One response names all that is
/// wrong.
fn new_note(req: &Request) -> Result<NewNote> {
    let note: NewNote = req.json()?;
    let mut validator = Validator::default();
    validator.check("title", (1..=100).contains(&note.title.chars().count()), "Must have 1 to 100 characters");
    for (n, tag) in note.tags.iter().enumerate() {
        validator.check(&format!("tags.{n}"), (1..=20).contains(&tag.chars().count()), "Must have 1 to 20 characters");
    }
    validator.finish()?;
    Ok(note)
}

fn list(req: &Request) -> Result<Json<Vec<Note>>> {
    let user = user(req)?;
    let store = req.lock::<Store>();
    Ok(Json(store.notes.values().filter(|(owner, _)| owner == user).map(|(_, note)| note.clone()).collect()))
}

fn write(req: &Request) -> Result<Response> {
    let (user, NewNote { title, tags }) = (user(req)?, new_note(req)?);
    let mut store = req.lock::<Store>();
    store.last += 1;
    let note = Note { id: store.last, title, tags, file: None };
    store.notes.insert(note.id, (user.clone(), note.clone()));
    store.changed(user);
    Ok(Response::new(StatusCode::CREATED).header("Location", format!("/api/notes/{}", note.id)).json(&note))
}

fn show(req: &Request) -> Result<Json<Note>> {
    Ok(Json(req.lock::<Store>().note(req.param("id")?, user(req)?)?.clone()))
}

fn rewrite(req: &Request) -> Result<Json<Note>> {
    let (user, NewNote { title, tags }) = (user(req)?, new_note(req)?);
    let mut store = req.lock::<Store>();
    let note = store.note(req.param("id")?, user)?;
    (note.title, note.tags) = (title, tags);
    let note = note.clone();
    store.changed(user);
    Ok(Json(note))
}

fn remove(req: &Request) -> Result<()> {
    let (user, id) = (user(req)?, req.param("id")?);
    let had_file = {
        let mut store = req.lock::<Store>();
        let had_file = store.note(id, user)?.file.is_some();
        store.notes.remove(&id);
        store.changed(user);
        had_file
    };
    if had_file {
        fs::remove_file(req.state::<Folder>().0.join(id.to_string()))?;
    }
    Ok(())
}

/// Writes the body to the disk while it comes. The server chooses the name of the file; that of the
/// client is text.
fn attach(req: &Request) -> Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let (user, id, Attachment { name }) = (user(req)?, req.param("id")?, req.query_as()?);
    req.lock::<Store>().note(id, user)?;
    let folder = &req.state::<Folder>().0;
    let part = folder.join(format!(".{id}-{}.part", NEXT.fetch_add(1, Ordering::Relaxed)));
    let copied = File::create(&part).and_then(|mut file| io::copy(&mut req.body_reader(), &mut file));
    let mut store = req.lock::<Store>();
    let stored = copied.map_err(Error::from).and_then(|_| {
        let note = store.note(id, user)?; // it may be gone by now
        fs::rename(&part, folder.join(id.to_string()))?;
        note.file = Some(name);
        Ok(())
    });
    stored.inspect_err(|_| drop(fs::remove_file(&part)))?;
    store.changed(user);
    Ok(())
}

/// Sends a file with tag and ranges, as one to save: shown, a page in it would be this site's.
fn download(req: &Request) -> Result<Response> {
    let id: u64 = req.param("id")?;
    let name = req.lock::<Store>().note(id, user(req)?)?.file.clone();
    let name = name.ok_or(Error::not_found("The note has no file."))?;
    Ok(req.state::<Files>().send_file(req, &id.to_string())?.attachment(&name))
}

/// The first event makes a window that was away load the notes again.
fn events(req: &Request) -> Result<EventStream> {
    let hub = req.lock::<Store>().windows.entry(user(req)?.clone()).or_default().clone();
    Ok(hub.subscribe(req).first([Event::data("changed")]))
}
