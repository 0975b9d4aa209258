// Exported by the wire view from a capture; tests/wire/export.mjs writes it.

#[test]
fn connection_1() {
    let app = app();
    let client = app.test();
    let mut connection = client.connect();
    connection.send(b"GET ");
    connection.send(b"/hell");
    connection.send(
        b"o?name=Ada HTTP/1.1\r\n\
          Host: a\r\n\
          Cookie: ************\r\n\
          \r\n",
    );
    let received = String::from_utf8_lossy(connection.received()).into_owned();
    let statuses: Vec<_> = received.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect();
    assert_eq!(statuses, ["200"]);
    assert!(!connection.is_closed());
}

#[test]
fn connection_2() {
    let app = app();
    let client = app.test();
    let mut connection = client.connect();
    connection.send(
        b"GET / HTTP/1.1\r\n\
          Host : a\r\n\
          \r\n",
    );
    let received = String::from_utf8_lossy(connection.received()).into_owned();
    let statuses: Vec<_> = received.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect();
    assert_eq!(statuses, ["400"]);
    assert!(connection.is_closed());
}

#[test]
fn connection_3() {
    let app = app();
    let client = app.test();
    let mut connection = client.connect();
    connection.send(
        b"POST /users HTTP/1.1\r\n\
          Host: a\r\n\
          Content-Type: application/json\r\n\
          Transfer-Encoding: chunked\r\n\
          \r\n\
          5;x=y\r\n\
          {\"nam\r\n\
          28\r\n\
          e\": \"Ada\", \"email\": \"ada@example.com\" } \r\n\
          0\r\n\
          T: t\r\n\
          \r\n\
          HEAD /hello HTTP/1.1\r\n\
          Host: a\r\n\
          \r\n\
          DELETE /users/1 HTTP/1.1\r\n\
          Host: a\r\n\
          Connection: close\r\n\
          \r\n",
    );
    let received = String::from_utf8_lossy(connection.received()).into_owned();
    let statuses: Vec<_> = received.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect();
    assert_eq!(statuses, ["201", "200", "204"]);
    assert!(connection.is_closed());
}

#[test]
fn connection_4() {
    let app = app();
    let client = app.test();
    let mut connection = client.connect();
    connection.send(
        b"PUT /users/2 HTTP/1.1\r\n\
          Host: a\r\n\
          Content-Length: 5\r\n\
          \r\n\
          helloGET / HTTP/1.1\n\
          \n",
    );
    let received = String::from_utf8_lossy(connection.received()).into_owned();
    let statuses: Vec<_> = received.split("HTTP/1.1 ").skip(1).map(|response| &response[..3]).collect();
    assert_eq!(statuses, ["404", "400"]);
    assert!(connection.is_closed());
}
