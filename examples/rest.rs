//! Shows the constraints of REST, and one reason for each common status. Run with
//! `cargo run --example rest`; try: `curl -i http://127.0.0.1:8000/articles/1`,
//! `curl -i http://127.0.0.1:8000/articles/1 -H 'If-None-Match: "1"'`,
//! `curl -i -X DELETE http://127.0.0.1:8000/articles/1 -H 'X-API-Key: key_reader'`
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use wirelight::middleware::{ApiKey, ApiUser};
use wirelight::{App, Error, Redirect, Request, Response, Result, Router, StatusCode, Validator, json};

/// An article, and how often it was changed: its entity tag.
#[derive(Clone, Default)]
struct Article {
    title: String,
    revision: u64,
}

/// An id is not used again: the tags of a later article would be those of the removed one.
struct Articles {
    last_id: u64,
    by_id: BTreeMap<u64, Article>,
}

/// 201, `Location`, and what was created.
type Created = (StatusCode, [(&'static str, String); 1], Value);

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    let first = Article { title: "Framing".into(), revision: 1 };
    app.state(Mutex::new(Articles { last_id: 1, by_id: BTreeMap::from([(1, first)]) }));
    let keys = ApiKey::new([("key_editor", "editor"), ("key_reader", "reader")]);
    let mut articles = Router::new();
    articles.get("/", list);
    articles.get("/{id:int}", show);
    articles.post("/", create).require(keys.guard());
    articles.put("/{id:int}", replace).require(keys.guard());
    articles.delete("/{id:int}", remove).require(keys.guard());
    app.nest("/articles", articles);

    app.get("/posts/{id:int}", moved);
    app.get("/search", |_| json!([])).limit("2 per minute");
    app.get("/boom", |req| json!(1 / req.body().len())); // divides by zero: a panic, which the server catches
    app.get("/report", slow_report).blocking().deadline(Duration::from_millis(300));
    app.get("/greet.js", |_| (StatusCode::OK, [("Content-Type", "text/javascript")], "document.title = 'Hello';\n"));
    app.run_from_env()
}

fn list(req: &Request) -> Value {
    req.lock::<Articles>().by_id.iter().map(|(id, article)| article.json(*id)).collect()
}

/// Says for how long a cache may keep it, and by which tag it can ask again.
fn show(req: &Request) -> Result<Response> {
    let id = req.param("id")?;
    let article = req.lock::<Articles>().by_id.get(&id).cloned().ok_or_else(no_such_article)?;
    Ok(Response::default().etag(article.revision.to_string()).cache_control("max-age=60").json(&article.json(id)))
}

fn create(req: &Request) -> Result<Created> {
    let title = title(req)?;
    let mut articles = req.lock::<Articles>();
    if articles.by_id.values().any(|article| article.title == title) {
        return Err(Error::conflict("an article has this title"));
    }
    articles.last_id += 1;
    let id = articles.last_id;
    let article = Article { title, revision: 1 };
    let body = article.json(id);
    articles.by_id.insert(id, article);
    Ok((StatusCode::CREATED, [("Location", format!("/articles/{id}"))], body))
}

/// With `If-Match`, changes only the state that the client knows.
fn replace(req: &Request) -> Result<Value> {
    let id = req.param("id")?;
    let mut articles = req.lock::<Articles>();
    let article = articles.by_id.get_mut(&id).ok_or_else(no_such_article)?;
    req.precondition(Some(&article.revision.to_string()), None)?;
    let title = title(req)?;
    if article.title != title {
        *article = Article { title, revision: article.revision + 1 };
    }
    Ok(article.json(id))
}

/// As `replace`: with `If-Match`, removes only the state that the client knows.
fn remove(req: &Request) -> Result<()> {
    let user = req.get::<ApiUser>().map_or("", ApiUser::name);
    if user != "editor" {
        return Err(Error::forbidden("this key may not delete"));
    }
    let id = req.param("id")?;
    let mut articles = req.lock::<Articles>();
    let article = articles.by_id.get(&id).ok_or_else(no_such_article)?;
    req.precondition(Some(&article.revision.to_string()), None)?;
    articles.by_id.remove(&id);
    Ok(())
}

/// Articles were posts once.
fn moved(req: &Request) -> Result<Redirect> {
    let id: u64 = req.param("id")?;
    Ok(Redirect::moved(format!("/articles/{id}")))
}

/// Takes longer than its deadline: a database that does not answer.
fn slow_report(_: &Request) -> &'static str {
    std::thread::sleep(Duration::from_secs(2));
    "too late"
}

/// Reads the one field of a body, or fails with 415, 400 or 422.
fn title(req: &Request) -> Result<String> {
    let body: Value = req.json()?;
    let mut check = Validator::new(&body);
    let title = check.string("title");
    check.finish()?;
    Ok(title.to_owned())
}

fn no_such_article() -> Error {
    Error::not_found("there is no such article")
}

impl Article {
    fn json(&self, id: u64) -> Value {
        json!({ "id": id, "title": self.title, "revision": self.revision })
    }
}
