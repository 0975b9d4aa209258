//! Describes the purpose of each part of a message in a few words.

use wirelight::explain::Span;

/// Returns the meaning of one piece.
pub(super) fn of_piece(piece: &Span<'_>) -> &'static str {
    match piece.kind {
        "method" => "what to do",
        "target" => "to which resource",
        "query" => "parameters, for the application",
        "version" => "the version of HTTP, which decides whether the connection stays open",
        "status" => "the outcome",
        "reason" => "the status in words; programs ignore it",
        "crlf" => "end of line",
        "lf-bare" => "end of line without its CR",
        "name" => of_field(piece.bytes).unwrap_or("field name, in any case"),
        "colon" => "no space allowed before it",
        "blank" => "empty line: end of the section",
        "body" => "the content",
        "chunk-size" => "bytes of the chunk, in hexadecimal",
        "chunk-ext" => "chunk extension; readers ignore it",
        "chunk-data" => "content",
        "trailer" => "a field after the content",
        "junk" => "does not belong here",
        _ => "",
    }
}

/// Returns the meaning of one line. `in_chunks` is set after the first chunk size.
pub(super) fn of_line(line: &[Span<'_>], in_chunks: bool) -> String {
    let has = |kind: &str| line.iter().any(|piece| piece.kind == kind);
    let Some(first) = line.first() else { return String::new() };
    if let [only] = line {
        return match only.kind {
            "crlf" | "lf-bare" => "an empty line".to_owned(),
            "blank" if in_chunks => "empty line: end of the message".to_owned(),
            "blank" => "empty line: end of the head".to_owned(),
            _ => of_piece(only).to_owned(),
        };
    }
    match first.kind {
        "chunk-size" => chunk(first),
        "chunk-data" | "trailer" | "blank" | "body" => of_piece(first).to_owned(),
        "ows" => "goes on with the line before (obsolete)".to_owned(),
        _ if has("method") || has("target") || has("status") => parts(line),
        "name" if has("colon") => of_field(first.bytes).unwrap_or("a field").to_owned(),
        _ => "does not belong here".to_owned(),
    }
}

/// Lists the parts of a start line: `method, target, version`.
fn parts(line: &[Span<'_>]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for piece in line {
        let name = match piece.kind {
            "junk" => "junk",
            kind @ ("method" | "target" | "query" | "version" | "status" | "reason") => kind,
            _ => continue,
        };
        if names.last() != Some(&name) && names.len() < 8 {
            names.push(name);
        }
    }
    names.join(", ")
}

fn chunk(size: &Span<'_>) -> String {
    let decimal = std::str::from_utf8(size.bytes).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match decimal {
        Some(0) => "the last chunk".to_owned(),
        Some(1) => "a chunk of 1 byte".to_owned(),
        Some(bytes) => format!("a chunk of {bytes} bytes, in hexadecimal"),
        None => "bytes of the chunk, in hexadecimal".to_owned(),
    }
}

/// Returns the purpose of a field, if it controls the protocol or is common.
fn of_field(name: &[u8]) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_slice() {
        b"accept" => "media types that the client can read",
        b"accept-encoding" => "compressions that the client can undo",
        b"accept-language" => "languages that the user prefers",
        b"age" => "seconds that the response spent in caches",
        b"allow" => "methods that the resource supports",
        b"authorization" => "credentials; a secret",
        b"cache-control" => "what caches may do",
        b"connection" => "whether the connection stays open, and fields for this hop only",
        b"content-encoding" => "how the content is compressed",
        b"content-length" => "bytes of the body, in decimal",
        b"content-type" => "the media type of the body",
        b"cookie" | b"set-cookie" => "what the server asked the client to keep; a secret",
        b"date" => "when the message was made",
        b"etag" => "the version of the content",
        b"expect" => "the client waits for 100 before it sends the body",
        b"host" => "which of the server's sites; required in HTTP/1.1",
        b"if-modified-since" | b"if-none-match" => "only if the client's copy is out of date",
        b"keep-alive" => "how long the connection stays open without a request",
        b"last-modified" => "when the content last changed",
        b"location" => "where to go instead",
        b"origin" => "which site's script sends the request",
        b"range" => "which bytes of the content",
        b"referer" => "the page that the request comes from",
        b"server" | b"user-agent" => "the program that sent the message",
        b"transfer-encoding" => "the body comes in chunks",
        b"upgrade" => "another protocol to switch to",
        b"vary" => "request fields that the content depends on",
        _ => return None,
    })
}
