//! Fields of responses that are parts of a page in the binary, and the mark of the wire view.

/// Nothing is loaded from elsewhere, nothing inline runs, no other page embeds this one. COOP and
/// COEP give the page precise clocks.
pub(crate) const FIELDS: &[(&str, &str)] = &[
    (
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
];

/// State of an application that has the wire view, for a link to it: where it is.
#[cfg_attr(not(feature = "openapi"), allow(dead_code, reason = "the page of the documents links to it"))]
pub(crate) struct WireView(pub(crate) &'static str);
