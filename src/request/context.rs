//! Shares values, the start time and the right to respond between the views of one request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::{Extensions, Request};

use crate::sync::lock;

/// State that all views of a request on the pool share: the handler's view, and the view of the
/// code that responds in the handler's place.
#[derive(Default)]
pub(crate) struct RequestContext {
    values: Mutex<Vec<CopyValue>>,
    /// Whether a view has claimed the right to respond.
    claimed: AtomicBool,
}

/// Copies one value into another view of the same request.
type CopyValue = Box<dyn Fn(&mut Request<'_>) + Send + Sync>;

/// Proof that the hooks and guards that decide on the head have accepted a request, with the state
/// for its next view.
#[derive(Default)]
pub(crate) struct Admitted {
    extensions: Option<Box<Extensions>>,
    started_at: Option<Instant>,
    context: Option<Arc<RequestContext>>,
}

impl RequestContext {
    /// Claims the right to respond. Returns whether the caller is the first.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }
}

impl Admitted {
    pub(crate) fn take_context(&mut self) -> Option<Arc<RequestContext>> {
        self.context.take()
    }
}

impl<'a> Request<'a> {
    /// Sets a value as [`set`](Request::set) does, and shares it with the view that responds in the
    /// handler's place, for instance after a timeout: a request has one id and one user, whichever
    /// view responds.
    pub(crate) fn set_shared<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        if let Some(ledger) = self.context {
            let value = value.clone();
            let carry = Box::new(move |request: &mut Request<'_>| request.set(value.clone()));
            lock(&ledger.values).push(carry);
        }
        self.set(value);
    }

    /// Makes this one of several views of a request: it gets the values that another view shared.
    pub(crate) fn join_context(&mut self, ledger: &'a Arc<RequestContext>) {
        for carry in lock(&ledger.values).iter() {
            carry(self);
        }
        self.context = Some(ledger);
    }

    /// Claims the right to respond. Returns whether the handler's response is the one that counts.
    pub(crate) fn claim(&self) -> bool {
        self.context.is_none_or(|ledger| ledger.claim())
    }

    /// Returns when the exchange began, if the clock was started.
    pub(crate) fn started_at(&self) -> Option<Instant> {
        self.started_at
    }

    /// Sets the start of the exchange to `began`, unless an earlier time is known.
    pub(crate) fn start_clock(&mut self, began: Instant) {
        self.started_at.get_or_insert(began);
    }

    /// Records that the hooks and guards that decide on the head have run for another view of this
    /// request.
    pub(crate) fn admit(&mut self, admitted: Admitted) {
        (self.extensions, self.admitted) = (admitted.extensions, true);
        self.started_at = self.started_at.or(admitted.started_at);
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted
    }

    /// Returns the state that the next view of this request is to be [admitted](Request::admit)
    /// with.
    pub(crate) fn take_admitted(&mut self) -> Admitted {
        Admitted { extensions: self.extensions.take(), started_at: self.started_at, context: self.context.cloned() }
    }
}
