//! A request as handlers see it: a borrowed view of the received bytes.

pub(crate) mod app_state;
pub(crate) mod body_reader;
mod cache;
pub(crate) mod client_addr;
mod content_coding;
pub(crate) mod context;
pub(crate) mod cookie;
pub(crate) mod extensions;
mod form;
mod json;
pub(crate) mod multipart;
mod negotiation;
pub(crate) mod pagination;
mod pairs;
mod query;
mod typed;
mod url;
pub(crate) mod validator;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use percent_encoding::percent_decode;

pub(crate) use context::{Admitted, RequestContext};

use crate::http1::head::{Field, Head};
use crate::http1::method::Method;
use crate::http1::span::Span;
use crate::http1::target::TargetForm;
use crate::http1::version::Version;
use crate::request::app_state::AppState;
use crate::request::cache::RequestCache;
use crate::request::extensions::Extensions;
use crate::response::error::{Error, Result};
use crate::routing::route_meta::RouteMeta;
use crate::routing::tree::{Match, Params, Tree};

/// One request: offsets into the bytes of the connection, looked up when asked for.
///
/// Handlers get `&Request`; hooks and guards get `&mut Request`, so that they can leave values for
/// the handler with [`set`](Request::set).
pub struct Request<'a> {
    head: &'a Head,
    bytes: &'a [u8],
    body: &'a [u8],
    peer: &'a Option<SocketAddr>,
    app_state: &'a AppState,
    route: Option<&'a RouteMeta>,
    params: Params,
    extensions: Option<Box<Extensions>>,
    /// What runs now decides on the head alone.
    head_only: bool,
    /// The hooks and guards that decide on the head have run.
    admitted: bool,
    cache: OnceCell<Box<RequestCache>>,
    /// Since when the exchange lasts, if anybody asked.
    started_at: Option<Instant>,
    context: Option<&'a Arc<RequestContext>>,
}

