//! Step 22: handlers take values and return values.
//!
//! Fails   The handlers of step 21 take text and return bytes. Each has to parse its input and to
//!         write its output, and /users/x is a user.
//! New     A handler takes typed values and returns a value, or an error that becomes the response;
//!         `?` returns it. A segment that is not a number is 404, since no such user can exist. A body
//!         that is not JSON is 400.
//! Try     curl -sS '127.0.0.1:8000/hello?name=Ada+%22L%22'
//! Expect  exit 0; prints `{"message":"Hello, Ada \"L\"!"}`
//! On 21   exit 0; prints `hello`
//!
//! Try     curl -sS -i 127.0.0.1:8000/users/x
//! Expect  exit 0; prints `404 Not Found`; prints `{"error":"x is not a number"}`
//! On 21   exit 0; prints `200 OK`
//!
//! Try     curl -sS -i -d '{"name": ' 127.0.0.1:8000/users
//! Expect  exit 0; prints `400 Bad Request`; prints `{"error":"EOF while parsing a value`
//! On 21   exit 0; prints `404 Not Found`
//! Break   Request /slow, and stop the server meanwhile with Ctrl-C. What does curl report?

use std::io;
use std::str::FromStr;
use std::thread::sleep;
use std::time::Duration;

use client::App;
use message::{Request, Response};
use readiness::Readiness;
use router::Route;
use serde_json::{Value, json};

#[path = "client.rs"]
mod client;
#[path = "event_loop.rs"]
mod event_loop;
#[path = "limits.rs"]
mod limits;
#[path = "message.rs"]
mod message;
#[path = "readiness.rs"]
mod readiness;
#[path = "router.rs"]
mod router;
#[path = "states.rs"]
mod states;

/// What a handler reads.
struct Call<'a> {
    request: &'a Request,
    segments: Vec<&'a str>,
}

/// A status and a sentence for the client.
struct Failure(&'static str, String);

type Handler = fn(&Call<'_>) -> Result<Value, Failure>;

const ROUTES: &[Route<Handler>] = &[
    ("GET", "/hello", |call| {
        Ok(json!({ "message": format!("Hello, {}!", call.query("name").unwrap_or("World".into())) }))
    }),
    ("GET", "/users/{}", |call| Ok(json!({ "id": call.segment::<u64>(0)? }))),
    ("POST", "/users", |call| Ok(json!({ "created": call.json()? }))),
    ("GET", "/slow", |_| {
        sleep(Duration::from_secs(2));
        Ok(json!("done"))
    }),
];

impl Call<'_> {
    fn segment<T: FromStr>(&self, index: usize) -> Result<T, Failure> {
        let text = self.segments.get(index).copied().unwrap_or_default();
        text.parse().map_err(|_| Failure("404 Not Found", format!("{text} is not a number")))
    }

    fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.request.target.split_once('?')?;
        form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    fn json(&self) -> Result<Value, Failure> {
        serde_json::from_slice(&self.request.body).map_err(|error| Failure("400 Bad Request", error.to_string()))
    }
}

struct Api;

impl App for Api {
    fn refuse(&self, input: &[u8]) -> Option<Response> {
        limits::refuse(input)
    }

    fn handle(&self, request: &Request) -> Response {
        let (handler, segments) = match router::find(ROUTES, request) {
            Ok(found) => found,
            Err(response) => return response,
        };
        let (status, value) = match handler(&Call { request, segments }) {
            Ok(value) => ("200 OK", value),
            Err(Failure(status, reason)) => (status, json!({ "error": reason })),
        };
        let mut response = Response::text(status, value.to_string());
        response.fields = "Content-Type: application/json\r\n".to_owned();
        response
    }
}

pub fn main() -> io::Result<()> {
    let readiness = Readiness::bind(&std::env::var("PORT").unwrap_or("8000".into()))?;
    println!("listening on {}", readiness.address()?);
    event_loop::serve(readiness, None, &Api)
}
