//! What the guards of a route ask of a request. Those of the library are known by their functions,
//! wherever they were added; of others the program may say what they need.

use std::any::type_name_of_val;
use std::collections::BTreeMap;
use std::iter::successors;

use serde_json::{Map, Value, json};

use crate::app::App;
use crate::app::route::Route;
use crate::http1::method::Method;
use crate::middleware::{ApiKey, BasicAuth, BearerAuth, Csrf};

pub(super) const API_KEY: &str = "apiKey";
pub(super) const BASIC: &str = "basic";
pub(super) const BEARER: &str = "bearer";
pub(super) const COOKIE: &str = "cookie";

/// The schemes that a document knows, by name: how a client shows what it is.
pub(super) type Schemes = BTreeMap<&'static str, Value>;

/// The kinds of guards that a request to a route passes.
#[derive(Clone, Default)]
pub(super) struct Guards {
    basic: bool,
    bearer: bool,
    /// The guard does not tell in which field.
    api_key: bool,
    /// Refuses requests from pages of other sites.
    csrf: bool,
    /// Guards of the program.
    own: bool,
}

impl Guards {
    /// Returns those of a route, with the hooks of its routers that are such guards.
    pub(super) fn of(route: &Route, app: &App) -> Guards {
        let scopes = successors(app.scopes.get(route.scope), |scope| app.scopes.get(scope.parent?));
        let hooks: Vec<_> = scopes.flat_map(|scope| &scope.before).map(|hook| hook.callsite.name).collect();
        let guards: Vec<_> = route.guards.iter().map(|guard| guard.callsite.name).collect();
        let has = |name: &str| hooks.contains(&name) || guards.contains(&name);
        let known = [
            type_name_of_val(&BasicAuth::lookup(|_, _| None::<()>).guard()),
            type_name_of_val(&BearerAuth::lookup(|_| None::<()>).guard()),
            type_name_of_val(&ApiKey::lookup(|_| None).guard()),
            type_name_of_val(&Csrf::new().guard()),
        ];
        let [basic, bearer, api_key, csrf] = known.map(has);
        let is_safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&route.meta.method);
        let others = guards.iter().filter(|guard| !known.contains(guard)).count();
        Guards { basic, bearer, api_key, csrf: csrf && !is_safe, own: others > route.doc.limits }
    }

    /// Returns whether a request may get a 401.
    pub(super) fn authenticate(&self) -> bool {
        self.basic || self.bearer || self.api_key || self.own
    }

    /// Returns whether a request may get a 403.
    pub(super) fn forbid(&self) -> bool {
        self.csrf || self.own
    }

    /// Returns the requirements of which one must be met; `None` if something is needed, and not
    /// known. `declared` is what the program's guards need, and the field of the key. A guard of the
    /// program beside one of the library decides on the user whom that found.
    pub(super) fn requirements(&self, declared: &Schemes) -> Option<Vec<Value>> {
        if self.api_key && !declared.contains_key(API_KEY) {
            return None;
        }
        let known = [(BASIC, self.basic), (BEARER, self.bearer), (API_KEY, self.api_key)];
        let known = known.into_iter().filter(|(_, needed)| *needed);
        let known: Map<_, _> = known.map(|(name, _)| (name.to_owned(), json!([]))).collect();
        match (known.is_empty(), self.own) {
            (false, _) => Some(vec![known.into()]),
            (true, false) => Some(Vec::new()),
            (true, true) if declared.is_empty() => None,
            (true, true) => Some(declared.keys().map(|name| json!({ *name: [] })).collect()),
        }
    }

    /// Adds the schemes that the library's guards need.
    pub(super) fn add_schemes(&self, schemes: &mut Schemes) {
        if self.basic {
            schemes.entry(BASIC).or_insert_with(|| http(BASIC));
        }
        if self.bearer {
            schemes.entry(BEARER).or_insert_with(|| http(BEARER));
        }
    }
}

/// Returns a scheme of the Authorization field (RFC 9110 §11.4).
pub(super) fn http(scheme: &str) -> Value {
    json!({ "type": "http", "scheme": scheme })
}

/// Returns a scheme for a key in a header field or a cookie.
pub(super) fn key(place: &str, name: &str) -> Value {
    json!({ "type": "apiKey", "in": place, "name": name })
}