impl<'a> Request<'a> {
    #[inline]
    pub(crate) fn new(
        head: &'a Head,
        bytes: &'a [u8],
        body: &'a [u8],
        peer: &'a Option<SocketAddr>,
        state: &'a AppState,
    ) -> Request<'a> {
        Request {
            head,
            bytes,
            body,
            peer,
            app_state: state,
            route: None,
            params: Params::default(),
            extensions: None,
            head_only: false,
            admitted: false,
            cache: OnceCell::new(),
            started_at: None,
            context: None,
        }
    }

    /// The method.
    #[inline]
    pub fn method(&self) -> Method {
        self.head.method
    }

    /// The version of the request; what we answer is always HTTP/1.1.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// The request target as it was received (RFC 9112 §3.2): `/users?page=2`, or one of the three
    /// rarer forms.
    pub fn target(&self) -> &str {
        self.text(self.head.target.whole)
    }

    /// The path, percent-decoded: `/users/Zoë`. A sequence that is not UTF-8 is replaced by U+FFFD.
    ///
    /// Decoding is for people: `%2F` becomes a slash here, so do not split this to route by hand.
    pub fn path(&self) -> &str {
        match self.head.target.escaped {
            false => self.raw_path(),
            true => self
                .cache()
                .path
                .get_or_init(|| percent_decode(self.raw_path().as_bytes()).decode_utf8_lossy().into_owned()),
        }
    }

    /// The path as it was received.
    pub fn raw_path(&self) -> &str {
        std::str::from_utf8(self.path_bytes()).unwrap_or_default()
    }

    /// What stands after the first `?`, undecoded; empty when there is none.
    pub fn query_string(&self) -> &str {
        self.head.target.query.map_or("", |query| self.text(query))
    }

    /// The first value of a header field, if it is UTF-8; names are compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.field_values(name).next()?).ok()
    }

    /// All values of a header field, in order, as far as they are UTF-8.
    pub fn header_all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        self.field_values(name).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// All header fields in the order they came. Values are bytes: RFC 9110 §5.5 allows any above
    /// 0x7f.
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> {
        self.head.fields().iter().map(|field| (self.text(field.name), field.value.of(self.bytes)))
    }

    /// All values of a header field as they came. Names are compared as bytes: to make text of each
    /// costs more than to compare it.
    #[inline]
    pub(crate) fn field_values<'r>(&'r self, name: &'r str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        let same = move |field: &&Field| field.name.of(self.bytes).eq_ignore_ascii_case(name.as_bytes());
        self.head.fields().iter().filter(same).map(|field| field.value.of(self.bytes))
    }

    /// The value of a field that a request has once: two lines mean nothing, for another recipient
    /// may have read the other one.
    pub(crate) fn single_value(&self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.field_values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The [single value](Self::single_value), if it is UTF-8.
    pub(crate) fn single_header(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.single_value(name)?).ok()
    }

    /// The media type of the body as it was sent, parameters included.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// The value of the Host field, or the authority of an absolute-form target, which wins (RFC
    /// 9112 §3.2.2).
    pub fn host(&self) -> Option<&str> {
        let host = self.head.target.authority.or(self.head.info.host).map(|span| self.text(span));
        host.filter(|host| !host.is_empty())
    }

    /// The address of the socket's other end; none in tests and on unix sockets. Behind a proxy
    /// this is the proxy.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        *self.peer
    }

    /// Returns the body, whole, without its transfer coding. A Content-Encoding is not undone:
    /// these are the bytes that were sent. An after hook or error handler of a request that was
    /// answered before its body came sees none.
    ///
    /// # Panics
    /// In a [`before`](crate::Router::before) hook or a guard, when there is a body: they decide on
    /// the head, and the body may not have been sent yet. It is a mistake of the program, answered
    /// with 500 and logged with the line that asked.
    /// [`before_with_body`](crate::Router::before_with_body) is for hooks that read it.
    #[inline]
    #[track_caller]
    pub fn body(&self) -> &[u8] {
        if self.head_only {
            self.panic_on_early_body();
        }
        self.body
    }

    /// Where readings of this request are kept.
    pub(crate) fn cache(&self) -> &RequestCache {
        self.cache.get_or_init(Box::default)
    }

    /// The readings, when some reader has kept one.
    #[inline]
    pub(crate) fn cache_if_used(&self) -> Option<&RequestCache> {
        self.cache.get().map(|parsed| &**parsed)
    }

    /// The body as text.
    ///
    /// # Errors
    /// 400 when it is not UTF-8, 415 when it has a Content-Encoding.
    ///
    /// # Panics
    /// As [`body`](Request::body).
    #[track_caller]
    pub fn text_body(&self) -> Result<&str> {
        std::str::from_utf8(self.unencoded_body()?)
            .map_err(|error| Error::bad_request(format!("The body is no UTF-8: byte {}.", error.valid_up_to())))
    }

    /// A parameter of the route's pattern: `{id:int}` decides which paths match, this decides the
    /// type.
    ///
    /// # Errors
    /// 404 when the text does not parse as `T` (a number too large for it): the path names nothing.
    /// 500 when the pattern has no parameter of this name.
    pub fn param<T: FromStr>(&self, name: &str) -> Result<T> {
        let text =
            self.param_text(name).ok_or_else(|| Error::internal(format!("the route has no parameter {name:?}")))?;
        text.parse().map_err(|_| Error::not_found(""))
    }

    /// The pattern of the route that matched: `/users/{id:int}`. Logs and metrics group by it,
    /// since paths are unbounded.
    pub fn route(&self) -> Option<&str> {
        self.route.map(|route| route.pattern.text())
    }

    /// The application's state of type `T`.
    ///
    /// # Panics
    /// When [`App::state`](crate::App::state) was never given one: a mistake of the program,
    /// answered with 500 and logged. The message names the type and the caller's line.
    #[track_caller]
    pub fn state<T: 'static>(&self) -> &T {
        match self.app_state.values.get() {
            Some(value) => value,
            // Not in a closure, where the caller's line would be lost.
            #[expect(clippy::panic, reason = "the programmer's mistake, not the peer's; caught and answered with 500")]
            None => panic!("no state of type {}: add it with app.state(…)", std::any::type_name::<T>()),
        }
    }

    /// The application's state of type `Mutex<T>`, locked until the guard goes. A handler that
    /// panicked while it held the lock does not shut the others out: what it left half-done is for
    /// them to see.
    ///
    /// Other workers wait meanwhile, so keep it short; asking twice in one handler waits forever.
    ///
    /// ```
    /// use std::sync::Mutex;
    ///
    /// let mut app = wirelight::App::new();
    /// app.state(Mutex::new(Vec::<String>::new()));
    /// app.post("/names", |req| req.lock::<Vec<String>>().push("Zoë".into()));
    /// app.get("/names", |req| req.lock::<Vec<String>>().join(", "));
    /// app.test().post("/names").send();
    /// assert_eq!(app.test().get("/names").send().text(), "Zoë");
    /// ```
    ///
    /// # Panics
    /// As [`state`](Request::state), when there is no `Mutex<T>`.
    #[track_caller]
    pub fn lock<T: 'static>(&self) -> MutexGuard<'_, T> {
        self.state::<Mutex<T>>().lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a value for later hooks and the handler; one of each type.
    pub fn set<T: Send + Sync + 'static>(&mut self, value: T) {
        self.extensions.get_or_insert_default().insert(value);
    }

    /// A value that a hook left.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.extensions.as_ref().and_then(|storage| storage.get())
    }

    /// A value that a hook left, to change it.
    pub fn get_mut<T: 'static>(&mut self) -> Option<&mut T> {
        self.extensions.as_mut().and_then(|storage| storage.get_mut())
    }

    #[cold]
    #[track_caller]
    fn panic_on_early_body(&self) {
        let declared = self.head.info.content_length.is_some() || self.head.info.transfer_encodings > 0;
        #[expect(clippy::panic, reason = "the programmer's mistake, not the peer's; caught and answered with 500")]
        if declared {
            panic!(
                "before hooks and guards run before the body is here: read it in the handler, or in before_with_body(…)"
            );
        }
    }

    /// Runs what decides on the head alone.
    pub(crate) fn with_head_only<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.head_only = true;
        let decided = run(self);
        self.head_only = false;
        decided
    }

    /// What decided on the head did not come back: the body is there for what follows.
    pub(crate) fn end_head_only(&mut self) {
        self.head_only = false;
    }

    /// Finds the route of this request, and notes its pattern's parameters here.
    #[inline]
    pub(crate) fn find_route(&mut self, tree: &Tree) -> Match {
        let target = &self.head.target;
        if target.form == TargetForm::Asterisk {
            return Match::None;
        }
        tree.find(self.head.method, self.path_bytes(), target.escaped, &mut self.params)
    }

    #[inline]
    pub(crate) fn set_route(&mut self, route: &'a RouteMeta) {
        self.route = Some(route);
    }

    pub(crate) fn matched_route(&self) -> Option<&'a RouteMeta> {
        self.route
    }

    pub(crate) fn app_state(&self) -> &'a AppState {
        self.app_state
    }

    pub(crate) fn head(&self) -> &'a Head {
        self.head
    }

    /// The bytes that the request begins, as far as they are here.
    pub(crate) fn input(&self) -> &'a [u8] {
        self.bytes
    }

    /// The parameter with this index as it was sent, for the trace.
    pub(crate) fn raw_param(&self, index: usize) -> &'a [u8] {
        self.params.span(index).and_then(|span| self.path_bytes().get(span.range())).unwrap_or_default()
    }

    fn param_text(&self, name: &str) -> Option<Cow<'_, str>> {
        let index = self.route?.pattern.params().position(|param| param == name)?;
        let raw = self.params.span(index)?.of(self.head.target.path.of(self.bytes));
        match self.head.target.escaped {
            false => std::str::from_utf8(raw).ok().map(Cow::Borrowed),
            true => percent_decode(raw).decode_utf8().ok(),
        }
    }

    #[inline]
    fn path_bytes(&self) -> &'a [u8] {
        match self.head.target.path.of(self.bytes) {
            b"" => b"/", // absolute-form without a path (RFC 9112 §3.2.2)
            path => path,
        }
    }

    /// Heads are checked to be ASCII in the target and in field names.
    #[inline]
    fn text(&self, span: Span) -> &'a str {
        std::str::from_utf8(span.of(self.bytes)).unwrap_or_default()
    }
}

/// A text keeps its spaces: only what does not parse is tried without them.
pub(crate) fn lenient<T: FromStr>(value: &str) -> Option<T> {
    value.parse().or_else(|_| value.trim().parse()).ok()
}
