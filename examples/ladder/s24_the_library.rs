//! Step 24: the library.
//!
//! Fails   Nothing fails in step 23, but it has no workers, TLS, files, streams, blocking handlers or
//!         trace, and few tests.
//! New     The same server with wirelight. You have written a small version of each of these files:
//!
//!         00, 01  src/net/sockets/listen.rs   13  src/net/threads/pool.rs
//!         03, 16  src/net/conn/read.rs        14, 15  src/net/worker.rs
//!         04      src/net/conn/write.rs       18  src/http1/states.rs, src/net/conn/state.rs
//!         05      src/http1/head/parse.rs     19  src/net/timeouts.rs, src/net/worker/timer_wheel.rs
//!         06      src/http1/framing.rs        20  src/http1/limits.rs
//!         07, 11  src/http1/encode.rs         21  src/routing/tree.rs, src/app/router.rs
//!         08, 09  src/http1/connection.rs     22  src/response/into_response.rs, src/request.rs
//!         10      src/http1/chunked.rs        23  src/net/threads/shutdown.rs
//!
//! Try     wirelight poke :8000 'GET /hello HTTP/1.1\r\nHost: a\r\n\r\n' --every 1 --gap 20ms
//! Expect  prints `200 OK`; prints no `the server stopped reading`
//!
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost : a\r\n\r\n' --fill 2000B
//! Expect  prints `400 Bad Request`; prints `server FIN`
//!
//! Try     curl -sS -d hello 127.0.0.1:8000/
//! Expect  exit 0; prints `5 bytes`
//!
//! Try     curl -sS -H 'Transfer-Encoding: chunked' -d hello 127.0.0.1:8000/
//! Expect  exit 0; prints `5 bytes`
//!
//! Try     curl -sS -w '%{num_connects} new connection\n' 127.0.0.1:8000/hello 127.0.0.1:8000/hello
//! Expect  exit 0; prints `0 new connection` 1 times
//!
//! Try     wirelight poke :8000 'HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n' --repeat 2
//! Expect  prints `response 2`; prints no `World`
//!
//! Try     curl -sSN --max-time 2 127.0.0.1:8000/count
//! Expect  exit 28; prints `line 1`
//!
//! Also    5 times: wirelight poke :8000 GET --hold 60s
//! Try     head -c 3000 /dev/zero | curl -sS --max-time 4 --data-binary @- 127.0.0.1:8000/
//! Expect  exit 0; prints `3000 bytes`
//!
//! Try     curl -sS --limit-rate 16M -o /dev/null -w '%{size_download} bytes\n' 127.0.0.1:8000/big
//! Expect  exit 0; prints `33554432 bytes`
//!
//! Try     wirelight poke :8000 'GET / HTTP/1.1\r\nHost: a\r\n' --hold 4s
//! Expect  prints `408 Request Timeout`; prints `server FIN`
//!
//! Try     head -c 2000000 /dev/zero | curl -sS -i --data-binary @- 127.0.0.1:8000/
//! Expect  exit 0; prints `413 Content Too Large`
//!
//! Try     curl -sS -i -X DELETE 127.0.0.1:8000/hello
//! Expect  exit 0; prints `405 Method Not Allowed`; prints `Allow: GET, HEAD`
//!
//! Try     curl -sS -i 127.0.0.1:8000/users/x
//! Expect  exit 0; prints `404 Not Found`
//!
//! Try     curl -sS '127.0.0.1:8000/hello?name=Ada+%22L%22'
//! Expect  exit 0; prints `{"message":"Hello, Ada \"L\"!"}`
//!
//! Try     curl -sS 127.0.0.1:8000/slow
//! Stop    `GET /slow`
//! Expect  exit 0; prints `done`; stops with 0
//! Break   wirelight --trace shows what happens inside; docs/tour.md explains six functions of the
//!         source. Which of the commands above behave differently from step 23, and why?

use std::thread::sleep;
use std::time::Duration;

use wirelight::{App, Request, Response, Server, StatusCode, Timeouts, json};

pub fn main() -> std::io::Result<()> {
    let mut app = App::new();
    app.before(|request| {
        println!("{} {}", request.method(), request.path());
        Ok(())
    });
    app.get(
        "/hello",
        |request| json!({ "message": format!("Hello, {}!", request.query("name").unwrap_or("World".into())) }),
    );
    app.get("/users/{id:int}", |request| request.param::<u64>("id").map(|id| json!({ "id": id })));
    app.post("/", |request: &Request| format!("{} bytes\n", request.body().len()));
    app.get("/count", |_| {
        Response::new(StatusCode::OK)
            .chunks((1..4).map(|number| (format!("line {number}\n"), sleep(Duration::from_secs(1))).0))
    });
    app.get("/big", |_| vec![b'x'; 32 * 1024 * 1024]);
    app.get("/slow", |_| (sleep(Duration::from_secs(2)), "done\n").1).blocking();
    let timeouts = Timeouts { head: Duration::from_secs(2), ..Timeouts::default() };
    let server = Server::bind(("127.0.0.1", std::env::var("PORT").map_or(8000, |port| port.parse().unwrap_or(8000))))?;
    println!("listening on {}", server.local_addr());
    server.timeouts(timeouts).run(app)
}
