//! What happens when a worker's loop dies: another one takes its place and its listeners; knows not why it died.

use std::io;
use std::time::{Duration, Instant};

use crate::guard::panics::catch;
use crate::net::worker::{Worker, WorkerParts};
use crate::trace::probe::Probe;

/// Before the second of two replacements that follow closely, doubled for each further one: a loop that dies at once must not become a
/// storm of them. The first comes at once, since clients wait.
const BRAKE: Duration = Duration::from_millis(50);
const BRAKE_MOST: Duration = Duration::from_secs(5);
/// A worker that lived this long died of something new.
const CALM: Duration = Duration::from_secs(10);

/// Runs a worker, and its successors, until one ends as it should; gives the connections that had to be cut. Clients that wait in
/// the listeners' queues are served by the next one; the connections of the dead are lost.
pub(super) fn keep<P: Probe>(
    mut worker: Worker<P>,
    renew: impl Fn(WorkerParts<P>) -> io::Result<Worker<P>>,
) -> io::Result<usize> {
    let mut brake = Duration::ZERO;
    loop {
        let began = Instant::now();
        let reason = match catch(|| worker.run()) {
            Ok(Ok(cut)) => return Ok(cut),
            Ok(Err(error)) => error.to_string(),
            Err(panicked) => format!("it {panicked}"),
        };
        if began.elapsed() > CALM {
            brake = Duration::ZERO;
        }
        error!("a worker died ({reason}); another takes its place in {} ms", brake.as_millis());
        let estate = catch(|| worker.into_parts()).map_err(io::Error::other)?;
        std::thread::sleep(brake);
        brake = (2 * brake).clamp(BRAKE, BRAKE_MOST);
        worker = catch(|| renew(estate)).map_err(io::Error::other)??;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use crate::app::App;
    use crate::server::Server;
    use crate::trace::probe::{CloseReason, Event, Probe};

    /// Kills its worker's loop whenever every third connection begins. Keeps what connections begin and are lost.
    #[derive(Default)]
    struct Fault(Arc<Mutex<Vec<(u64, &'static str)>>>);

    impl Probe for Fault {
        const ENABLED: bool = true;

        fn event(&mut self, connection: u64, event: Event<'_>) {
            match event {
                Event::ConnOpen { .. } => self.0.lock().unwrap().push((connection, "opened")),
                Event::Closed { how: CloseReason::WorkerDied, .. } => self.0.lock().unwrap().push((connection, "lost")),
                _ => return,
            }
            let fatal = connection.is_multiple_of(3) && matches!(event, Event::ConnOpen { .. });
            assert!(!fatal, "a fault that the test provokes");
        }

        fn flush(&mut self) {}
    }

    fn answered(address: SocketAddr) -> bool {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        // Both fail where the loop died with this connection.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer.ends_with("ok")
    }

    #[test]
    fn a_loop_that_dies_is_replaced_and_its_listener_stays() {
        let server = Server::bind("127.0.0.1:0").unwrap().signals(false);
        let (address, handle, control) = (server.local_addr(), server.handle(), server.control.clone());
        let mut app = App::new();
        app.get("/", |_| "ok");
        let told = Arc::<Mutex<_>>::default();
        let probe = told.clone();
        let running = std::thread::spawn(move || server.serve(app, |_| Fault(probe.clone())));
        let answers: Vec<_> = (0..9).map(|_| answered(address)).collect();
        assert_eq!(answers, [true, true, false].repeat(3));
        assert!(answered(address), "the next loop runs");
        assert_eq!(control.wakers(), 1, "the dead have left no descriptor");
        handle.stop();
        running.join().unwrap().unwrap();
        // No number twice, and the death of a loop is the end of the connection that it had.
        let told = told.lock().unwrap();
        let numbers = |of| told.iter().filter(|(_, what)| *what == of).map(|(number, _)| *number).collect::<Vec<_>>();
        assert_eq!(numbers("opened"), (1..=10).collect::<Vec<_>>());
        assert_eq!(numbers("lost"), [3, 6, 9]);
    }
}
