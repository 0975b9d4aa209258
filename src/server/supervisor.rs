//! Runs a worker, replaces it if its loop fails, and combines the results of all workers. A
//! replacement takes over the listeners.

use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::net::threads::shutdown::Phase;
use crate::net::worker::{Worker, WorkerParts};
use crate::panics::catch;
use crate::trace::probe::Probe;

/// Pause before the second replacement in a row, doubled for each further one. The first is not
/// delayed, since clients wait.
const BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(5);
/// After this time without a failure, the next one counts as the first.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);

/// Runs a worker and its replacements until one ends normally; returns the number of connections
/// that were cut. A replacement serves the clients in the queues of the listeners; the connections
/// of the failed worker are lost.
pub(super) fn supervise<P: Probe>(
    mut worker: Worker<P>,
    respawn: impl Fn(WorkerParts<P>) -> io::Result<Worker<P>>,
) -> io::Result<usize> {
    let mut backoff = Duration::ZERO;
    loop {
        let began = Instant::now();
        let reason = match catch(|| worker.run()) {
            Ok(Ok(cut)) => return Ok(cut),
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => panicked.to_string(),
        };
        if began.elapsed() > HEALTHY_AFTER {
            backoff = Duration::ZERO;
        }
        error!("a worker failed ({reason}); a new one replaces it in {} ms", backoff.as_millis());
        let parts = catch(|| worker.into_parts()).map_err(io::Error::other)?;
        std::thread::sleep(backoff);
        backoff = (2 * backoff).clamp(BACKOFF, MAX_BACKOFF);
        let replaced = catch(|| respawn(parts)).unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
        worker = replaced.inspect_err(|error| error!("no new worker replaces it ({error}): its thread ends"))?;
    }
}

/// Runs each of these workers on a thread. After an error the threads that were started run on.
pub(super) fn start<P: Probe + Send + 'static>(
    workers: Vec<Worker<P>>,
    respawn: &(impl Fn(WorkerParts<P>) -> io::Result<Worker<P>> + Clone + Send + 'static),
) -> io::Result<Vec<JoinHandle<io::Result<usize>>>> {
    let thread = |(number, worker): (usize, Worker<P>)| {
        let respawn = respawn.clone();
        let thread = std::thread::Builder::new().name(format!("wirelight-{number}"));
        thread.spawn(move || supervise(worker, respawn))
    };
    (1..).zip(workers).map(thread).collect()
}

/// Waits for a worker on another thread and returns its result.
pub(super) fn join(worker: JoinHandle<io::Result<usize>>) -> io::Result<usize> {
    worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker panicked")))
}

/// Combines the results of all workers: the first failure, else the number of connections that were
/// cut.
pub(super) fn combine(results: Vec<io::Result<usize>>, phase: Phase) -> io::Result<()> {
    let mut cut = 0;
    for result in results {
        cut += result?;
    }
    match (cut, phase) {
        (0, _) | (_, Phase::Aborting) => Ok(()),
        (1, _) => Err(io::Error::new(io::ErrorKind::TimedOut, "1 connection was cut at the end of the stop")),
        _ => Err(io::Error::new(io::ErrorKind::TimedOut, format!("{cut} connections were cut at the end of the stop"))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use crate::app::App;
    use crate::server::Server;
    use crate::trace::probe::{CloseReason, Event, NoProbe, Observation, Probe};

    /// Panics in the worker's loop when every third connection is opened. Records which connections
    /// are opened and lost.
    #[derive(Default)]
    struct Fault(Arc<Mutex<Vec<(u64, &'static str)>>>);

    impl Probe for Fault {
        const ENABLED: bool = true;

        fn record(&mut self, connection: u64, observation: Observation<'_>) {
            let opened = matches!(observation, Observation::Event(Event::ConnOpen { .. }));
            match observation {
                _ if opened => self.0.lock().unwrap().push((connection, "opened")),
                Observation::Closed { how: CloseReason::WorkerDied, .. } => {
                    self.0.lock().unwrap().push((connection, "lost"))
                }
                _ => return,
            }
            let fatal = connection.is_multiple_of(3) && opened;
            assert!(!fatal, "a fault that the test provokes");
        }

        fn flush(&mut self) {}
    }

    fn is_served(address: SocketAddr) -> bool {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // Both fail if the loop panicked with this connection.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.ends_with("ok")
    }

    #[test]
    fn a_loop_that_panics_is_replaced_and_its_listener_stays() {
        let server = Server::bind("127.0.0.1:0").unwrap().signals(false);
        let (address, handle, control) = (server.local_addr(), server.handle(), server.control.clone());
        let mut app = App::new();
        app.get("/", |_| "ok");
        let events = Arc::<Mutex<_>>::default();
        let probe = events.clone();
        let running = std::thread::spawn(move || server.serve(app, |_| Fault(probe.clone())));
        let served: Vec<_> = (0..9).map(|_| is_served(address)).collect();
        assert_eq!(served, [true, true, false].repeat(3));
        assert!(is_served(address), "the next loop runs");
        assert_eq!(control.wakers(), 1, "the failed workers left no descriptor");
        handle.stop();
        running.join().unwrap().unwrap();
        assert_eq!(control.wakers(), 0, "a handle of a server that has ended keeps no descriptor");
        // Each number occurs once, and the failure of a loop ends its connection.
        let events = events.lock().unwrap();
        let numbers = |of| events.iter().filter(|(_, what)| *what == of).map(|(number, _)| *number).collect::<Vec<_>>();
        assert_eq!(numbers("opened"), (1..=10).collect::<Vec<_>>());
        assert_eq!(numbers("lost"), [3, 6, 9]);
    }

    #[test]
    fn a_server_that_cannot_have_all_its_workers_serves_nobody() {
        let server = Server::bind("127.0.0.1:0").unwrap().signals(false).workers(3);
        let address = server.local_addr();
        let probe = |number| {
            assert!(number < 2, "a fault that the test provokes");
            NoProbe
        };
        assert!(std::thread::spawn(move || server.serve(App::new(), probe)).join().is_err());
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
}
