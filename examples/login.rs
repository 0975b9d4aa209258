//! A login with a form: a session in an encrypted cookie, and forms that only this site can send.
//! Run with `SECRET=$(openssl rand -hex 32) cargo run --example login` and open
//! http://127.0.0.1:8000
use wirelight::middleware::{Csrf, Keyring, Sessions};
use wirelight::{App, Error, Html, Redirect, Request, Result};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Several, divided by commas: the first one seals, all of them open.
    let secrets = std::env::var("SECRET").map_err(|_| "SECRET is not set")?;
    let mut app = App::new();
    Csrf::new().add_to(&mut app);
    Sessions::new(Keyring::new(secrets.split(','))).add_to(&mut app);
    app.get("/", home);
    app.post("/login", login).max_body(1024).limit("10 per minute");
    app.post("/logout", logout);
    app.get("/account", account).require(needs_user);
    Ok(app.run_from_env()?)
}

fn home(req: &Request) -> Result<Html<String>> {
    let token = req.session().csrf_token()?;
    let hidden = format!("<input type=hidden name=csrf_token value={token}>");
    Ok(Html(match req.session().get::<String>("user") {
        Some(user) => {
            format!("<p>Hello, {user}!<form method=post action=/logout>{hidden}<button>Log out</button></form>")
        }
        None => format!(
            "<form method=post action=/login>{hidden}<input name=user> <input name=password type=password>\
             <button>Log in</button></form>"
        ),
    }))
}

fn login(req: &Request) -> Result<Redirect> {
    req.check_csrf_token()?;
    // In production, a slow hash of the password (argon2) on a `.blocking()` route.
    let known = [("ada", "engine"), ("grace", "compiler")];
    let pair = (req.form("user").unwrap_or_default(), req.form("password").unwrap_or_default());
    let user = known.into_iter().find(|(user, password)| *user == pair.0 && *password == pair.1);
    let (user, _) = user.ok_or(Error::forbidden("The name or the password is wrong."))?;
    req.session().clear(); // what was remembered of the visitor, and the tokens of its forms
    req.session().set("user", user)?;
    Ok(Redirect::see_other("/"))
}

fn logout(req: &Request) -> Result<Redirect> {
    req.check_csrf_token()?;
    req.session().clear();
    Ok(Redirect::see_other("/"))
}

fn needs_user(req: &mut Request) -> Result<()> {
    match req.session().get::<String>("user") {
        Some(_) => Ok(()),
        None => Err(Error::forbidden("Log in first.")),
    }
}

fn account(req: &Request) -> Option<String> {
    req.session().get::<String>("user").map(|user| format!("the account of {user}"))
}
