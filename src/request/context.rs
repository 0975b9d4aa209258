//! Shares values, the start time and the right to respond between the views of one request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{Extensions, Request};

/// What all views of a request that the pool has share: that of its handler, and that of whatever
/// answers in the handler's place.
#[derive(Default)]
pub(crate) struct RequestContext {
    values: Mutex<Vec<CopyValue>>,
    /// Whether it is decided who answers.
    claimed: AtomicBool,
}

/// Puts one value into another view of the same request.
type CopyValue = Box<dyn Fn(&mut Request<'_>) + Send + Sync>;

/// The evidence that the hooks and guards which decide on the head have let a request pass, with
/// what the next view of it is to have.
#[derive(Default)]
pub(crate) struct Admitted {
    extensions: Option<Box<Extensions>>,
    started_at: Option<Instant>,
    context: Option<Arc<RequestContext>>,
}

impl RequestContext {
    /// Whether the caller is the first who is to answer.
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
    /// As [`set`](Request::set), for a value that is to be found too by what answers in the
    /// handler's place, when that takes too long for instance: a request has one id and one user,
    /// whoever answers.
    pub(crate) fn set_shared<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        if let Some(ledger) = self.context {
            let value = value.clone();
            let carry = Box::new(move |request: &mut Request<'_>| request.set(value.clone()));
            ledger.values.lock().unwrap_or_else(PoisonError::into_inner).push(carry);
        }
        self.set(value);
    }

    /// This is one view of a request of several: it has the values that another one carried.
    pub(crate) fn join_context(&mut self, ledger: &'a Arc<RequestContext>) {
        for carry in ledger.values.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            carry(self);
        }
        self.context = Some(ledger);
    }

    /// Whether the handler's answer is the one that counts, which is decided now.
    pub(crate) fn claim(&self) -> bool {
        self.context.is_none_or(|ledger| ledger.claim())
    }

    /// Since when the exchange lasts, if anybody asked.
    pub(crate) fn started_at(&self) -> Option<Instant> {
        self.started_at
    }

    /// The exchange lasts since `began`, unless an earlier time is known.
    pub(crate) fn start_clock(&mut self, began: Instant) {
        self.started_at.get_or_insert(began);
    }

    /// The hooks and guards that decide on the head have run for another view of this request.
    pub(crate) fn admit(&mut self, admitted: Admitted) {
        (self.extensions, self.admitted) = (admitted.extensions, true);
        self.started_at = self.started_at.or(admitted.started_at);
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted
    }

    /// What the next view of this request is to be [admitted](Request::admit) with.
    pub(crate) fn take_admitted(&mut self) -> Admitted {
        Admitted { extensions: self.extensions.take(), started_at: self.started_at, context: self.context.cloned() }
    }
}
