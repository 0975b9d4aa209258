//! Which bound a refused request was too much for, and how much that bound allows; refuses nothing itself.

use super::Connection;
use crate::http1::fault::Fault;
use crate::http1::head::MAX_FIELDS;
use crate::http1::limits::Limits;
use crate::http1::method::Method;

impl Connection {
    /// The bound's name, that of a field of [`Limits`] mostly, and its value as it held for this request: a route's own where it has
    /// one. None: the fault is not that something was too much.
    pub(crate) fn exceeded_limit(&self, fault: Fault, limits: &Limits) -> Option<(&'static str, u64)> {
        Some(match fault {
            Fault::MethodTooLong => ("method", Method::MAX_LEN as u64),
            Fault::TargetTooLong => ("request_line", limits.request_line as u64),
            Fault::FieldsTooMany => ("fields", limits.fields.min(MAX_FIELDS) as u64),
            Fault::HeadTooLarge => ("head", limits.head as u64),
            Fault::BodyTooLarge => ("body", self.max_body),
            Fault::Overloaded => ("bodies", limits.bodies),
            Fault::ChunkExtensionTooLong if self.decoder.extension() > limits.chunk_extension => {
                ("chunk_extension", limits.chunk_extension as u64)
            }
            Fault::ChunkExtensionTooLong => ("chunk_extensions", limits.chunk_extensions as u64),
            Fault::TrailersTooLarge => ("trailers", limits.trailers as u64),
            _ => return None,
        })
    }
}
