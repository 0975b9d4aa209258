//! Conversions from and to the types of the http crate (feature `http`).
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use wirelight::{App, Method, Request, Response, Result, StatusCode, Version};

#[test]
fn methods_statuses_and_versions_convert_both_ways() {
    for name in ["GET", "PATCH", "PURGE", "M-SEARCH"] {
        let theirs = http::Method::from_bytes(name.as_bytes()).unwrap();
        let ours = Method::try_from(theirs.clone()).unwrap();
        assert_eq!((ours.as_str(), http::Method::try_from(ours).unwrap()), (name, theirs));
    }
    for code in 100..=999 {
        let theirs = http::StatusCode::from_u16(code).unwrap();
        match StatusCode::try_from(theirs) {
            Ok(ours) => assert_eq!((ours.as_u16(), http::StatusCode::from(ours)), (code, theirs)),
            Err(_) => assert!(code > 599, "{code}"),
        }
    }
    assert_eq!(http::Version::from(Version::HTTP_10), http::Version::HTTP_10);
}

#[test]
fn a_request_becomes_one_of_the_http_crate() {
    let mut app = App::new();
    app.post("/a/{b}", |req: &Request| -> Result<String> {
        let request = req.to_http()?;
        let values: Vec<_> = request.headers().get_all("x-a").iter().map(|value| value.to_str().unwrap()).collect();
        let body = String::from_utf8_lossy(request.body()).into_owned();
        Ok(format!("{} {} {:?} {values:?} {body}", request.method(), request.uri(), request.version()))
    });
    let client = app.test();
    let request = client.post("/a/%C3%A9?q=1").header("X-A", "1").header("x-a", "2").body("text/plain", "body");
    assert_eq!(request.send().text(), "POST /a/%C3%A9?q=1 HTTP/1.1 [\"1\", \"2\"] body");
}

#[test]
fn a_handler_returns_types_of_the_http_crate() {
    let mut app = App::new();
    let response = |status: u16| http::Response::builder().status(status).header("Set-Cookie", "a=1");
    app.get("/text", move |_| {
        response(201).header("set-cookie", "b=2").header("content-type", "text/css").body("css").unwrap()
    });
    app.get("/empty", move |_| response(204).body(Vec::new()).unwrap());
    app.get("/length", |_| http::Response::builder().header("content-length", "99").body("four").unwrap());
    app.get("/status", |_| http::StatusCode::IM_A_TEAPOT);
    app.get("/600", |_| http::StatusCode::from_u16(600).unwrap());
    app.get("/101", move |_| response(101).body("").unwrap());
    for (path, status, text) in
        [("/text", 201, "css"), ("/empty", 204, ""), ("/length", 200, "four"), ("/status", 418, "")]
    {
        let got = app.test().get(path).send();
        assert_eq!((got.status().as_u16(), got.text()), (status, text), "{path}");
    }
    assert_eq!(
        [app.test().get("/600").send().status(), app.test().get("/101").send().status()],
        [500, 500].map(|code| StatusCode::from_u16(code).unwrap())
    );
    let text = app.test().get("/text").send();
    assert_eq!(
        (
            text.headers().iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).count(),
            text.header("Content-Type")
        ),
        (2, Some("text/css"))
    );
}

#[test]
fn a_response_becomes_one_of_the_http_crate() {
    let response = Response::new(StatusCode::CREATED).header("X-A", "1").text("made").into_http();
    assert_eq!((response.status(), response.body().as_slice()), (http::StatusCode::CREATED, &b"made"[..]));
    assert_eq!((response.headers()["x-a"].to_str().unwrap(), response.headers().len()), ("1", 2));
}
