//! The default message for clients of each error status.

use crate::http1::status::StatusCode;

/// Returns the default message of a status; its phrase, such as `Method Not Allowed`, if it has
/// none.
pub(crate) fn default_message(status: StatusCode) -> &'static str {
    let code = status.as_u16();
    DEFAULT_MESSAGES
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(status.canonical_reason().unwrap_or_default(), |(_, sentence)| sentence)
}

const DEFAULT_MESSAGES: &[(u16, &str)] = &[
    (400, "The request is malformed. Check its syntax and its parameters."),
    (401, "This resource needs credentials that the server accepts."),
    (402, "This resource has to be paid for."),
    (403, "The client is not allowed to do this."),
    (404, "There is nothing at this path."),
    (405, "This path does not support the method. The Allow header lists those that it supports."),
    (406, "None of the available formats matches the Accept headers of the request."),
    (407, "The proxy needs credentials that it accepts."),
    (408, "The request took too long to arrive."),
    (409, "The request conflicts with the current state of the resource."),
    (410, "This resource was removed and will not come back."),
    (411, "The request needs a Content-Length header."),
    (412, "The resource is not in the state that the request expects."),
    (413, "The request body is too large."),
    (414, "The URL is too long."),
    (415, "This resource does not accept the format of the request body."),
    (416, "The range lies outside of the content."),
    (417, "The Expect header asks for something that this server cannot do."),
    (418, "A teapot brews tea only."),
    (421, "This server does not answer for the requested host."),
    (422, "The values in the request body are not valid."),
    (423, "A lock prevents changes to this resource."),
    (424, "Another action that this one depends on has failed."),
    (425, "The request may be a replay. Send it again after the TLS handshake."),
    (426, "This resource needs the protocol that the Upgrade header names."),
    (428, "The request needs a condition, such as an If-Match header."),
    (429, "Too many requests in a short time. Try again later."),
    (431, "The request headers are too large."),
    (451, "The law forbids this server to show this resource."),
    (500, "An error on the server prevented a response. It is not the client's fault."),
    (501, "This server does not implement what the request asks for."),
    (502, "A server that this one depends on sent an invalid response."),
    (503, "The server cannot handle the request at the moment. Try again later."),
    (504, "A server that this one depends on did not respond in time."),
    (505, "This server supports HTTP/1.0 and HTTP/1.1."),
    (506, "The content negotiation of this server is misconfigured."),
    (507, "The server has no space left for the request."),
    (508, "The server stopped because the request led it in a circle."),
    (510, "The request lacks an extension that this resource needs."),
    (511, "This network needs a login first."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_status_with_a_phrase_has_a_sentence_of_its_own() {
        let errors = (400..600).flat_map(StatusCode::from_u16).filter(|status| status.canonical_reason().is_some());
        let mut seen = Vec::new();
        for status in errors {
            let sentence = default_message(status);
            assert!(sentence.ends_with('.') && Some(sentence) != status.canonical_reason(), "{status}: {sentence}");
            assert!(sentence.len() <= 90 && !sentence.contains(['<', '"', '\n']), "{status}: {sentence}");
            assert!(!seen.contains(&sentence), "{status}: {sentence}");
            seen.push(sentence);
        }
        assert_eq!(seen.len(), DEFAULT_MESSAGES.len());
    }

    #[test]
    fn a_status_without_a_sentence_has_its_phrase() {
        assert_eq!(default_message(StatusCode::OK), "OK");
        assert_eq!(StatusCode::from_u16(499).map(default_message), Ok(""));
    }
}
