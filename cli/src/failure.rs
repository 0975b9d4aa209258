//! Defines why a command ends without success.

use std::fmt::Display;

/// A message for stderr and an exit code.
pub(super) struct Failure {
    pub(super) code: u8,
    pub(super) message: String,
}

impl Failure {
    /// The command was used wrongly: exit code 2, as shells and getopt programs have it.
    pub(super) fn usage(message: impl Display) -> Failure {
        Failure { code: 2, message: message.to_string() }
    }

    /// The command started and failed: exit code 1.
    pub(super) fn runtime(message: impl Display) -> Failure {
        Failure { code: 1, message: message.to_string() }
    }
}
