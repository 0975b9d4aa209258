//! Runs and drops code of the program, so that a panic ends one request and not the thread.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// How many payloads are dropped if each panics with another one: the chain may be endless.
const MAX_PAYLOADS: usize = 16;

/// A panic that was caught, with its message.
#[derive(Debug)]
pub(crate) struct Panicked(Cow<'static, str>);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked: {}", self.0)
    }
}

impl std::error::Error for Panicked {}

/// Runs code of the program.
///
/// # Errors
/// Fails if it panics. The program's own state may be inconsistent then; the caller discards the
/// response.
#[inline]
pub(crate) fn catch<T>(run: impl FnOnce() -> T) -> Result<T, Panicked> {
    catch_unwind(AssertUnwindSafe(run)).map_err(Panicked::new)
}

/// Drops a value of the program; a panic in its `Drop` is caught and logged.
///
/// Values are dropped one by one: a second panic while the first one unwinds through its siblings
/// would abort the process.
pub(crate) fn discard<T>(value: T) {
    if let Err(panicked) = catch(|| drop(value)) {
        error!("a destructor {panicked}");
    }
}

impl Panicked {
    /// Extracts the message of a panic. The payload is a value of the program, and its `Drop` may
    /// panic with another payload, and so on: the last of [`MAX_PAYLOADS`] is leaked.
    #[cold]
    fn new(mut payload: Box<dyn Any + Send>) -> Panicked {
        let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
            Cow::Borrowed(*text)
        } else if let Some(text) = payload.downcast_ref::<String>() {
            Cow::Owned(text.clone())
        } else {
            Cow::Borrowed("a value that is not text")
        };
        for _ in 0..MAX_PAYLOADS {
            match catch_unwind(AssertUnwindSafe(move || drop(payload))) {
                Ok(()) => return Panicked(message),
                Err(next) => payload = next,
            }
        }
        std::mem::forget(payload);
        Panicked(message)
    }
}

/// A value of the program that is dropped with [`discard`].
pub(crate) struct Guarded<T>(Option<T>);

impl<T> Guarded<T> {
    pub(crate) fn new(value: T) -> Guarded<T> {
        Guarded(Some(value))
    }

    /// Returns the value; `None` after [`take`](Guarded::take).
    pub(crate) fn get(&self) -> Option<&T> {
        self.0.as_ref()
    }

    /// Returns the value, to change it.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        self.0.as_mut()
    }

    /// Takes the value. The caller is then responsible for dropping it.
    pub(crate) fn take(&mut self) -> Option<T> {
        self.0.take()
    }
}

impl<T> Drop for Guarded<T> {
    fn drop(&mut self) {
        if let Some(value) = self.0.take() {
            discard(value);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::panic::{panic_any, resume_unwind};

    /// Panics when dropped; the number is how often its payload panics in turn.
    pub(crate) struct Bomb(pub(crate) u32);

    impl Drop for Bomb {
        fn drop(&mut self) {
            // Skips the panic hook, which would print a message for each.
            if !std::thread::panicking() {
                let payload: Box<dyn Any + Send> =
                    if self.0 > 0 { Box::new(Bomb(self.0 - 1)) } else { Box::new("drop") };
                resume_unwind(payload);
            }
        }
    }

    fn message(run: impl FnOnce()) -> String {
        catch(run).map_or_else(|panicked| panicked.to_string(), |()| "returned".to_owned())
    }

    #[test]
    fn a_panic_ends_here_and_says_what_it_said() {
        assert_eq!(message(|| ()), "returned");
        assert_eq!(message(|| resume_unwind(Box::new("text"))), "panicked: text");
        assert_eq!(message(|| resume_unwind(Box::new("owned".to_owned()))), "panicked: owned");
        assert_eq!(message(|| resume_unwind(Box::new(7))), "panicked: a value that is not text");
        assert_eq!(message(|| panic_any("with the hook")), "panicked: with the hook");
    }

    /// Panics when it is dropped, with the next one as the payload; all of them share a value.
    struct Chain(u32, std::sync::Arc<()>);

    impl Drop for Chain {
        fn drop(&mut self) {
            if let Some(left) = self.0.checked_sub(1) {
                resume_unwind(Box::new(Chain(left, self.1.clone())));
            }
        }
    }

    #[test]
    fn payloads_whose_drops_panic_are_dropped_until_there_are_too_many() {
        for (length, kept) in [(0, 0), (1, 0), (MAX_PAYLOADS as u32 - 1, 0), (MAX_PAYLOADS as u32, 1), (10_000, 1)] {
            let shared = std::sync::Arc::new(());
            let first = Chain(length, shared.clone());
            assert_eq!(message(|| resume_unwind(Box::new(first))), "panicked: a value that is not text");
            assert_eq!(std::sync::Arc::strong_count(&shared) - 1, kept, "{length}");
        }
    }

    #[test]
    fn a_payload_whose_drop_panics_harms_nothing() {
        for depth in 0..3 {
            assert_eq!(message(|| resume_unwind(Box::new(Bomb(depth)))), "panicked: a value that is not text");
        }
    }

    #[test]
    fn a_drop_that_panics_is_contained() {
        discard(Bomb(0));
        discard(Bomb(2));
        drop(Guarded::new(Bomb(1)));
        let mut guarded = Guarded::new(Bomb(0));
        assert!(guarded.get().is_some() && guarded.get_mut().is_some());
        let taken = guarded.take();
        drop(guarded);
        assert_eq!(message(|| drop(taken)), "panicked: drop");
    }
}
