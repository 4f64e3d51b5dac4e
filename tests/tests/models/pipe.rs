//! A transport in memory. The test is the peer: it puts octets in, takes octets out, and moves the clock.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Wake;
use std::thread::{self, Thread};

use pop3_driver::tls::TlsInfo;
use pop3_driver::{Transport, timed_out};
use pop3_proto::Instant;

/// A connection. Its clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Pipe(Arc<Mutex<State>>);

#[derive(Debug)]
pub(crate) struct State {
    now: Instant,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// The peer has closed its side.
    ended: bool,
    tls: bool,
    handshakes: usize,
}

impl Pipe {
    pub(crate) fn new(tls: bool) -> Self {
        let state = State {
            now: pop3_tests::START,
            incoming: Vec::new(),
            outgoing: Vec::new(),
            ended: false,
            tls,
            handshakes: 0,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic in the transport")
    }

    pub(crate) fn send(&self, octets: &[u8]) {
        self.state().incoming.extend_from_slice(octets);
    }

    pub(crate) fn end(&self) {
        self.state().ended = true;
    }

    /// Whether there is something to take.
    pub(crate) fn has_output(&self) -> bool {
        !self.state().outgoing.is_empty()
    }

    pub(crate) fn take(&self) -> Vec<u8> {
        core::mem::take(&mut self.state().outgoing)
    }

    pub(crate) fn pass(&self, time: Duration) {
        let mut state = self.state();
        state.now = state.now.after(time);
    }

    pub(crate) fn handshakes(&self) -> usize {
        self.state().handshakes
    }
}

impl Transport for Pipe {
    fn now(&self) -> Instant {
        self.state().now
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        poll_fn(|_| {
            let mut state = self.state();
            let count = state.incoming.len().min(buffer.len());
            if count == 0 && !state.ended {
                return if state.now < deadline { Poll::Pending } else { Poll::Ready(Err(timed_out())) };
            }
            buffer[..count].copy_from_slice(&state.incoming[..count]);
            state.incoming.drain(..count);
            Poll::Ready(Ok(count))
        })
        .await
    }

    async fn read_ahead(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        self.read(buffer, deadline).await
    }

    async fn write(&mut self, octets: &[u8], _deadline: Instant) -> io::Result<usize> {
        self.state().outgoing.extend_from_slice(octets);
        Ok(octets.len())
    }

    async fn flush(&mut self, _deadline: Instant) -> io::Result<()> {
        Ok(())
    }

    async fn pause(&mut self, until: Instant) {
        poll_fn(|_| if self.state().now < until { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    async fn close(&mut self, _deadline: Instant) {}

    async fn secure(self, _deadline: Instant) -> io::Result<Self> {
        let mut state = self.state();
        // It came in clear text.
        state.incoming.clear();
        state.tls = true;
        state.handshakes += 1;
        drop(state);
        Ok(self)
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }

    fn is_tls(&self) -> bool {
        self.state().tls
    }
}

/// Wakes the thread of the test.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// A future that runs when the test says so.
pub(crate) struct Task(Option<Pin<Box<dyn Future<Output = ()>>>>);

impl Task {
    pub(crate) fn new(future: impl Future<Output = ()> + 'static) -> Self {
        let mut task = Self(Some(Box::pin(future)));
        task.run();
        task
    }

    /// Runs until it has to wait for the test, or has ended.
    pub(crate) fn run(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        if let Some(future) = &mut self.0
            && future.as_mut().poll(&mut context).is_ready()
        {
            self.0 = None;
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_none()
    }

    /// Runs until this holds, or it has ended. What it waits for may happen in other threads, or at a time that the test
    /// makes come in `done`.
    ///
    /// # Panics
    /// If that takes a minute.
    pub(crate) fn run_until(&mut self, done: impl Fn() -> bool) {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        let end = std::time::Instant::now() + Duration::from_secs(60);
        while let Some(future) = &mut self.0 {
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                self.0 = None;
            } else if done() {
                return;
            } else {
                assert!(std::time::Instant::now() < end, "the server does not answer");
                thread::park_timeout(Duration::from_millis(5));
            }
        }
    }

    /// Drops the future, as a runtime that shuts down.
    pub(crate) fn kill(&mut self) {
        self.0 = None;
    }
}
