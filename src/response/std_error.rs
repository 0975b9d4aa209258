//! Carries a value through errors that know std's trait only, and finds it there.

use std::error::Error;
use std::fmt;
use std::sync::Mutex;

use crate::sync::lock;

/// Sources looked at: a chain may be endless.
const MAX_SOURCES: usize = 16;

/// The carrier. A library may hide its type in one of its own, but not its source.
struct Carrier<T>(Carried<T>);

struct Carried<T> {
    text: String,
    value: Mutex<Option<T>>,
}

/// Returns an error with this text that carries `value`.
pub(super) fn carry<T: Send + 'static>(text: String, value: T) -> impl Error + Send + Sync + 'static {
    Carrier(Carried { text, value: Mutex::new(Some(value)) })
}

/// Takes what [`carry`] has put into this error or one of its sources.
pub(super) fn carried<T: 'static>(error: &(dyn Error + 'static)) -> Option<T> {
    let chain = std::iter::successors(Some(error), |error| Error::source(*error)).take(MAX_SOURCES);
    chain.filter_map(|error| error.downcast_ref::<Carried<T>>()).find_map(|carried| lock(&carried.value).take())
}

impl<T: 'static> Error for Carrier<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

impl<T> fmt::Display for Carrier<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request ends with an error")
    }
}

impl<T> fmt::Debug for Carrier<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl<T> Error for Carried<T> {}

impl<T> fmt::Display for Carried<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<T> fmt::Debug for Carried<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
