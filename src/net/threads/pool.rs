//! Runs jobs on a bounded number of threads.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::panics::catch;
use crate::sync::lock;

/// A closure that a thread runs.
pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// A thread that was idle for this long ends.
const IDLE: Duration = Duration::from_secs(10);

/// Maximum initial capacity of the queue. Growing later would place it above the connections'
/// memory and keep the allocator from returning it.
const INITIAL_QUEUE: usize = 1024;

/// Threads that start on demand, and a bounded queue: what does not fit is refused at once, since
/// an unbounded queue turns overload into latency.
#[derive(Clone)]
pub(crate) struct Pool(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    work: Condvar,
    threads: usize,
    bound: usize,
}

struct State {
    queue: VecDeque<Job>,
    running: usize,
    /// Threads without a job, and those just started.
    idle: usize,
    /// Idle threads that wait for a job.
    sleeping: usize,
    /// One of them was woken and has not looked yet.
    woken: bool,
}

impl Pool {
    /// Creates a pool of at most `threads` threads and `bound` queued jobs.
    pub(crate) fn new(threads: usize, bound: usize) -> Pool {
        let queue = VecDeque::with_capacity(bound.min(INITIAL_QUEUE));
        let state = Mutex::new(State { queue, running: 0, idle: 0, sleeping: 0, woken: false });
        Pool(Arc::new(Shared { state, work: Condvar::new(), threads: threads.max(1), bound }))
    }

    /// Maximum number of queued jobs.
    pub(crate) fn bound(&self) -> usize {
        self.0.bound
    }

    /// Queues a job; returns it if the queue is full or no thread can start.
    pub(crate) fn submit(&self, job: Job) -> Result<(), Job> {
        self.queue(job, self.0.bound)
    }

    /// Queues the continuation of admitted work, without a bound.
    pub(crate) fn resume(&self, job: Job) -> Result<(), Job> {
        self.queue(job, usize::MAX)
    }

    fn queue(&self, job: Job, bound: usize) -> Result<(), Job> {
        let mut state = self.0.lock();
        let free = state.idle + (self.0.threads - state.running);
        if state.queue.len() >= bound.saturating_add(free) {
            return Err(job);
        }
        state.queue.push_back(job);
        if state.queue.len() > state.idle && state.running < self.0.threads {
            let shared = self.0.clone();
            match std::thread::Builder::new().name("wirelight-pool".into()).spawn(move || shared.run()) {
                Ok(_) => (state.running, state.idle) = (state.running + 1, state.idle + 1),
                Err(error) if state.running == 0 => {
                    error!("cannot start a thread for a blocking handler: {error}");
                    return state.queue.pop_back().map_or(Ok(()), Err);
                }
                Err(error) => warn!("cannot start another thread for blocking handlers: {error}"),
            }
        }
        self.0.wake_next(state);
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn run(&self) {
        while let Some(job) = self.next() {
            // Panics of handlers are caught earlier; this keeps the thread alive for the rest.
            if let Err(panicked) = catch(job) {
                error!("a job of the pool {panicked}");
            }
            self.lock().idle += 1;
        }
    }

    /// Unlocks the state, and wakes a thread if there are jobs and none is about to look: it wakes
    /// the next one when it has a job. Short jobs are so done by few threads, without a wake-up
    /// each.
    fn wake_next(&self, mut state: MutexGuard<'_, State>) {
        let wakes = !state.woken && state.sleeping > 0 && !state.queue.is_empty();
        state.woken |= wakes;
        drop(state);
        if wakes {
            self.work.notify_one();
        }
    }

    /// Waits for the next job.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                state.idle -= 1;
                self.wake_next(state);
                return Some(job);
            }
            state.sleeping += 1;
            let waited;
            (state, waited) = self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            (state.sleeping, state.woken) = (state.sleeping - 1, false);
            if waited.timed_out() && state.queue.is_empty() {
                (state.running, state.idle) = (state.running - 1, state.idle - 1);
                return None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    const BOUND: Duration = Duration::from_secs(60);

    #[test]
    fn a_full_queue_gives_the_job_back() {
        let pool = Pool::new(1, 1);
        let (release, wait) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel();
        pool.submit(Box::new(move || {
            started.send(()).unwrap();
            wait.recv_timeout(BOUND).unwrap();
        }))
        .map_err(drop)
        .unwrap();
        running.recv_timeout(BOUND).unwrap();
        let (done, finished) = mpsc::channel();
        assert!(pool.submit(Box::new(move || done.send(()).unwrap())).is_ok(), "one may wait");
        assert!(pool.submit(Box::new(|| ())).is_err(), "the second may not");
        release.send(()).unwrap();
        finished.recv_timeout(BOUND).unwrap();
    }

    #[test]
    fn a_pool_without_a_queue_has_its_threads() {
        let pool = Pool::new(2, 0);
        let (release, wait) = mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        for _ in 0..2 {
            let wait = wait.clone();
            assert!(pool.submit(Box::new(move || wait.lock().unwrap().recv_timeout(BOUND).unwrap())).is_ok());
        }
        assert!(pool.submit(Box::new(|| ())).is_err());
        release.send(()).unwrap();
        release.send(()).unwrap();
    }

    #[test]
    fn jobs_that_wait_for_each_other_all_have_a_thread() {
        let pool = Pool::new(4, 0);
        for _ in 0..100 {
            let together = Arc::new(std::sync::Barrier::new(4));
            let (done, finished) = mpsc::channel();
            for _ in 0..4 {
                let (together, done) = (together.clone(), done.clone());
                // A thread is counted as idle a moment after its job has ended.
                let mut job: Job = Box::new(move || done.send(together.wait().is_leader()).unwrap());
                let end = std::time::Instant::now() + BOUND;
                while let Err(refused) = pool.submit(job) {
                    assert!(std::time::Instant::now() < end, "no thread is free");
                    std::thread::yield_now();
                    job = refused;
                }
            }
            let leaders = (0..4).filter(|_| finished.recv_timeout(BOUND).unwrap()).count();
            assert_eq!(leaders, 1);
        }
    }

    #[test]
    fn a_panicking_job_takes_no_thread_with_it() {
        let pool = Pool::new(1, 8);
        assert!(pool.submit(Box::new(|| panic!("on purpose"))).is_ok());
        let (done, finished) = mpsc::channel();
        assert!(pool.submit(Box::new(move || done.send(7).unwrap())).is_ok());
        assert_eq!(finished.recv_timeout(BOUND), Ok(7));
    }
}
