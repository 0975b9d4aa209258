//! Restores what is known of a request that arrived in parts: when it began, and what was decided on its head.

use std::time::{Duration, Instant};

use crate::net::millis::Millis;
use crate::net::tick::{Context, HeadDecision, ResponseBuffers};
use crate::request::Request;
use crate::response::Response;

/// Converts `began` to the clock of std, given the current time.
pub(super) fn instant(began: Millis, now: Millis) -> Option<Instant> {
    Instant::now().checked_sub(Duration::from_millis(now.saturating_sub(began)))
}

/// Sets when the request began.
#[cold]
pub(super) fn set_start(request: &mut Request<'_>, began: Millis, context: &Context<'_>) {
    if let Some(began) = instant(began, context.time.now) {
        request.start_clock(began);
    }
}

/// Restores when the request began and what was decided on its head. Returns the response if there
/// is one already.
#[cold]
pub(super) fn restore_request(
    request: &mut Request<'_>,
    out: &mut ResponseBuffers,
    context: &Context<'_>,
) -> Option<Response> {
    if let Some(began) = out.began.take() {
        set_start(request, began, context);
    }
    match out.decision.take()? {
        HeadDecision::Admitted(admitted) => {
            request.admit(admitted);
            None
        }
        HeadDecision::Responded(response) => Some(*response),
    }
}
