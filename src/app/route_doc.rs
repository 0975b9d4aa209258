//! What a route tells about itself to the document of the API.

use std::borrow::Cow;

use schemars::{Schema, SchemaGenerator};

use crate::http1::status::StatusCode;
use crate::response::into_response::IntoResponse;
use crate::response::returned::Returned;

/// What the type of the handler's value tells, and what the program says.
#[derive(Clone, Default)]
pub(crate) struct RouteDoc {
    pub(crate) about: Cow<'static, str>,
    pub(crate) returned: Returned,
    pub(crate) query: Option<SchemaOf>,
    pub(crate) takes: Vec<Content>,
    /// Successful responses; without a status, that of the handler's value.
    pub(crate) gives: Vec<(Option<StatusCode>, Content)>,
    pub(crate) fails: Vec<(StatusCode, Cow<'static, str>)>,
    /// Number of guards that are rate limits.
    pub(crate) limits: usize,
    pub(crate) undocumented: bool,
}

/// Adds the schema of a type to a document.
pub(crate) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A media type, and the schema of its content if it has one.
#[derive(Clone)]
pub(crate) struct Content {
    /// `None`: that of the handler's value, or JSON.
    pub(crate) media_type: Option<Cow<'static, str>>,
    pub(crate) schema: Option<SchemaOf>,
}

impl RouteDoc {
    /// Returns what the type of a handler's value tells.
    pub(crate) fn of<R: IntoResponse>() -> RouteDoc {
        RouteDoc { returned: R::returned(), ..RouteDoc::default() }
    }

    pub(crate) fn add_limit(&mut self) {
        self.limits += 1;
    }

    pub(crate) fn leave_out(&mut self) {
        self.undocumented = true;
    }
}
