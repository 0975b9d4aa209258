//! What a program says about a route, for the document of its API.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::app::route::Route;
use crate::app::route_doc::Content;
use crate::http1::status::StatusCode;

/// For the document of the API (feature `openapi`).
impl Route {
    /// Says what the route is for. The first line is a summary, the rest a description in
    /// CommonMark.
    pub fn about(&mut self, text: impl Into<Cow<'static, str>>) -> &mut Route {
        self.doc.about = text.into();
        self
    }

    /// Says that the route reads a body of JSON: [`Request::json`](crate::Request::json).
    pub fn takes<T: JsonSchema>(&mut self) -> &mut Route {
        self.takes_as::<T>("application/json")
    }

    /// Says that the route reads a form: [`Request::form_as`](crate::Request::form_as).
    pub fn takes_form<T: JsonSchema>(&mut self) -> &mut Route {
        self.takes_as::<T>("application/x-www-form-urlencoded").takes_as::<T>("multipart/form-data")
    }

    /// Says that the route reads a body of this media type, such as `text/csv` or `image/*`.
    pub fn takes_media(&mut self, media_type: impl Into<Cow<'static, str>>) -> &mut Route {
        self.doc.takes.push(Content { media_type: Some(media_type.into()), schema: None });
        self
    }

    /// Says that the route reads the fields of `T` from the query:
    /// [`Request::query_as`](crate::Request::query_as).
    pub fn takes_query<T: JsonSchema>(&mut self) -> &mut Route {
        self.doc.query = Some(schema_of::<T>);
        self
    }

    /// Says that a successful response is `T` in JSON, or a stream of events with `T` as data. The
    /// status is that of the type that the handler returns, or 200.
    pub fn gives<T: JsonSchema>(&mut self) -> &mut Route {
        self.doc.gives.push((None, Content { media_type: None, schema: Some(schema_of::<T>) }));
        self
    }

    /// Says that a response with this status is `T` in JSON: `201`, for instance.
    ///
    /// # Panics
    /// At start-up, if `status` is not between 200 and 599.
    #[track_caller]
    pub fn gives_status<T: JsonSchema>(&mut self, status: u16) -> &mut Route {
        let content = Content { media_type: None, schema: Some(schema_of::<T>) };
        self.doc.gives.push((Some(final_status(status)), content));
        self
    }

    /// Says that a response with this status has content of this media type; none, if it is empty.
    ///
    /// # Panics
    /// As [`gives_status`](Route::gives_status).
    #[track_caller]
    pub fn gives_media(&mut self, status: u16, media_type: impl Into<Cow<'static, str>>) -> &mut Route {
        let content = Content { media_type: Some(media_type.into()), schema: None };
        self.doc.gives.push((Some(final_status(status)), content));
        self
    }

    /// Says that the handler may fail with this status, and when.
    ///
    /// # Panics
    /// As [`gives_status`](Route::gives_status).
    #[track_caller]
    pub fn fails(&mut self, status: u16, when: impl Into<Cow<'static, str>>) -> &mut Route {
        self.doc.fails.push((final_status(status), when.into()));
        self
    }

    /// Leaves the route out of the document.
    pub fn undocumented(&mut self) -> &mut Route {
        self.doc.leave_out();
        self
    }

    fn takes_as<T: JsonSchema>(&mut self, media_type: &'static str) -> &mut Route {
        self.doc.takes.push(Content { media_type: Some(media_type.into()), schema: Some(schema_of::<T>) });
        self
    }
}

/// A function and not a closure, so that each type has one.
pub(super) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

#[track_caller]
fn final_status(status: u16) -> StatusCode {
    match StatusCode::from_u16(status) {
        Ok(known) if !known.is_informational() => known,
        #[expect(clippy::panic, reason = "a mistake of the program, found at start-up")]
        _ => panic!("{status}: a final status is between 200 and 599"),
    }
}
