//! Reports bytes of a query that the server accepts although RFC 3986 does not allow them.

use super::Diagnostic;
use crate::http1::target::lone_percent;
use crate::trace::spans::{LabeledSpan, SpanKind};

const SENTENCE: &str =
    "This % does not begin an escape. In a query it is taken literally, since browsers send it so; it should be %25";

/// Reports the first `%` of a query that does not begin an escape.
pub(super) fn diagnostics(bytes: &[u8], spans: &[LabeledSpan]) -> Option<Diagnostic> {
    spans.iter().filter(|span| span.kind == SpanKind::Query).find_map(|span| {
        let at = span.start + lone_percent(bytes.get(span.start..span.end)?)?;
        Some(Diagnostic { at, name: "lone-percent", rfc: "RFC 3986 §2.1", message: SENTENCE.to_owned() })
    })
}
