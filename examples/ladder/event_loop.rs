//! Landing B: what flight 2 knows about many clients. One thread, one poll; what to answer is the
//! application's business. With `client.rs`, the new code of step 19.

use std::collections::HashMap;
use std::io;
use std::time::Instant;

use super::client::{App, Client};
use super::readiness::{Event, Readiness};
use super::states::State;

/// Serves until the socket with the number `stop` is readable, and the last response is sent.
pub fn serve(mut readiness: Readiness, stop: Option<usize>, app: &dyn App) -> io::Result<()> {
    let (mut clients, mut stopping) = (HashMap::new(), false);
    while !stopping || !clients.is_empty() {
        let next = clients.values().map(|client: &Client| client.deadline).min();
        let timeout = next.map(|next| next.saturating_duration_since(Instant::now()));
        for event in readiness.wait(timeout)? {
            match event {
                Event::New(number, socket) => drop(clients.insert(number, Client::new(number, socket))),
                Event::Ready(number) if Some(number) == stop => {
                    println!("stopping: {} connections are open", clients.len());
                    readiness.stop_accepting();
                    stopping = true;
                }
                Event::Ready(number) => {
                    if let Some(client) = clients.get_mut(&number) {
                        client.run(app);
                    }
                }
            }
        }
        // To look at all clients is good enough for a thousand; the library has a timer wheel.
        let now = Instant::now();
        clients.values_mut().filter(|client| client.deadline <= now).for_each(|client| client.time_out(app));
        clients.retain(|_, client| client.state != State::Closed && !(stopping && client.is_idle()));
    }
    Ok(())
}
