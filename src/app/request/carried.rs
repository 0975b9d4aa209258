//! What belongs to an exchange and not to one view of its request: some values, the time since which it lasts, and who answers it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::{Request, Storage};

/// What all views of a request that the pool has share: that of its handler, and that of whatever answers in the handler's place.
#[derive(Default)]
pub(crate) struct Ledger {
    values: Mutex<Vec<Carry>>,
    /// Whether it is decided who answers.
    claimed: AtomicBool,
}

/// Puts one value into another view of the same request.
type Carry = Box<dyn Fn(&mut Request<'_>) + Send + Sync>;

/// The evidence that the hooks and guards which decide on the head have let a request pass, with what the next view of it is to have.
#[derive(Default)]
pub(crate) struct Admitted {
    storage: Option<Box<Storage>>,
    began: Option<Instant>,
    ledger: Option<Arc<Ledger>>,
}

impl Ledger {
    /// Whether the caller is the first who is to answer.
    pub(crate) fn claim(&self) -> bool {
        !self.claimed.swap(true, Ordering::AcqRel)
    }
}

impl Admitted {
    pub(crate) fn take_ledger(&mut self) -> Option<Arc<Ledger>> {
        self.ledger.take()
    }
}

impl<'a> Request<'a> {
    /// As [`set`](Request::set), for a value that is to be found too by what answers in the handler's place, when that takes too long
    /// for instance: a request has one id and one user, whoever answers.
    pub(crate) fn set_carried<T: Clone + Send + Sync + 'static>(&mut self, value: T) {
        if let Some(ledger) = self.ledger {
            let value = value.clone();
            let carry = Box::new(move |request: &mut Request<'_>| request.set(value.clone()));
            ledger.values.lock().unwrap_or_else(PoisonError::into_inner).push(carry);
        }
        self.set(value);
    }

    /// This is one view of a request of several: it has the values that another one carried.
    pub(crate) fn share(&mut self, ledger: &'a Arc<Ledger>) {
        for carry in ledger.values.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            carry(self);
        }
        self.ledger = Some(ledger);
    }

    /// Whether the handler's answer is the one that counts, which is decided now.
    pub(crate) fn claim(&self) -> bool {
        self.ledger.is_none_or(|ledger| ledger.claim())
    }

    /// Since when the exchange lasts, if anybody asked.
    pub(crate) fn began(&self) -> Option<Instant> {
        self.began
    }

    /// The exchange lasts since `began`, unless an earlier time is known.
    pub(crate) fn begin(&mut self, began: Instant) {
        self.began.get_or_insert(began);
    }

    /// The hooks and guards that decide on the head have run for another view of this request.
    pub(crate) fn admit(&mut self, admitted: Admitted) {
        (self.storage, self.admitted) = (admitted.storage, true);
        self.began = self.began.or(admitted.began);
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted
    }

    /// What the next view of this request is to be [admitted](Request::admit) with.
    pub(crate) fn take_admitted(&mut self) -> Admitted {
        Admitted { storage: self.storage.take(), began: self.began, ledger: self.ledger.cloned() }
    }
}
