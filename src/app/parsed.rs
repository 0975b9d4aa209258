//! What was read of a request once and is asked for again; made when the first reader needs it, so other requests pay nothing.

use std::cell::{Cell, OnceCell};

use super::form::Multipart;
use super::pairs::Pairs;

/// The readings of one request. Each is made by the reader that its name says.
#[derive(Default)]
pub(super) struct RequestCache {
    /// The decoded path.
    pub(super) path: OnceCell<String>,
    pub(super) query: OnceCell<Pairs>,
    pub(super) cookies: OnceCell<Pairs>,
    /// The fields of an urlencoded form.
    pub(super) form: OnceCell<Pairs>,
    pub(super) multipart: OnceCell<Multipart>,
    /// A form was asked for, and the body has a Content-Encoding.
    pub(super) rejects_coding: Cell<bool>,
}
