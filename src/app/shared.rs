//! What all requests of an application share, on all workers; knows neither routes nor requests.

use super::client::TrustedProxies;
use super::storage::Storage;

/// Read by every request through one pointer: what is never set costs nothing.
#[derive(Default)]
pub(crate) struct Shared {
    /// The program's own values.
    pub(crate) values: Storage,
    pub(crate) proxies: Option<TrustedProxies>,
}
