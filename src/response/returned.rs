//! Describes the responses of a handler by the type that it returns.

/// What a type tells about its responses before there is one.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Returned {
    /// `200`, or a class such as `3XX`; `None` if the value decides.
    pub status: Option<&'static str>,
    /// The media type of the content; `None` if there is none, or the value decides.
    pub media_type: Option<&'static str>,
    /// The value may be missing, which is a 404.
    pub or_not_found: bool,
}

impl Returned {
    /// A status without content, or with the content that the value decides on.
    pub(crate) const fn status(status: &'static str) -> Returned {
        Returned { status: Some(status), media_type: None, or_not_found: false }
    }

    /// 200 with content of this type.
    pub(crate) const fn content(media_type: &'static str) -> Returned {
        Returned { status: Some("200"), media_type: Some(media_type), or_not_found: false }
    }
}
