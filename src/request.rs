//! A request as handlers see it: a borrowed view of the received bytes.

pub(crate) mod app_state;
pub(crate) mod body_pipe;
pub(crate) mod body_reader;
mod cache;
pub(crate) mod client_addr;
mod content_coding;
pub(crate) mod context;
pub(crate) mod cookie;
mod deserialize;
pub(crate) mod extensions;
mod form;
#[cfg(feature = "http")]
mod http_crate;
mod json;
pub(crate) mod multipart;
mod negotiation;
pub(crate) mod pagination;
mod pairs;
mod query;
mod save;
mod typed;
pub(crate) mod url;
pub(crate) mod validator;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
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
use crate::sync::{self, lock};

/// A request: offsets into the bytes of the connection, which its methods look up.
///
/// Handlers get `&Request`. Hooks and guards get `&mut Request`, so that they can leave values for
/// the handler with [`set`](Request::set).
///
/// What its methods return is borrowed from it. A function of yours that returns such a part names
/// the lifetime of the borrow; a handler returns a copy:
///
/// ```
/// use wirelight::{App, Error, Request, Result};
///
/// fn tenant<'r>(req: &'r Request) -> Result<&'r str> {
///     req.header("X-Tenant").ok_or(Error::bad_request("X-Tenant is missing."))
/// }
///
/// let mut app = App::new();
/// app.get("/", |req: &Request| -> Result<String> { Ok(tenant(req)?.to_owned()) });
/// assert_eq!(app.test().get("/").header("X-Tenant", "7").send().text(), "7");
/// ```
pub struct Request<'a> {
    head: &'a Head,
    bytes: &'a [u8],
    body: &'a [u8],
    peer: &'a Option<SocketAddr>,
    app_state: &'a AppState,
    route: Option<&'a RouteMeta>,
    params: Params,
    extensions: Option<Box<Extensions>>,
    /// A head hook runs: the body may not be read.
    head_only: bool,
    /// The head hooks have run.
    admitted: bool,
    cache: OnceCell<Box<RequestCache>>,
    /// When the request began, if a hook asked for it.
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

    /// Returns the method.
    #[inline]
    pub fn method(&self) -> Method {
        self.head.method
    }

    /// Returns the version of the request. The response is always HTTP/1.1.
    pub fn version(&self) -> Version {
        self.head.version
    }

    /// Returns the request target as it was received (RFC 9112 §3.2): `/users?page=2`, or one of
    /// the three rarer forms.
    pub fn target(&self) -> &str {
        self.text(self.head.target.whole)
    }

    /// Returns the percent-decoded path: `/users/Zoë`. Sequences that are not UTF-8 are replaced by
    /// U+FFFD.
    ///
    /// Decoded paths are for people: `%2F` becomes a slash, so do not split them to route by hand.
    pub fn path(&self) -> &str {
        match self.head.target.escaped {
            false => self.raw_path(),
            true => self
                .cache()
                .path
                .get_or_init(|| percent_decode(self.raw_path().as_bytes()).decode_utf8_lossy().into_owned()),
        }
    }

    /// Returns the path as it was received.
    pub fn raw_path(&self) -> &str {
        std::str::from_utf8(self.path_bytes()).unwrap_or_default()
    }

    /// Returns what follows the first `?`, undecoded; empty if there is none.
    pub fn query_string(&self) -> &str {
        self.head.target.query.map_or("", |query| self.text(query))
    }

    /// Returns the first value of a header field, if it is UTF-8. Names are compared without case.
    pub fn header(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.field_values(name).next()?).ok()
    }

    /// Returns all values of a header field, in order. Values that are not UTF-8 are skipped.
    pub fn header_all<'r>(&'r self, name: &'r str) -> impl Iterator<Item = &'r str> {
        self.field_values(name).filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// Returns all header fields in the order received. Values are bytes: RFC 9110 §5.5 allows any
    /// above 0x7f.
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> {
        self.head.fields().iter().map(|field| (self.text(field.name), field.value.of(self.bytes)))
    }

    /// Returns the names of all header fields as bytes.
    pub(crate) fn field_names(&self) -> impl Iterator<Item = &'a [u8]> {
        self.head.fields().iter().map(|field| field.name.of(self.bytes))
    }

    /// Returns all values of a header field as bytes. Comparing names as bytes is cheaper than
    /// checking that they are UTF-8.
    #[inline]
    pub(crate) fn field_values<'r>(&'r self, name: &'r str) -> impl DoubleEndedIterator<Item = &'a [u8]> {
        let same = move |field: &&Field| field.name.of(self.bytes).eq_ignore_ascii_case(name.as_bytes());
        self.head.fields().iter().filter(same).map(|field| field.value.of(self.bytes))
    }

    /// Returns the value of a field if the request has it exactly once. With two lines, another
    /// recipient may have read the other one.
    pub(crate) fn single_value(&self, name: &str) -> Option<&'a [u8]> {
        let mut values = self.field_values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Returns the [single value](Self::single_value), if it is UTF-8.
    pub(crate) fn single_header(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.single_value(name)?).ok()
    }

    /// Returns the media type of the body as it was sent, parameters included.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// Returns the value of the Host field, or the authority of an absolute-form target, which wins
    /// (RFC 9112 §3.2.2).
    pub fn host(&self) -> Option<&str> {
        let host = self.head.target.authority.or(self.head.info.host).map(|span| self.text(span));
        host.filter(|host| !host.is_empty())
    }

    /// Returns the peer's address; `None` in tests and on unix sockets. Behind a proxy this is the
    /// proxy's address.
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        *self.peer
    }

    /// Returns the whole body, without its transfer coding. A Content-Encoding is not decoded. The
    /// body is empty in an after hook or error handler of a request that got its response before
    /// its body arrived.
    ///
    /// # Panics
    /// In a [`before`](crate::Router::before) hook or a guard, if there is a body: they decide on
    /// the head, and the body may not have arrived. It is a mistake in the program: the client gets
    /// a 500, and the log names the line. [`before_with_body`](crate::Router::before_with_body) is
    /// for hooks that read the body.
    #[inline]
    #[track_caller]
    pub fn body(&self) -> &[u8] {
        if self.head_only {
            self.panic_on_early_body();
        }
        self.body
    }

    /// Returns the cache of what was parsed; allocates it on first use.
    pub(crate) fn cache(&self) -> &RequestCache {
        self.cache.get_or_init(Box::default)
    }

    /// Returns the cache, if a reader has used it.
    #[inline]
    pub(crate) fn cache_if_used(&self) -> Option<&RequestCache> {
        self.cache.get().map(|parsed| &**parsed)
    }

    /// Returns the body as text.
    ///
    /// # Errors
    /// 400 if it is not UTF-8, 415 if it has a Content-Encoding.
    ///
    /// # Panics
    /// As [`body`](Request::body).
    #[track_caller]
    pub fn text_body(&self) -> Result<&str> {
        std::str::from_utf8(self.unencoded_body()?)
            .map_err(|error| Error::bad_request(format!("The body is not valid UTF-8: byte {}.", error.valid_up_to())))
    }

    /// Parses a parameter of the route's pattern. `{id:int}` decides which paths match; `T` decides
    /// the type.
    ///
    /// # Errors
    /// 404 if the text does not parse as `T` (a number that is too large): the path names nothing.
    /// Also for the `path` of a [`fallback`](crate::Router::fallback) that is not UTF-8, or has a
    /// segment `..`.
    /// 500 if the pattern has no parameter of this name.
    pub fn param<T: FromStr>(&self, name: &str) -> Result<T> {
        let text = self.param_text(name).ok_or_else(|| self.missing_param(name))?;
        text.parse().map_err(|_| Error::not_found(""))
    }

    /// Returns the pattern of the route that matched: `/users/{id:int}`. Logs and metrics group by
    /// it, since paths are unbounded.
    pub fn route(&self) -> Option<&str> {
        self.route.map(|route| route.pattern.text())
    }

    /// Returns the state of type `T`: that of the innermost router of the route that has one
    /// ([`Router::state`](crate::Router::state)), else the application's.
    ///
    /// # Panics
    /// If [`App::state`](crate::App::state) never got one. It is a mistake in the program: the
    /// client gets a 500, and the log names the type and the caller's line.
    #[track_caller]
    pub fn state<T: 'static>(&self) -> &T {
        let own = self.route.and_then(|route| route.state());
        match own.or_else(|| self.app_state.values.get()) {
            Some(value) => value,
            // Not in a closure, where the caller's line would be lost.
            #[expect(clippy::panic, reason = "the programmer's mistake, not the peer's; caught and answered with 500")]
            None => panic!("no state of type {}: add it with app.state(…)", std::any::type_name::<T>()),
        }
    }

    /// Locks the application's state of type `Mutex<T>`. Poisoning is ignored: the state may be
    /// half-changed if a handler panicked while it held the lock.
    ///
    /// Other workers wait for the lock, so keep it briefly. Locking it twice in one handler
    /// deadlocks.
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
    /// As [`state`](Request::state), if there is no `Mutex<T>`.
    #[track_caller]
    pub fn lock<T: 'static>(&self) -> MutexGuard<'_, T> {
        lock(self.state::<Mutex<T>>())
    }

    /// Locks the application's state of type `RwLock<T>` to read it, together with other readers.
    /// Otherwise as [`lock`](Request::lock).
    ///
    /// ```
    /// use std::collections::HashMap;
    /// use std::sync::RwLock;
    /// use wirelight::{App, Request, Result};
    ///
    /// type Pages = HashMap<String, String>;
    ///
    /// fn show(req: &Request) -> Result<Option<String>> {
    ///     Ok(req.read_lock::<Pages>().get(&req.param::<String>("name")?).cloned())
    /// }
    ///
    /// fn store(req: &Request) -> Result<()> {
    ///     let (name, text) = (req.param("name")?, req.text_body()?.to_owned());
    ///     req.write_lock::<Pages>().insert(name, text);
    ///     Ok(())
    /// }
    ///
    /// let mut app = App::new();
    /// app.state(RwLock::new(Pages::new()));
    /// app.get("/{name}", show);
    /// app.put("/{name}", store);
    /// app.test().put("/home").body("text/plain", "Hello").send();
    /// assert_eq!(app.test().get("/home").send().text(), "Hello");
    /// ```
    ///
    /// # Panics
    /// As [`state`](Request::state), if there is no `RwLock<T>`.
    #[track_caller]
    pub fn read_lock<T: 'static>(&self) -> RwLockReadGuard<'_, T> {
        sync::read(self.state::<RwLock<T>>())
    }

    /// Locks the application's state of type `RwLock<T>` to change it. Otherwise as
    /// [`lock`](Request::lock); [`read_lock`](Request::read_lock) has an example.
    ///
    /// # Panics
    /// As [`read_lock`](Request::read_lock).
    #[track_caller]
    pub fn write_lock<T: 'static>(&self) -> RwLockWriteGuard<'_, T> {
        sync::write(self.state::<RwLock<T>>())
    }

    /// Sets a value for later hooks and the handler; one of each type.
    pub fn set<T: Send + Sync + 'static>(&mut self, value: T) {
        self.extensions.get_or_insert_default().insert(value);
    }

    /// Returns the value of type `T` that a hook set.
    pub fn get<T: 'static>(&self) -> Option<&T> {
        self.extensions.as_ref().and_then(|storage| storage.get())
    }

    /// Returns the value of type `T` that a hook set, mutably.
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

    /// Runs head hooks, in which the body may not be read.
    pub(crate) fn with_head_only<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        self.head_only = true;
        let decided = run(self);
        self.head_only = false;
        decided
    }

    /// Lets the body be read again after a head hook panicked.
    pub(crate) fn end_head_only(&mut self) {
        self.head_only = false;
    }

    /// Finds the route of this request, and stores where the parameters are.
    #[inline]
    pub(crate) fn find_route(&mut self, tree: &Tree) -> Match {
        let target = &self.head.target;
        if target.form != TargetForm::Origin && !self.names_a_path() {
            return Match::None;
        }
        tree.find(self.head.method, self.path_bytes(), target.escaped, &mut self.params)
    }

    /// Returns whether a target that is not a path may have a route: the server as a whole has none,
    /// nor has a URI that is not to be served here.
    #[cold]
    pub(crate) fn names_a_path(&self) -> bool {
        !self.is_server_wide() && !self.is_misdirected()
    }

    /// Returns whether it is an OPTIONS of the server as a whole: `*`, or a URI without path and
    /// query, which a proxy forwards as `*` (RFC 9112 §3.2.4). For any other method such a URI means
    /// `/` (RFC 9110 §4.2.3).
    pub(crate) fn is_server_wide(&self) -> bool {
        let target = &self.head.target;
        match target.form {
            TargetForm::Asterisk => true,
            TargetForm::Absolute => {
                self.method() == Method::OPTIONS && target.path.len() == 0 && target.query.is_none()
            }
            TargetForm::Origin | TargetForm::Authority => false,
        }
    }

    /// Finds the route for a path that the tree does not have, and stores where the parameters are.
    pub(crate) fn find_fallback<R>(&mut self, find: impl FnOnce(&'a [u8], bool, &mut Params) -> R) -> R {
        find(self.path_bytes(), self.head.target.escaped, &mut self.params)
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

    /// Returns the bytes received from the beginning of the request.
    pub(crate) fn input(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the parameter with this index as it was sent, for the trace.
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

    /// Targets and field names are checked to be ASCII.
    #[inline]
    fn text(&self, span: Span) -> &'a str {
        std::str::from_utf8(span.of(self.bytes)).unwrap_or_default()
    }
}

/// Parses a value; if that fails, without the spaces around it.
pub(crate) fn lenient<T: FromStr>(value: &str) -> Option<T> {
    value.parse().or_else(|_| value.trim().parse()).ok()
}
