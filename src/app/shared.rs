//! What all requests of an application share, on all workers; knows neither routes nor requests.

use std::any::Any;
use std::sync::{Arc, OnceLock};

use super::client::TrustedProxies;
use super::storage::Storage;
use super::upgraded::UpgradedConnections;

/// Read by every request through one pointer: what is never set costs nothing.
#[derive(Default)]
pub(crate) struct Shared {
    /// The program's own values.
    pub(crate) values: Storage,
    pub(crate) proxies: Option<TrustedProxies>,
    /// All connections come by TLS, and it ends here.
    pub(crate) by_tls: bool,
    /// The connections that have left HTTP.
    pub(crate) upgraded: Arc<UpgradedConnections>,
    /// What the middleware that counts requests keeps. This layer does not know its type.
    counting: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl Shared {
    /// What counts requests; made by the first request that asks, since a router cannot know the application it will stand in.
    pub(crate) fn counting<T: Any + Send + Sync + Default>(&self) -> Option<&T> {
        self.counting.get_or_init(|| Box::<T>::default()).downcast_ref()
    }

    /// The same, to change its settings.
    pub(crate) fn counting_mut<T: Any + Send + Sync + Default>(&mut self) -> Option<&mut T> {
        self.counting.get_or_init(|| Box::<T>::default());
        self.counting.get_mut()?.downcast_mut()
    }
}
