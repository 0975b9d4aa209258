//! Reports to the client how long the response took.

use super::clock;
use crate::app::router::Router;

/// Adds `X-Response-Time: 1.3ms` to every response: from the first middleware's before hook to this
/// one's after hook.
///
/// The time is zero where hooks did not see the request: a response to a malformed one has `0.0ms`.
/// The figure also helps timing attacks.
///
/// ```
/// use wirelight::App;
/// use wirelight::middleware::ResponseTime;
///
/// let mut app = App::new();
/// ResponseTime::new().add_to(&mut app);
/// let reply = app.test().get("/").send();
/// assert_eq!(reply.status().as_u16(), 404);
/// assert!(reply.header("X-Response-Time").unwrap().ends_with("ms"));
/// ```
#[derive(Debug, Default)]
pub struct ResponseTime(());

impl ResponseTime {
    /// Reports milliseconds, with one decimal.
    pub fn new() -> ResponseTime {
        ResponseTime::default()
    }

    /// Adds it to a router or an app.
    #[track_caller]
    pub fn add_to(self, router: &mut Router) {
        router.before(clock::start);
        router.after(|request, response| {
            let mut text = Vec::with_capacity(16);
            clock::write_milliseconds(&mut text, clock::elapsed(request));
            response.set_header("X-Response-Time", text);
        });
    }
}
