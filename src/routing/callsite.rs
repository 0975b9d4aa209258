//! Names a function that the application added, and the line that added it.

use std::any::type_name_of_val;
use std::panic::Location;

/// A function's name, and the line that added it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Callsite {
    /// The path of the function as the compiler writes it. A closure is `{{closure}}` in the path
    /// of its function.
    pub(crate) name: &'static str,
    pub(crate) location: &'static Location<'static>,
}

impl Callsite {
    /// Returns the callsite of a function that the caller's caller adds.
    #[track_caller]
    pub(crate) fn of<F>(function: &F) -> Callsite {
        Callsite { name: type_name_of_val(function), location: Location::caller() }
    }
}
