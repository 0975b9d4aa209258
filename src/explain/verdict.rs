//! Determines what a strict reader does with a message and with the bytes that follow it.

use super::Lengths;
use super::body::BodyExtent;
use super::count::bytes;
use super::head::HeadReport;
use crate::http1::fault::FaultInfo;

/// The result for one message.
pub(super) struct Verdict {
    /// What a strict server responds, or how a client treats a response.
    pub(super) verdict: String,
    /// What happens to the bytes that follow if the connection closes; empty if nothing follows.
    pub(super) unread: String,
    /// Whether a strict reader refuses it.
    pub(super) refused: bool,
    /// Whether the bytes that follow are the next message.
    pub(super) continues: bool,
}

pub(super) fn evaluate(examined: &HeadReport, body: &BodyExtent, request: bool, lengths: Lengths) -> Verdict {
    let harmless = ["blank-line", "body-short", "lone-percent", "date"];
    let refused = examined.diagnostics.iter().any(|finding| !harmless.contains(&finding.name));
    let in_head = examined.rejects.first().map(|fault| fault.info());
    let row = in_head.or(body.reject.map(|(fault, _)| fault.info()));
    let verdict = if request { server_verdict(row, examined, body) } else { client_verdict(refused, examined, body) };
    let waits = examined.unfinished || body.waits;
    let continues = !refused && !waits && examined.persists;
    let in_body = body.reject.filter(|_| in_head.is_none()).map(|(_, at)| at);
    let unread = match continues || waits && !refused {
        true => String::new(),
        false => unread(refused, in_body, request, lengths),
    };
    Verdict { verdict, unread, refused, continues }
}

/// Describes what happens to the bytes after the last message of a connection. `in_body` is the
/// offset of a fault in the body.
fn unread(refused: bool, in_body: Option<usize>, request: bool, lengths: Lengths) -> String {
    let (reader, message) = if request { ("This server", "request") } else { ("A strict client", "response") };
    let (after, count) = match (refused, in_body) {
        (true, Some(at)) => (format!("byte {at}"), lengths.all.saturating_sub(at + 1)),
        (true, None) => ("the head".to_owned(), lengths.all - lengths.head),
        (false, _) => (format!("the {message}"), lengths.all - lengths.message),
    };
    let (follow, them, a) = if count == 1 { ("follows", "it", "a ") } else { ("follow", "them", "") };
    let plural = if count == 1 { "" } else { "s" };
    let closes = if request && !refused { "closes after its answer" } else { "closes" };
    match count {
        0 => String::new(),
        _ => format!(
            "{} {follow} {after}. {reader} {closes} and never reads {them} as {a}{message}{plural}.",
            bytes(count as u64)
        ),
    }
}

/// Describes what a strict server responds.
fn server_verdict(row: Option<&FaultInfo>, examined: &HeadReport, body: &BodyExtent) -> String {
    if let Some(row) = row {
        return format!("{}, and closes the connection: {} ({}).", row.status, row.message, row.rfc);
    }
    if examined.expects && body.bare {
        return "100 Continue if its routes want the body; otherwise what they say, at once, and the client need not send it (RFC 9110 \
                §10.1.1)."
            .into();
    }
    if examined.unfinished || body.waits {
        return "Nothing yet: it waits for the rest, and answers 408 Request Timeout when its time is up (RFC 9110 §15.5.9), or 400 Bad \
                Request when the connection closes first (RFC 9112 §8)."
            .into();
    }
    let after = if examined.persists { "stays open for the next request" } else { "closes after the answer" };
    format!("What its routes say: the request is valid. The connection {after} (RFC 9112 §9.3).")
}

/// Describes how a client treats a response.
fn client_verdict(refused: bool, examined: &HeadReport, body: &BodyExtent) -> String {
    if examined.unfinished {
        return "The client waits for the rest of the head until its own timeout; when the connection closes first, the response is lost \
                (RFC 9112 §8)."
            .into();
    }
    if refused {
        return "A strict client refuses it. A lenient one may guess, and where two readers guess differently, an attacker gets in between \
                (RFC 9112 §11.2)."
            .into();
    }
    if body.waits {
        let waits = "The client waits for the rest: forever while the connection stays open, and when it closes the response is \
                     incomplete (RFC 9112 §8).";
        let head = if body.bare { " As the answer to HEAD it is complete (RFC 9110 §9.3.2)." } else { "" };
        return format!("{waits}{head}");
    }
    "The client takes it as it is.".into()
}
