//! Defines options of the two output formats.

/// How a trace is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RenderOptions {
    /// Use the colors of ECMA-48. They never carry information that the text does not.
    pub(crate) color: bool,
    /// Hide the values of sensitive fields.
    pub(crate) redact: bool,
    /// Add the source line that recorded the event.
    pub(crate) source_locations: bool,
    /// Maximum bytes shown of each read and write.
    pub(crate) max_bytes: usize,
    /// Maximum bytes shown of each line of them, so that a long line does not fill the screen.
    pub(crate) max_line_bytes: usize,
    /// Width to wrap lines to, if any.
    pub(crate) columns: Option<usize>,
    /// Omit the events that the summary of a request does not need.
    pub(crate) brief: bool,
}
