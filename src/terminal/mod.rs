//! Prepares text for a terminal: escapes bytes of unknown origin and wraps lines.

pub(crate) mod escape;
mod wrap;

pub use wrap::{display_width, wrap};
