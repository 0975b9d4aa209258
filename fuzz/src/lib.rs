//! Fuzz targets that need only the public API of wirelight. Those of private parts are in `wirelight::fuzzing`.

mod application;
mod responses;
mod trace;

pub use application::{application, field};
pub use trace::trace;
