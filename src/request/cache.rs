//! Caches what was parsed of a request; allocated by the first reader that needs it.

use std::cell::{Cell, OnceCell};

use crate::request::form::ParsedMultipart;
use crate::request::pairs::Pairs;

/// Parsed parts of one request. Each is filled by the reader of the same name.
#[derive(Default)]
pub(crate) struct RequestCache {
    /// The decoded path.
    pub(crate) path: OnceCell<String>,
    pub(crate) query: OnceCell<Pairs>,
    pub(crate) cookies: OnceCell<Pairs>,
    /// The fields of an urlencoded form.
    pub(crate) form: OnceCell<Pairs>,
    pub(crate) multipart: OnceCell<ParsedMultipart>,
    /// A form was asked for, and the body has a Content-Encoding.
    pub(crate) rejects_coding: Cell<bool>,
}
