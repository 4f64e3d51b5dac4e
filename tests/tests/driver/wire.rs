//! A transport in memory. Time passes on it only where the script says so.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use pop3_driver::tls::TlsInfo;
use pop3_driver::{Transport, timed_out};
use pop3_observer::Side;
use pop3_proto::{Channel, Instant};
use pop3_tests::observed::Watch;

/// A transport. Its clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Arc<Mutex<State>>);

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) now: Instant,
    /// The input. The stream ends after it.
    pub(crate) incoming: VecDeque<Incoming>,
    /// Each write.
    pub(crate) writes: Vec<Vec<u8>>,
    /// How many octets were written.
    pub(crate) written: usize,
    /// Whether written octets wait for a flush. Until then, nobody may wait for an answer to them.
    unflushed: bool,
    /// How often it was asked to acknowledge a part of a line.
    pub(crate) acknowledged: usize,
    /// How often a long computation was run.
    pub(crate) computed: usize,
    /// The largest number of octets that a write accepts.
    pub(crate) takes: usize,
    /// The result of each write.
    pub(crate) writing: Writing,
    pub(crate) pauses: Vec<Duration>,
    /// A pause never ends.
    pub(crate) pauses_pend: bool,
    pub(crate) closed: bool,
    /// Closing never ends.
    pub(crate) close_pends: bool,
    pub(crate) tls: bool,
    /// Answers each written line once no other input is left. `None` ends the stream.
    talk: Option<Talk>,
    /// How many written octets have been answered.
    answered: usize,
    /// Watches the side under test, once it is known which one it is.
    pub(crate) watch: Option<Watch>,
}

impl State {
    /// Octets are sent. The server is the side that writes first; a client reads a greeting first. What a
    /// proxy sends before the greeting is not part of the session.
    fn pass(&mut self, written: bool, octets: &[u8]) {
        let greeting = octets.starts_with(b"+OK") || octets.starts_with(b"-ERR");
        let own = if written { Side::Server } else { Side::Client };
        if self.watch.is_none() && (written || greeting) {
            self.watch = Some(Watch::new(own, Channel::TrustedPlaintext));
        }
        if let Some(watch) = &mut self.watch {
            let side = if written == (watch.side() == Side::Server) { Side::Server } else { Side::Client };
            watch.sent(side, octets);
        }
    }
}

/// Answers a line without its line end.
pub(crate) type Answering = Box<dyn FnMut(&str) -> Option<String> + Send>;

struct Talk(Answering);

impl core::fmt::Debug for Talk {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Talk")
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Writing {
    /// It takes this long.
    Takes(Duration),
    /// Accepts nothing until the deadline, after this many octets.
    StuckAfter(usize),
    /// Fails after this many octets.
    FailsAfter(usize, io::ErrorKind),
}

pub(crate) enum Incoming {
    Octets(Vec<u8>),
    /// Returns nothing until the deadline of the read.
    Silence,
    /// Returns nothing, ever.
    Never,
    Fault(io::ErrorKind),
    /// Performs this, and continues with the next item.
    Do(Box<dyn FnOnce() + Send>),
}

impl core::fmt::Debug for Incoming {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Incoming")
    }
}

impl From<&str> for Incoming {
    fn from(octets: &str) -> Self {
        Self::Octets(octets.as_bytes().to_vec())
    }
}

impl Wire {
    pub(crate) fn new(incoming: impl IntoIterator<Item = Incoming>) -> Self {
        Self(Arc::new(Mutex::new(State {
            now: pop3_tests::START,
            incoming: incoming.into_iter().collect(),
            writes: Vec::new(),
            unflushed: false,
            acknowledged: 0,
            computed: 0,
            written: 0,
            takes: usize::MAX,
            writing: Writing::Takes(Duration::ZERO),
            pauses: Vec::new(),
            pauses_pend: false,
            closed: false,
            close_pends: false,
            tls: false,
            talk: None,
            answered: 0,
            watch: None,
        })))
    }

    /// A peer that sends a greeting and answers each line.
    pub(crate) fn talking(greeting: &str, talk: impl FnMut(&str) -> Option<String> + Send + 'static) -> Self {
        let wire = Self::new([greeting.into()]);
        wire.state().talk = Some(Talk(Box::new(talk)));
        wire
    }

    /// All written lines, without their line ends.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.sent().lines().map(str::to_owned).collect()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic in the transport")
    }

    /// Everything that was written.
    pub(crate) fn sent(&self) -> String {
        String::from_utf8(self.state().writes.concat()).expect("text")
    }
}

impl Transport for Wire {
    fn now(&self) -> Instant {
        self.state().now
    }

