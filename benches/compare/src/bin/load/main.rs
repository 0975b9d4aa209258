//! The load of `benches/compare/run`: sends one request over and over, in a closed loop or at a constant rate.
//!
//! `compare_load port=8000 path=/plaintext clients=16 seconds=1` prints one line of JSON. `options.rs` has the other options.
//! Every request that was sent is waited for, so that the server's CPU time can be divided by their number.

mod client;
mod options;
mod request;
mod response;
mod tls;

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use client::{Client, Progress};
use options::Options;
use request::Request;
use tls::Tls;

/// How long to wait for the responses of what was sent.
const PATIENCE: Duration = Duration::from_secs(30);
/// A pause between two looks at the clock and the sockets, at a constant rate. The kernel adds about 50 µs.
const PAUSE: Duration = Duration::from_micros(20);
/// After so many connections the load lets the server accept them: a listener of std holds 128, and a client that finds
/// it full tries again after a second.
const CONNECTIONS: usize = 64;

fn main() -> io::Result<()> {
    let options = Options::from_arguments()?;
    let request = Request::new(&options);
    let threads = options.threads.min(options.clients).max(1);
    let results = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(|| Load::new(&options, &request)?.run())).collect();
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("a panic")))).collect()
    });
    let results: io::Result<Vec<Done>> = results;
    report(results?);
    Ok(())
}

/// What one thread has done.
struct Done {
    seconds: f64,
    bytes: u64,
    errors: u64,
    /// Microseconds of each request.
    micros: Vec<u32>,
}

struct Load<'a> {
    options: &'a Options,
    request: &'a Request,
    tls: Option<Tls>,
    poll: Poll,
    clients: Vec<Client>,
    buffer: Vec<u8>,
    done: Done,
}

impl<'a> Load<'a> {
    fn new(options: &'a Options, request: &'a Request) -> io::Result<Load<'a>> {
        let (poll, tls) = (Poll::new()?, options.tls()?);
        let number = options.clients / options.threads.min(options.clients).max(1);
        let connect = |index: usize| {
            if index > 0 && index.is_multiple_of(CONNECTIONS) {
                std::thread::sleep(Duration::from_millis(5));
            }
            Client::connect(options.address(), tls.as_ref(), poll.registry(), Token(index))
        };
        let clients = (0..number).map(connect).collect::<io::Result<_>>()?;
        let done = Done { seconds: 0.0, bytes: 0, errors: 0, micros: Vec::new() };
        Ok(Load { options, request, tls, poll, clients, buffer: vec![0; 256 << 10], done })
    }

    fn run(mut self) -> io::Result<Done> {
        let began = Instant::now();
        let end = began + self.options.duration;
        match self.options.rate {
            0 => self.closed_loop(began, end)?,
            _ => self.constant_rate(began, end)?,
        }
        self.done.seconds = began.elapsed().as_secs_f64();
        Ok(self.done)
    }

    /// Every client sends its next request when it has the response to the last one.
    fn closed_loop(&mut self, began: Instant, end: Instant) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut busy = self.clients.len();
        for client in &mut self.clients {
            client.start(self.request, began)?;
        }
        while busy > 0 {
            self.poll.poll(&mut events, Some(PATIENCE))?;
            let now = Instant::now();
            if events.is_empty() || now > end + PATIENCE {
                return Err(io::Error::other(format!("{busy} responses are missing")));
            }
            for event in &events {
                if !self.advance(event.token())? {
                    continue;
                }
                match now < end {
                    true => self.begin(event.token(), Instant::now())?,
                    false => busy -= 1,
                }
            }
        }
        Ok(())
    }

    /// Clients send at moments that are set before: a request that must wait for a slow response counts its wait.
    fn constant_rate(&mut self, began: Instant, end: Instant) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let gap = Duration::from_secs_f64(self.options.threads as f64 / self.options.rate as f64);
        let (mut due, mut next, mut busy) = (began, 0, vec![false; self.clients.len()]);
        let mut late = std::collections::VecDeque::new();
        loop {
            let now = Instant::now();
            while due <= now && due < end {
                late.push_back(due);
                due += gap;
            }
            let mut looked = 0;
            while let Some(&moment) = late.front()
                && looked < busy.len()
            {
                next = (next + 1) % busy.len();
                looked += 1;
                if let Some(idle) = busy.get_mut(next).filter(|busy| !**busy) {
                    *idle = true;
                    late.pop_front();
                    self.begin(Token(next), moment)?;
                    looked = 0;
                }
            }
            self.poll.poll(&mut events, Some(Duration::ZERO))?;
            for event in &events {
                if self.advance(event.token())? {
                    busy[event.token().0] = false;
                }
            }
            if now >= end && late.is_empty() && !busy.contains(&true) {
                return Ok(());
            }
            if now > end + PATIENCE {
                return Err(io::Error::other(format!("{} requests were not answered", late.len())));
            }
            if events.is_empty() {
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn begin(&mut self, token: Token, now: Instant) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(token.0) else { return Ok(()) };
        if self.options.fresh {
            *client = Client::connect(self.options.address(), self.tls.as_ref(), self.poll.registry(), token)?;
        }
        client.start(self.request, now)
    }

    /// Moves a client on, and notes a response that is complete. Returns whether one is.
    fn advance(&mut self, token: Token) -> io::Result<bool> {
        let Some(client) = self.clients.get_mut(token.0) else { return Ok(false) };
        match client.advance(self.request, &mut self.buffer)? {
            Progress::Waits => Ok(false),
            Progress::Done { status, bytes, began } => {
                self.done.bytes += bytes;
                self.done.errors += u64::from(status != self.options.status);
                self.done.micros.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
                Ok(true)
            }
        }
    }
}

fn report(all: Vec<Done>) {
    let seconds = all.iter().map(|done| done.seconds).fold(0.0, f64::max);
    let (bytes, errors) = all.iter().fold((0, 0), |(bytes, errors), done| (bytes + done.bytes, errors + done.errors));
    let mut micros: Vec<u32> = all.into_iter().flat_map(|done| done.micros).collect();
    micros.sort_unstable();
    let quantile = |share: f64| micros.get((micros.len() as f64 * share) as usize).or(micros.last()).unwrap_or(&0);
    let (p50, p99, p999, max) = (quantile(0.5), quantile(0.99), quantile(0.999), quantile(1.0));
    println!(
        "{{\"requests\":{},\"seconds\":{seconds:.4},\"bytes\":{bytes},\"errors\":{errors},\
        \"p50\":{p50},\"p99\":{p99},\"p999\":{p999},\"max\":{max}}}",
        micros.len()
    );
}
