//! Nests the routes of modules under a prefix. Run with `cargo run --example blueprints`; try:
//! `curl http://127.0.0.1:8000/users/`, `…/users/7`, `curl -i http://127.0.0.1:8000/products` (308
//! to `/products/`)
use wirelight::{App, TrailingSlash};

/// routes/users.rs
mod users {
    use wirelight::{Json, Router, json};

    #[derive(serde::Serialize)]
    struct User {
        id: u128, // Python's numbers have no end
    }

    pub fn router() -> Router {
        let mut users = Router::new();
        users.get("/", |_| json!({ "users": [] }));
        users.get("/{id:int}", |req| req.param("id").map(|id| Json(User { id })));
        users
    }
}

/// routes/products.rs
mod products {
    use wirelight::{Json, Router, json};

    #[derive(serde::Serialize)]
    struct Product {
        id: u128, // Python's numbers have no end
    }

    pub fn router() -> Router {
        let mut products = Router::new();
        products.get("/", |_| json!({ "products": [] }));
        products.get("/{id:int}", |req| req.param("id").map(|id| Json(Product { id })));
        products
    }
}

fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.trailing_slash(TrailingSlash::Redirect);
    app.nest("/users/", users::router());
    app.nest("/products/", products::router());
    app.run_from_env()
}