    async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        assert!(!self.state().unflushed, "an answer is awaited to what was not flushed");
        poll_fn(|_| {
            loop {
                let incoming = self.state().incoming.pop_front();
                return Poll::Ready(match incoming {
                    None => {
                        let mut state = self.state();
                        let written = state.writes.concat();
                        let line = written[state.answered..].split_inclusive(|&octet| octet == b'\n').next();
                        let line = line.filter(|line| line.ends_with(b"\r\n")).unwrap_or_default();
                        state.answered += line.len();
                        let line = String::from_utf8_lossy(line).trim_end_matches("\r\n").to_owned();
                        let Some(Talk(mut talk)) = state.talk.take() else { return Poll::Ready(Ok(0)) };
                        // The function that answers may look at the wire.
                        drop(state);
                        let Some(reply) = talk(&line) else { return Poll::Ready(Ok(0)) };
                        let mut state = self.state();
                        state.talk = Some(Talk(talk));
                        state.incoming.push_back(reply.as_str().into());
                        continue;
                    }
                    Some(Incoming::Octets(mut octets)) => {
                        let count = octets.len().min(buffer.len());
                        buffer[..count].copy_from_slice(&octets[..count]);
                        octets.drain(..count);
                        if !octets.is_empty() {
                            self.state().incoming.push_front(Incoming::Octets(octets));
                        }
                        self.state().pass(false, &buffer[..count]);
                        Ok(count)
                    }
                    Some(Incoming::Silence) => {
                        let mut state = self.state();
                        state.now = state.now.max(deadline);
                        Err(timed_out())
                    }
                    Some(Incoming::Never) => {
                        self.state().incoming.push_front(Incoming::Never);
                        return Poll::Pending;
                    }
                    Some(Incoming::Fault(kind)) => Err(kind.into()),
                    Some(Incoming::Do(action)) => {
                        action();
                        continue;
                    }
                });
            }
        })
        .await
    }

    fn acknowledge(&mut self) {
        self.state().acknowledged += 1;
    }

    async fn read_ahead(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
        poll_fn(|_| match self.state().incoming.front() {
            // What is not in the script does not happen, not even the end.
            None | Some(Incoming::Never) => Poll::Pending,
            Some(_) => Poll::Ready(()),
        })
        .await;
        self.read(buffer, deadline).await
    }

    async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
        let mut state = self.state();
        let before = state.written;
        let mut count = octets.len().min(state.takes);
        match state.writing {
            Writing::Takes(time) => {
                state.now = state.now.after(time);
                if state.now > deadline {
                    return Err(timed_out());
                }
            }
            Writing::StuckAfter(limit) if before >= limit => {
                state.now = state.now.max(deadline);
                return Err(timed_out());
            }
            Writing::FailsAfter(limit, kind) if before >= limit => return Err(kind.into()),
            Writing::StuckAfter(limit) | Writing::FailsAfter(limit, _) => count = count.min(limit - before),
        }
        state.written += count;
        state.unflushed = true;
        state.writes.push(octets[..count].to_vec());
        state.pass(true, &octets[..count]);
        Ok(count)
    }

    async fn flush(&mut self, _deadline: Instant) -> io::Result<()> {
        self.state().unflushed = false;
        Ok(())
    }

    async fn pause(&mut self, until: Instant) {
        if self.state().pauses_pend {
            core::future::pending::<()>().await;
        }
        let mut state = self.state();
        let span = until.since(state.now);
        state.pauses.push(span);
        state.now = state.now.max(until);
    }

    async fn close(&mut self, _deadline: Instant) {
        if self.state().close_pends {
            core::future::pending::<()>().await;
        }
        self.state().closed = true;
    }

    async fn secure(self, deadline: Instant) -> io::Result<Self> {
        let incoming = self.state().incoming.pop_front();
        match incoming {
            // The handshake: any octets are accepted.
            Some(Incoming::Octets(_)) => {
                let mut state = self.state();
                state.tls = true;
                if let Some(watch) = &mut state.watch {
                    watch.encrypted();
                }
                drop(state);
                Ok(self)
            }
            Some(Incoming::Silence) => {
                self.state().now = deadline;
                Err(timed_out())
            }
            Some(Incoming::Never) => core::future::pending().await,
            Some(Incoming::Fault(kind)) => Err(kind.into()),
            None | Some(Incoming::Do(_)) => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    fn tls(&self) -> Option<Arc<TlsInfo>> {
        None
    }

    fn is_tls(&self) -> bool {
        self.state().tls
    }

    async fn compute<R: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> io::Result<R> {
        self.state().computed += 1;
        Ok(work())
    }
}
