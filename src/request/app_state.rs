//! The state that all requests of an application share, on all workers.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use crate::request::client_addr::TrustedProxies;
use crate::request::extensions::Extensions;
use crate::response::upgraded_connections::UpgradedConnections;

/// Read by every request through one pointer: what is never set costs nothing.
#[derive(Default)]
pub(crate) struct AppState {
    /// The program's own values.
    pub(crate) values: Extensions,
    pub(crate) proxies: Option<TrustedProxies>,
    /// All connections come by TLS, and it ends here.
    pub(crate) is_tls: bool,
    /// The connections that have left HTTP.
    pub(crate) upgraded: Arc<UpgradedConnections>,
    /// What the middleware that counts requests keeps. This layer does not know its type.
    rate_limiter: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl AppState {
    /// What counts requests; made by the first request that asks, since a router cannot know the
    /// application it will stand in.
    pub(crate) fn rate_limiter<T: Any + Send + Sync + Default>(&self) -> Option<&T> {
        self.rate_limiter.get_or_init(|| Box::<T>::default()).downcast_ref()
    }

    /// The same, to change its settings.
    pub(crate) fn rate_limiter_mut<T: Any + Send + Sync + Default>(&mut self) -> Option<&mut T> {
        self.rate_limiter.get_or_init(|| Box::<T>::default());
        self.rate_limiter.get_mut()?.downcast_mut()
    }
}
