//! `wirelight explain`: prints a raw request or response with the meaning of every byte; the verdicts are the library's.

use std::ffi::OsString;
use std::io::Read;
use std::ops::Range;

use lexopt::Arg::{Long, Short, Value};
use wirelight::wire::{self, Explanation, Piece};

use super::{Failure, confused, glyphs, help, say};

/// More than this is no message that a person reads.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// Messages in one text; behind them it only gets longer.
const MOST_MESSAGES: usize = 100;
/// Pieces of one text; a file of noise has millions of them.
const MOST_PIECES: usize = 10_000;
/// Characters of a piece on its line.
const WIDTH: usize = 40;

/// Explains the file that the arguments name, `-` being the standard input.
pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let mut open = false;
    let Some(file) = one_file(arguments, "explain", Some(&mut open))? else { return Ok(()) };
    let bytes = read(file)?;
    let mut explanation = wire::explain_pasted(&bytes);
    let mut left = Left { pieces: MOST_PIECES, open };
    say(explained(&explanation, &mut left));
    for _ in 1..MOST_MESSAGES {
        if explanation.rest().is_empty() {
            return Ok(());
        }
        explanation = if explanation.was_pasted() {
            wire::explain_pasted(explanation.rest())
        } else {
            wire::explain(explanation.rest())
        };
        say(format_args!("\nand behind it:\n\n{}", explained(&explanation, &mut left)));
    }
    say(format_args!("\n{} bytes more are not shown", explanation.rest().len()));
    Ok(())
}

/// The one file that a command works on; none: the help was asked for, and given. `open`: it knows `--show-secrets`.
pub(super) fn one_file(
    mut arguments: lexopt::Parser,
    command: &str,
    mut open: Option<&mut bool>,
) -> Result<Option<OsString>, Failure> {
    let mut file = None;
    while let Some(argument) = arguments.next().map_err(confused)? {
        match argument {
            Short('h') | Long("help") => {
                say(help::of(command));
                return Ok(None);
            }
            Long("show-secrets") if open.is_some() => open.iter_mut().for_each(|open| **open = true),
            Value(name) if file.is_none() => file = Some(name),
            other => return Err(confused(other.unexpected())),
        }
    }
    file.map(Some).ok_or_else(|| Failure::usage(format!("{command} needs a file, or - for the standard input")))
}

/// All bytes of a file or of the standard input.
pub(super) fn read(file: OsString) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let result = if file == "-" {
        std::io::stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(&file).and_then(|open| open.take(MOST_BYTES + 1).read_to_end(&mut bytes))
    };
    result.map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Failure::usage(format!("{} is larger than {MOST_BYTES} bytes", file.display())));
    }
    Ok(bytes)
}

/// What may still be shown.
struct Left {
    pieces: usize,
    /// Secrets too.
    open: bool,
}

/// All about one message, as far as its pieces may still be shown.
fn explained(explanation: &Explanation, left: &mut Left) -> String {
    let what = if explanation.is_request() { "a request" } else { "a response" };
    let mut lines = vec![if explanation.was_pasted() {
        format!(
            "{what}, pasted: its lines end with LF alone and are read, and counted, as CR LF. Sent as it is, a strict reader refuses \
             it (RFC 9112 §2.2)."
        )
    } else {
        what.to_owned()
    }];
    lines.push(String::new());
    let count = explanation.pieces().count();
    let secrets = if left.open { &[] } else { explanation.secrets() };
    lines.extend(explanation.pieces().take(left.pieces).map(|piece| line(&piece, secrets)));
    if count > left.pieces {
        lines.push(format!("        {} pieces more are not shown", count - left.pieces));
    }
    left.pieces = left.pieces.saturating_sub(count);
    lines.push(String::new());
    match explanation.findings() {
        [] => lines.push("wrong:   nothing".into()),
        findings => lines.extend(findings.iter().map(|finding| format!("wrong:   {finding}"))),
    }
    lines.push(format!("body:    {}", explanation.body()));
    let who = if explanation.is_request() { "server: " } else { "client: " };
    lines.push(format!("{who} {}", explanation.verdict()));
    lines.join("\n")
}

fn line(piece: &Piece<'_>, secrets: &[Range<usize>]) -> String {
    let text = match piece.kind {
        "sp" | "ows" => glyphs::visible(piece.bytes).replace(' ', "␠"),
        _ => masked(piece, secrets).unwrap_or_else(|| glyphs::shortened(piece.bytes, WIDTH)),
    };
    let padding = " ".repeat(WIDTH.saturating_sub(text.chars().count()));
    format!("{:>6}  {:<10}  {text}{padding}  {}", piece.at, piece.kind, meaning(piece)).trim_end().to_owned()
}

/// The piece with `•••(22 bytes)` for what is secret in it; none: nothing is.
fn masked(piece: &Piece<'_>, secrets: &[Range<usize>]) -> Option<String> {
    let end = piece.at + piece.bytes.len();
    let own = secrets.get(secrets.partition_point(|secret| secret.end <= piece.at)..).unwrap_or_default();
    let (mut text, mut from) = (Vec::new(), 0);
    for secret in own.iter().take_while(|secret| secret.start < end) {
        let (start, stop) = (secret.start.saturating_sub(piece.at).max(from), secret.end.min(end) - piece.at);
        text.extend_from_slice(piece.bytes.get(from..start).unwrap_or_default());
        text.extend(format!("•••({} bytes)", stop - start).into_bytes());
        from = stop;
    }
    text.extend_from_slice(piece.bytes.get(from..).unwrap_or_default());
    (from > 0).then(|| glyphs::shortened(&text, WIDTH * 2))
}

fn meaning(piece: &Piece<'_>) -> &'static str {
    match piece.kind {
        "method" => "what is to be done",
        "target" => "with which resource",
        "query" => "parameters, for the application",
        "version" => "the version of HTTP, which decides whether the connection stays",
        "status" => "how it went",
        "reason" => "for people; programs ignore it",
        "crlf" => "end of line",
        "lf-bare" => "end of line without its CR",
        "name" => field(piece.bytes),
        "colon" => "no blank may stand before it",
        "blank" => "empty line: end of the section",
        "body" => "the content",
        "chunk-size" => "bytes of the chunk, in hexadecimal",
        "chunk-ext" => "chunk extension; readers ignore it",
        "chunk-data" => "content",
        "trailer" => "a field behind the content",
        "junk" => "does not belong here",
        _ => "",
    }
}

/// What the fields are for that steer the protocol, and the ones that everybody sends.
fn field(name: &[u8]) -> &'static str {
    match name.to_ascii_lowercase().as_slice() {
        b"accept" => "media types that the client can read",
        b"authorization" => "who asks; a secret",
        b"connection" => "whether the connection stays, and fields for this hop only",
        b"content-length" => "bytes of the body, in decimal",
        b"content-type" => "the media type of the body",
        b"cookie" | b"set-cookie" => "what the server asked the client to keep; a secret",
        b"date" => "when the message was made",
        b"expect" => "the client waits for 100 before it sends the body",
        b"host" => "which of the server's sites; HTTP/1.1 demands it",
        b"location" => "where to go instead",
        b"server" | b"user-agent" => "the program that speaks",
        b"transfer-encoding" => "the body comes in chunks",
        _ => "field name, in any case",
    }
}
