//! Names a function that a program added, and the line that added it.

use std::any::type_name_of_val;
use std::panic::Location;

/// What a function is called, and where the program added it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Callsite {
    /// The function's path as the compiler writes it; a closure is a `{{closure}}` of the function
    /// that it stands in.
    pub(crate) name: &'static str,
    pub(crate) location: &'static Location<'static>,
}

impl Callsite {
    /// Of a function that is added by whoever called our caller.
    #[track_caller]
    pub(crate) fn of<F>(function: &F) -> Callsite {
        Callsite { name: type_name_of_val(function), location: Location::caller() }
    }
}
