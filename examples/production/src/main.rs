//! Reads the environment, combines routes, database, limits and middleware, and serves.
#![forbid(unsafe_code)]

mod api;
mod database;
mod document;
mod settings;
mod users;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use wirelight::middleware::rate_limit::{LimitFields, RedisStore};
use wirelight::middleware::{AccessLog, Format, Metrics, RequestId, health};
use wirelight::{App, Request, Server, json};

use document::{Problem, Readiness};
use settings::Settings;
use users::Users;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> io::Result<()> {
    let settings = Settings::from_env()?;
    let users = Users::new(database::open(&settings.database)?);
    let mut server = Server::from_env()?.pool(settings.threads, 4 * settings.threads);
    if let Some(path) = &settings.socket {
        server = server.and_bind_unix(path)?.unix_mode(0o660)?;
    }
    let app = app(&settings, users)?;
    // Fails if stdout is closed.
    let _ = writeln!(io::stdout(), "listening on http://{}", server.local_addr());
    server.run(app)
}

/// Builds the application. Hooks run in the order added: the id first, the log last.
fn app(settings: &Settings, users: Users) -> io::Result<App> {
    let mut app = App::new();
    app.trusted_proxies(&settings.proxies);
    let metrics = Metrics::new();
    RequestId::new().trust(from_this_machine).add_to(&mut app);
    metrics.add_to(&mut app);
    AccessLog::new(Format::Json).to(io::stdout()).add_to(&mut app);

    app.limit(&settings.limit);
    app.limit_fields(LimitFields::RateLimit);
    if let Some(url) = &settings.redis {
        // All limited routes run on the pool, since a request to Redis would block the event loop.
        let store = RedisStore::new(url)?.timeout(Duration::from_millis(250));
        app.limit_store(if settings.fail_closed { store.fail_closed() } else { store });
    }

    app.on_any_error(|req, e| match e.details() {
        Some(details) => {
            json!({ "error": e.name(), "message": e.message(), "details": details, "request_id": req.id() })
        }
        None => json!({ "error": e.name(), "message": e.message(), "request_id": req.id() }),
    });
    app.state(users);
    app.nest("/v1/users", api::router());
    app.get("/health", health()).unlimited().about("Says that the process works.").gives_status::<Readiness>(200);
    app.get("/ready", ready).blocking().unlimited().about("Says that the database is reachable.").gives::<Readiness>();
    app.get("/metrics", metrics.handler()).unlimited().undocumented();
    app.docs("/docs", app.openapi().title("Users").version(env!("CARGO_PKG_VERSION")).errors::<Problem>());
    Ok(app)
}

/// Returns whether the peer is a local proxy. Its request id is trusted, so that log lines of both
/// can be joined.
fn from_this_machine(req: &Request) -> bool {
    req.remote_addr().is_none_or(|peer| peer.ip().is_loopback())
}

/// Responds 200 if the database is reachable. `/health` reports the process only, which should not
/// be restarted because a database is down.
fn ready(req: &Request) -> wirelight::Result<wirelight::Response> {
    req.state::<Users>().count()?;
    Ok(wirelight::Response::default().json(&json!({ "status": "ready" })).header("Cache-Control", "no-store"))
}
