//! Returns the body it gets, whatever the method and the path: a subject for other people's test
//! suites. Run with `cargo run --example echo`; try: `curl -d hello http://127.0.0.1:8000/any/path`
use wirelight::{App, Method, Request};

fn echo(req: &Request) -> Vec<u8> {
    req.body().to_vec()
}

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        app.route(method, "/", echo);
        app.route(method, "/{path:path}", echo);
    }
    app.run_from_env()
}
