//! Plays clients: sends bytes over a TCP connection to the server's own listener, as a plan says, and
//! notes what a client sees. Each has a thread; none sees another address.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, SockRef, Socket, Type};

use super::plan::{Plan, Then};
use crate::trace::lab::{ClientClose, LabClients, LabEvent};

/// Clients at a time.
const CLIENTS: usize = 4;
/// Bound on the life of a client.
const LIFE: Duration = Duration::from_secs(60);
/// The same for one that is stepped by hand, and how long it then waits for the next step.
const STEPPED_LIFE: Duration = Duration::from_secs(600);
const STEP_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Silence after a response that ends a client which only reads.
const SILENCE: Duration = Duration::from_secs(1);
/// Receive buffer of a slow reader. The kernel reads ahead into it.
const SMALL_BUFFER: usize = 4 * 1024;
/// Bytes of one read.
const READ: usize = 64 * 1024;
/// What fills a segment.
static FILL: [u8; READ] = [b'x'; READ];
/// Time between two events that report bytes: a large response has thousands of reads.
const REPORT: Duration = Duration::from_millis(5);

/// Starts clients. A clone is a handle to the same.
#[derive(Clone)]
pub(super) struct Lab {
    /// The server's own address.
    server: SocketAddr,
    clients: Arc<LabClients>,
    /// Wakes the workers, which then write the new events.
    wake: Arc<dyn Fn() + Send + Sync>,
    running: Arc<AtomicUsize>,
}

/// One of the places for clients, until it is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lab {
    pub(super) fn new(server: SocketAddr, clients: Arc<LabClients>, wake: impl Fn() + Send + Sync + 'static) -> Lab {
        Lab { server, clients, wake: Arc::new(wake), running: Arc::default() }
    }

    /// Starts a client. Returns its address, by which the server's events name it; `None` if all
    /// places are taken.
    ///
    /// # Errors
    /// Fails if there is no socket or no thread.
    pub(super) fn start(&self, plan: Plan) -> io::Result<Option<SocketAddr>> {
        let taken = self
            .running
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |running| (running < CLIENTS).then_some(running + 1));
        if taken.is_err() {
            return Ok(None);
        }
        let place = Place(self.running.clone());
        let socket = Socket::new(Domain::for_address(self.server), Type::STREAM, None)?;
        if plan.read.bytes_per_second > 0 {
            socket.set_recv_buffer_size(SMALL_BUFFER)?;
        }
        // Bound before it connects: the server knows the address when it accepts.
        socket.bind(&SocketAddr::new(self.server.ip(), 0).into())?;
        let address = socket.local_addr()?.as_socket().ok_or(ErrorKind::AddrNotAvailable)?;
        let notes = Notes { address, lab: self.clone() };
        self.clients.add(address, plan.step);
        std::thread::Builder::new().name("wirelight-lab".to_owned()).spawn(move || {
            let _place = place;
            let ended = match connect(&socket, notes.lab.server) {
                Ok(()) => PlayedClient::new(socket, plan, &notes).and_then(PlayedClient::run),
                Err(error) => Err(error),
            };
            let how = ended.unwrap_or_else(|_| {
                notes.note(LabEvent::Rst);
                ClientClose::Fin
            });
            notes.note(LabEvent::Closed(how));
        })?;
        Ok(Some(address))
    }

    /// Lets the server run the next stage of this client's connection, or all that follow. Returns
    /// whether there is such a client, and it is stepped.
    pub(super) fn step(&self, client: SocketAddr, freely: bool) -> bool {
        let found = self.clients.step(client, freely);
        (self.wake)();
        found
    }
}

fn connect(socket: &Socket, server: SocketAddr) -> io::Result<()> {
    socket.connect_timeout(&server.into(), CONNECT_TIMEOUT)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)
}

/// Where a client notes what it sees.
struct Notes {
    address: SocketAddr,
    lab: Lab,
}

impl Notes {
    fn note(&self, event: LabEvent) {
        self.lab.clients.note(self.address, event);
        (self.lab.wake)();
    }
}

/// A connected client.
struct PlayedClient<'n> {
    stream: TcpStream,
    poll: Poll,
    plan: Plan,
    notes: &'n Notes,
    began: Instant,
    /// The number of the next segment, and what was sent of it.
    segment: usize,
    written: usize,
    /// When the pause before it is over.
    due: Instant,
    /// When all was sent, or the server took no more.
    done: Option<Instant>,
    /// A write failed: the server has reset the connection.
    reset: bool,
    readable: bool,
    writable: bool,
    sent: Transferred,
    got: Transferred,
}

/// The bytes of one direction.
struct Transferred {
    event: fn(u64, u64) -> LabEvent,
    total: u64,
    reported: u64,
    /// Last transfer, and last report.
    last: Instant,
    reported_at: Option<Instant>,
}

impl Transferred {
    fn new(event: fn(u64, u64) -> LabEvent, now: Instant) -> Transferred {
        Transferred { event, total: 0, reported: 0, last: now, reported_at: None }
    }

    fn advance(&mut self, bytes: usize, notes: &Notes) {
        (self.total, self.last) = (self.total + bytes as u64, Instant::now());
        if self.reported_at.is_none_or(|then| self.last - then >= REPORT) {
            self.report(notes);
        }
    }

    /// Notes the bytes that are not noted yet.
    fn report(&mut self, notes: &Notes) {
        if self.total > self.reported {
            notes.note((self.event)(self.total - self.reported, self.reported));
            (self.reported, self.reported_at) = (self.total, Some(Instant::now()));
        }
    }
}

