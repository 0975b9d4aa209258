//! Defines the routes of `/v1/users`: validation and responses. All are blocking, because they use
//! the database.

use wirelight::{Error, Json, Page, Request, Response, Result, Router, StatusCode, Validator, json};

use crate::document::{NewUser, Paging, UserChange, UserPage};
use crate::users::{User, Users};

/// Largest body in bytes.
const MAX_BODY: u64 = 16 * 1024;
const MAX_NAME: usize = 200;
const TAKEN: &str = "Another user has this email address.";

pub fn router() -> Router {
    let mut users = Router::new();
    users.get("/", list).blocking().about("Lists users, a page at a time.").takes_query::<Paging>().gives::<UserPage>();
    users
        .post("/", create)
        .blocking()
        .max_body(MAX_BODY)
        .about("Creates a user.")
        .takes::<NewUser>()
        .gives_status::<User>(201)
        .fails(409, TAKEN);
    users.get("/{id:int}", show).blocking().about("Shows a user.").gives::<User>();
    users
        .put("/{id:int}", replace)
        .blocking()
        .max_body(MAX_BODY)
        .about("Replaces a user.")
        .takes::<NewUser>()
        .gives::<User>()
        .fails(409, TAKEN);
    users
        .patch("/{id:int}", update)
        .blocking()
        .max_body(MAX_BODY)
        .about("Changes a user.")
        .takes::<UserChange>()
        .gives::<User>()
        .fails(409, TAKEN);
    users.delete("/{id:int}", remove).blocking().about("Removes a user.");
    users
}

fn list(req: &Request) -> Result<Response> {
    let page = Page::from(req, 20, 100);
    let users = req.state::<Users>();
    let (data, total) = (users.page(page.offset(), page.per_page)?, users.count()?);
    Ok(Response::default()
        .header("Link", page.links(total))
        .json(&json!({ "data": data, "page": page.number, "per_page": page.per_page, "total": total })))
}

fn create(req: &Request) -> Result<Response> {
    let (name, email) = whole(req)?;
    let user = req.state::<Users>().add(&name, &email)?;
    Ok(Response::new(StatusCode::CREATED).header("Location", format!("/v1/users/{}", user.id)).json(&user))
}

fn show(req: &Request) -> Result<Json<User>> {
    found(req.state::<Users>().find(id(req)?)?)
}

fn replace(req: &Request) -> Result<Json<User>> {
    let (name, email) = whole(req)?;
    found(req.state::<Users>().change(id(req)?, Some(&name), Some(&email))?)
}

/// Updates a user. Fields that are missing or null are unchanged.
fn update(req: &Request) -> Result<Json<User>> {
    let body = req.json_value()?;
    let mut validator = Validator::new(&body);
    let name = validator.has("name").then(|| name(&mut validator));
    let email = validator.has("email").then(|| validator.email("email"));
    validator.finish()?;
    found(req.state::<Users>().change(id(req)?, name, email)?)
}

fn remove(req: &Request) -> Result<()> {
    match req.state::<Users>().remove(id(req)?)? {
        true => Ok(()),
        false => Err(no_such_user()),
    }
}

/// Returns both fields, validated.
fn whole(req: &Request) -> Result<(String, String)> {
    let body = req.json_value()?;
    let mut validator = Validator::new(&body);
    let (name, email) = (name(&mut validator), validator.email("email"));
    validator.finish()?;
    Ok((name.to_owned(), email.to_owned()))
}

fn name<'v>(validator: &mut Validator<'v>) -> &'v str {
    let name = validator.string("name");
    validator.check("name", name.chars().count() <= MAX_NAME, "Must have at most 200 characters");
    // PostgreSQL's text type cannot contain NUL, and SQLite's tools stop at it.
    validator.check("name", !name.contains('\0'), "Must not contain NUL");
    name
}

/// Returns the id. Databases use signed integers: no user has a larger id.
fn id(req: &Request) -> Result<i64> {
    i64::try_from(req.param::<u64>("id")?).map_err(|_| no_such_user())
}

fn found(user: Option<User>) -> Result<Json<User>> {
    user.map(Json).ok_or_else(no_such_user)
}

fn no_such_user() -> Error {
    Error::not_found("There is no such user.")
}
