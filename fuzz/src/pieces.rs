//! Sends a request twice, whole and in pieces: its response does not depend on them.

use wirelight::{Method, TestClient, TestResponse};

use crate::responses;

/// Sends a request with these fields, and a body with its media type, whole and in pieces of `step` bytes. Returns the response.
///
/// # Panics
/// Panics if the responses differ, or if a strict client does not accept the second.
pub(crate) fn send(
    client: &TestClient<'_>,
    step: u8,
    (method, target): (Method, &str),
    fields: &[(&str, &str)],
    body: Option<(&str, &[u8])>,
) -> TestResponse {
    let mut request = client.request(method.as_str(), target);
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
    for (name, value) in fields {
        request = request.header(name, value);
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    if let Some((media_type, body)) = body {
        request = request.body(media_type, body);
        bytes.extend_from_slice(format!("Content-Type: {media_type}\r\nContent-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.map_or(b"", |(_, body)| body));
    let whole = request.send();

    let mut connection = client.connect();
    bytes.chunks(usize::from(step).max(1)).for_each(|piece| connection.send(piece));
    connection.half_close();
    let found = responses::read(connection.received(), &[method]);
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let parts = found.into_iter().map(|response| {
        let fields: Vec<_> = response.fields.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        (response.status, fields, response.body)
    });
    let expected = (whole.status().as_u16(), whole.headers().to_vec(), whole.body().to_vec());
    assert_eq!(parts.collect::<Vec<_>>(), [expected], "in pieces of {step}: {}", bytes.escape_ascii());
    whole
}