impl<'n> PlayedClient<'n> {
    fn new(socket: Socket, plan: Plan, notes: &'n Notes) -> io::Result<PlayedClient<'n>> {
        notes.note(LabEvent::Connected);
        let now = Instant::now();
        let (poll, mut stream) = (Poll::new()?, TcpStream::from_std(socket.into()));
        poll.registry().register(&mut stream, Token(0), Interest::READABLE | Interest::WRITABLE)?;
        Ok(PlayedClient {
            stream,
            poll,
            due: now + plan.segments.first().map_or(Duration::ZERO, |segment| segment.after),
            plan,
            notes,
            began: now,
            segment: 0,
            written: 0,
            done: None,
            reset: false,
            readable: false,
            writable: true,
            sent: Transferred::new(|bytes, offset| LabEvent::Sent { bytes, offset }, now),
            got: Transferred::new(|bytes, offset| LabEvent::Got { bytes, offset }, now),
        })
    }

    /// Sends and reads until the plan is done. Returns how it closes the connection.
    fn run(mut self) -> io::Result<ClientClose> {
        let mut events = Events::with_capacity(4);
        let mut buffer = vec![0; READ];
        loop {
            self.send()?;
            if self.done.is_some() && self.plan.then == Then::Reset {
                SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
                return Ok(ClientClose::Rst);
            }
            if self.receive(&mut buffer)? || self.is_over() {
                self.got.report(self.notes);
                return Ok(ClientClose::Fin);
            }
            match self.poll.poll(&mut events, Some(self.pause())) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
                self.writable |= event.is_writable();
            }
        }
    }

    /// Sends the segments that are due, as far as the kernel takes them.
    fn send(&mut self) -> io::Result<()> {
        while self.done.is_none() {
            let Some(segment) = self.plan.segments.get(self.segment) else {
                self.done = Some(Instant::now());
                return self.finish_sending();
            };
            if !self.writable || Instant::now() < self.due {
                return Ok(());
            }
            let rest = segment.bytes.get(self.written..).unwrap_or_default();
            let filled = self.written.saturating_sub(segment.bytes.len()) as u64;
            let piece = match rest {
                [] => FILL.get(..(segment.fill - filled).min(READ as u64) as usize).unwrap_or_default(),
                rest => rest,
            };
            if piece.is_empty() {
                self.sent.report(self.notes);
                (self.segment, self.written) = (self.segment + 1, 0);
                let pause = self.plan.segments.get(self.segment).map_or(Duration::ZERO, |next| next.after);
                self.due = Instant::now() + pause;
                continue;
            }
            match self.stream.write(piece) {
                Ok(n) => {
                    self.written += n;
                    self.sent.advance(n, self.notes);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => (self.reset, self.done) = (true, Some(Instant::now())), // it may have responded before
            }
        }
        Ok(())
    }

    fn finish_sending(&mut self) -> io::Result<()> {
        self.sent.report(self.notes);
        if self.plan.then == Then::HalfClose {
            self.stream.shutdown(Shutdown::Write)?;
            self.notes.note(LabEvent::Closed(ClientClose::Half));
        }
        Ok(())
    }

    /// Reads what is there, as fast as the plan allows. Returns whether the server has closed.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        while self.readable && self.reading_at() <= Instant::now() {
            let most = self.allowance().min(buffer.len());
            match self.stream.read(buffer.get_mut(..most).unwrap_or_default()) {
                Ok(0) => {
                    self.got.report(self.notes);
                    self.notes.note(if self.reset { LabEvent::Rst } else { LabEvent::Eof });
                    return Ok(true);
                }
                Ok(n) => self.got.advance(n, self.notes),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    self.got.report(self.notes);
                    return Err(error);
                }
            }
        }
        Ok(false)
    }

    fn is_slow(&self) -> bool {
        self.plan.read.bytes_per_second > 0 && self.began.elapsed() < self.plan.read.slow_for
    }

    /// Bytes of the next read.
    fn allowance(&self) -> usize {
        if self.is_slow() { (self.plan.read.bytes_per_second / 10).max(1) as usize } else { READ }
    }

    /// When it reads next.
    fn reading_at(&self) -> Instant {
        if self.plan.read.after_sending && self.done.is_none() {
            return self.began + LIFE;
        }
        if self.is_slow() && self.got.total > 0 { self.got.last + Duration::from_millis(100) } else { self.began }
    }

    /// When the client closes, if nothing happens.
    fn ends_at(&self) -> Instant {
        if let Some(stepped) = self.notes.lab.clients.stepped(self.notes.address) {
            return (self.began + STEPPED_LIFE).min(stepped.unwrap_or(self.began).max(self.got.last) + STEP_TIMEOUT);
        }
        let end = self.began + LIFE;
        let Some(done) = self.done else { return end };
        let patience = match self.plan.then {
            _ if self.got.last < done || self.got.total == 0 => self.plan.timeout,
            Then::Hold => self.plan.timeout,
            Then::Read | Then::HalfClose | Then::Reset => SILENCE.min(self.plan.timeout),
        };
        end.min(done.max(self.got.last) + patience)
    }

    fn is_over(&self) -> bool {
        self.ends_at() <= Instant::now()
    }

    fn pause(&self) -> Duration {
        let mut next = self.ends_at();
        if self.done.is_none() && self.writable {
            next = next.min(self.due);
        }
        if self.readable {
            next = next.min(self.reading_at());
        }
        next.saturating_duration_since(Instant::now())
    }
}
