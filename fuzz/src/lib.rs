//! Fuzz targets that need only the public API of wirelight, and those that make sentences of a grammar out of the fuzzer's bytes.
//! Targets of private parts are in `wirelight::fuzzing`.

mod application;
mod choices;
mod cookies;
mod credentials;
mod forms;
mod negotiation;
mod pieces;
mod plan;
mod ranges;
mod rates;
mod responses;
mod trace;

pub use application::{application, field};
pub use cookies::cookies;
pub use credentials::credentials;
pub use forms::forms;
pub use negotiation::negotiation;
pub use plan::plan;
pub use ranges::ranges;
pub use rates::rates;
pub use trace::trace;
