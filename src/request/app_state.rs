//! The state that all requests of an application share, on all workers.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use crate::request::client_addr::TrustedProxies;
use crate::request::extensions::Extensions;
use crate::response::upgraded_connections::UpgradedConnections;

/// Shared by all requests through one pointer.
#[derive(Default)]
pub(crate) struct AppState {
    /// The application's own values.
    pub(crate) values: Extensions,
    pub(crate) proxies: Option<TrustedProxies>,
    /// All connections use TLS, which ends in this server.
    pub(crate) is_tls: bool,
    /// The upgraded connections.
    pub(crate) upgraded: Arc<UpgradedConnections>,
    /// State of the rate limiter, whose type is defined in the middleware.
    rate_limiter: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl AppState {
    /// Returns the rate limiter. The first request creates it, since a router does not know its
    /// application.
    pub(crate) fn rate_limiter<T: Any + Send + Sync + Default>(&self) -> Option<&T> {
        self.rate_limiter.get_or_init(|| Box::<T>::default()).downcast_ref()
    }

    /// Returns the rate limiter, to change its settings.
    pub(crate) fn rate_limiter_mut<T: Any + Send + Sync + Default>(&mut self) -> Option<&mut T> {
        self.rate_limiter.get_or_init(|| Box::<T>::default());
        self.rate_limiter.get_mut()?.downcast_mut()
    }
}
