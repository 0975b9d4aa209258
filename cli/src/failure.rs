//! Defines why a command ends without success.

use std::fmt::Display;

/// A message for stderr and an exit code.
pub(super) struct Failure {
    pub(super) code: u8,
    pub(super) message: String,
}

impl Failure {
    /// Creates the failure for wrong usage: exit code 2, as in shells and getopt programs.
    pub(super) fn usage(message: impl Display) -> Failure {
        Failure { code: 2, message: message.to_string() }
    }

    /// Creates the failure of a command that has started: exit code 1.
    pub(super) fn runtime(message: impl Display) -> Failure {
        Failure { code: 1, message: message.to_string() }
    }
}
