//! Threads for sessions. They are used again, because many sessions are shorter than the start of a thread.

#[cfg(all(test, pop3_shuttle))]
mod models;

use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};

use crate::sync::mpsc::sync_channel;
use crate::sync::{Condvar, Mutex, MutexGuard, thread};

/// Threads that serve one session after another. A thread without a session ends after a while, or when this is
/// dropped.
#[derive(Default)]
pub(crate) struct Crew(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is a job.
    work: Condvar,
}

#[derive(Default)]
struct State {
    /// Jobs that are not begun. There is an idle thread for each of them.
    jobs: VecDeque<Job>,
    /// Threads that wait for a job.
    idle: usize,
    /// Nothing more is to be done.
    closed: bool,
}

type Job = Box<dyn FnOnce() + Send>;

/// The most threads that wait for a job.
const MOST_IDLE: usize = 64;

/// How long a thread waits for a job before it ends. Tests must not depend on it.
const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 3600 } else { 10 });

impl Crew {
    /// Runs the job with this session on an idle thread, or on a new one.
    ///
    /// # Errors
    /// Returns an error, and the session, if the system has no thread left.
    pub(crate) fn run<S: Send + 'static>(
        &self,
        session: S,
        job: impl FnOnce(S) + Send + 'static,
    ) -> Result<(), (io::Error, S)> {
        {
            let mut state = self.0.state();
            if state.jobs.len() < state.idle {
                state.jobs.push_back(Box::new(move || job(session)));
                drop(state);
                self.0.work.notify_one();
                return Ok(());
            }
        }
        let (give, take) = sync_channel::<S>(1);
        let shared = Arc::clone(&self.0);
        let work = move || {
            if let Ok(session) = take.recv() {
                job(session);
            }
            shared.work();
        };
        // Pass the session only after the thread has started.
        match thread::Builder::new().name("pop3 session".into()).spawn(work) {
            Ok(_) => give.send(session).map_err(|sent| (io::Error::other("the thread has ended"), sent.0)),
            Err(error) => Err((error, session)),
        }
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.work.notify_all();
    }
}

impl Shared {
    /// What each thread does after its first session.
    fn work(&self) {
        while let Some(job) = self.take() {
            // A session catches the panics of its service. The thread would end with any other.
            job();
        }
    }

    fn take(&self) -> Option<Job> {
        let mut state = self.state();
        if state.closed || state.idle >= MOST_IDLE {
            return None;
        }
        state.idle += 1;
        let waits = |state: &mut State| state.jobs.is_empty() && !state.closed;
        let woken = self.work.wait_timeout_while(state, PATIENCE, waits);
        let mut state = woken.unwrap_or_else(PoisonError::into_inner).0;
        state.idle -= 1;
        state.jobs.pop_front()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No foreign code runs while the lock is held.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use super::*;
    use crate::sync::thread::ThreadId;

    const LONG: Duration = Duration::from_secs(60);

    /// Waits until so many threads exist, all of them idle.
    fn idle(shared: &Arc<Shared>, threads: usize) {
        let begun = Instant::now();
        // Each thread has a handle, and so have the crew and the test.
        while shared.state().idle != threads || Arc::strong_count(shared) > threads + 2 {
            assert!(begun.elapsed() < LONG, "{} threads are idle", shared.state().idle);
            thread::yield_now();
        }
    }

    fn thread_of(crew: &Crew) -> ThreadId {
        let (tell, told) = channel();
        crew.run(tell, |tell| tell.send(thread::current().id()).unwrap()).unwrap();
        told.recv_timeout(LONG).unwrap()
    }

    /// Begins so many sessions. Each ends when its sender is dropped.
    fn busy(crew: &Crew, sessions: usize) -> Vec<Sender<()>> {
        let (tell, told) = channel();
        let begin = |_| {
            let (go, gone) = channel();
            let job = |(tell, gone): (Sender<()>, Receiver<()>)| {
                tell.send(()).unwrap();
                let _ = gone.recv();
            };
            crew.run((tell.clone(), gone), job).unwrap();
            go
        };
        let begun = (0..sessions).map(begin).collect();
        (0..sessions).for_each(|_| told.recv_timeout(LONG).unwrap());
        begun
    }

    #[test]
    fn a_thread_serves_one_session_after_another() {
        let crew = Crew::default();
        let shared = Arc::clone(&crew.0);
        let first = thread_of(&crew);
        idle(&shared, 1);
        assert_eq!(thread_of(&crew), first);
    }

    #[test]
    fn no_session_waits_for_the_end_of_another() {
        let crew = Crew::default();
        let shared = Arc::clone(&crew.0);
        thread_of(&crew);
        idle(&shared, 1);
        // All of them begin before one ends.
        drop(busy(&crew, 8));
        idle(&shared, 8);
    }

    #[test]
    fn few_threads_stay_when_many_sessions_end() {
        let crew = Crew::default();
        let shared = Arc::clone(&crew.0);
        drop(busy(&crew, MOST_IDLE + 3));
        idle(&shared, MOST_IDLE);
    }

    #[test]
    fn idle_threads_end_with_the_crew_and_busy_ones_after_their_sessions() {
        let crew = Crew::default();
        let shared = Arc::clone(&crew.0);
        drop(busy(&crew, 3));
        idle(&shared, 3);
        let session = busy(&crew, 1);
        drop(crew);
        // The one that is busy has the handle that the crew had.
        idle(&shared, 0);
        drop(session);
        let begun = Instant::now();
        while Arc::strong_count(&shared) > 1 {
            assert!(begun.elapsed() < LONG, "the busy thread has not ended");
            thread::yield_now();
        }
    }

    #[test]
    fn a_session_that_panics_takes_its_thread_along_and_nothing_else() {
        let crew = Crew::default();
        let shared = Arc::clone(&crew.0);
        thread_of(&crew);
        idle(&shared, 1);
        crew.run((), |()| panic!("on purpose")).unwrap();
        idle(&shared, 0);
        thread_of(&crew);
        idle(&shared, 1);
    }
}
