//! Maildrops whose calls run in a pool.

use core::fmt;
use core::ops::Range;
use core::time::Duration;
use std::collections::VecDeque;
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};

use super::{BlockingPool, Maildrop, fault, run};
use crate::backend::{Context, SHORT, StoredMessage};
use crate::scratch::Scratch;

/// The most octets that are read of a message when it is opened.
const FIRST: usize = 64 * 1024;

/// The most octets of other messages that are read during the visit for one, not counting the last one.
const AHEAD: usize = 256 * 1024;

/// How long a visit for one message may take, from its start, until no others are read any more. On a slow disk, little
/// is gained by it, and the message that is ready would wait for the others.
const AHEAD_TIME: Duration = Duration::from_millis(20);

/// What a message needs that is ready, in octets, besides its content.
const OVERHEAD: usize = 512;

/// The maildrop of one session, whose blocking calls run in a pool. Use it in a [`Backend`](crate::backend::Backend)
/// that checks credentials with `async` code and then opens a blocking [`Maildrop`].
///
/// The futures may be dropped at any time. The call in the pool still runs to completion. Until then the maildrop
/// stays locked, other calls are refused, and nothing is removed.
pub struct Pooled<M: Maildrop, P> {
    pub(super) pool: P,
    /// Empty while a call has the maildrop, which puts it back.
    maildrop: Arc<Mutex<Option<M>>>,
    /// The messages that the client has asked for as well.
    expected: Vec<MessageNumber>,
    /// Messages that were read during the visit for another one, in the order in which they will be fetched.
    ready: VecDeque<Ready<M>>,
}

impl<M: Maildrop, P: BlockingPool> Pooled<M, P> {
    /// Creates a value without an open maildrop.
    pub fn new(pool: P) -> Self {
        Self { pool, maildrop: Arc::new(Mutex::new(None)), expected: Vec::new(), ready: VecDeque::new() }
    }

    /// Opens the maildrop with this call. If the future is dropped, whatever the call opens is dropped as well.
    ///
    /// # Errors
    /// Returns the rejection that the client is told.
    ///
    /// # Panics
    /// Panics if the call panics.
    pub async fn open(
        &mut self,
        open: impl FnOnce() -> Result<(Accepted, M), Rejection> + Send + 'static,
    ) -> Result<Accepted, Rejection> {
        let (accepted, maildrop) = run(&self.pool, open).await.map_err(|_| fault())??;
        put(&self.maildrop, maildrop);
        Ok(accepted)
    }

    /// Takes over a maildrop that was opened without blocking, on the thread that serves the session.
    pub fn opened(&mut self, maildrop: M) {
        put(&self.maildrop, maildrop);
    }

    /// Opens a message of the maildrop on the spot; see [`Backend::try_fetch`](crate::backend::Backend::try_fetch).
    pub fn try_fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> Option<Result<Chunks<M, P>, Rejection>> {
        while let Some((number, prepared)) = self.ready.pop_front() {
            if number == message && extent == Extent::Whole {
                return Some(prepared.map(|source| self.chunks(source)));
            }
        }
        // No call holds this longer than it takes to move the maildrop.
        let message = self.lock().as_mut()?.try_fetch(message, extent)?;
        Some(message.map(|message| self.chunks(Source::new(message))))
    }

    /// Notes which messages the client has asked for; see [`Backend::expect`](crate::backend::Backend::expect). The
    /// next [`fetch`](Self::fetch) reads them during the same visit to the pool, up to 256 KiB in all.
    pub fn expect(&mut self, messages: &[MessageNumber]) {
        if messages.is_empty() {
            self.ready = VecDeque::new();
        }
        self.expected = messages.to_vec();
    }

    /// Opens a message of the maildrop in the pool; see [`Backend::fetch`](crate::backend::Backend::fetch).
    ///
    /// # Errors
    /// Returns the rejection that the client is told.
    ///
    /// # Panics
    /// Panics if the maildrop panics.
    pub async fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> Result<Chunks<M, P>, Rejection> {
        let mut maildrop = self.lock().take().ok_or_else(fault)?;
        let (place, context) = (Arc::clone(&self.maildrop), context.clone());
        let (expected, pool) = (core::mem::take(&mut self.expected), self.pool.clone());
        // Open the message and read its first octets (and the end of a small message) in one call of the pool.
        let call = move || {
            let begin = pool.now();
            let elapsed = || pool.now().saturating_duration_since(begin);
            let visited = visit(&mut maildrop, message, extent, expected, &context, elapsed);
            put(&place, maildrop);
            visited
        };
        let (first, ready) = run(&self.pool, call).await.map_err(|_| fault())?;
        self.ready = ready;
        // Nothing was sent yet, so an error at the beginning can still be reported.
        let source = first?.map_err(|_| fault())?;
        Ok(self.chunks(source))
    }

    /// Removes messages and releases the maildrop; see [`Backend::commit`](crate::backend::Backend::commit). Removes
    /// nothing if an earlier call is still using the maildrop. Does not use the pool if
    /// [`Maildrop::commits_on_the_spot`].
    ///
    /// # Panics
    /// Panics if the maildrop panics.
    pub async fn commit(&mut self, deletions: Deletions, context: &Context) -> usize {
        let marked = deletions.len();
        let Some(maildrop) = self.lock().take() else { return marked };
        if maildrop.commits_on_the_spot(&deletions) {
            return maildrop.commit(&deletions, context);
        }
        let context = context.clone();
        run(&self.pool, move || maildrop.commit(&deletions, &context)).await.unwrap_or(marked)
    }

    fn chunks(&self, source: Source<M>) -> Chunks<M, P> {
        Chunks { source: Some(source), pool: self.pool.clone() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<M>> {
        self.maildrop.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: Maildrop, P> fmt::Debug for Pooled<M, P> {
    /// Without the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pooled").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

/// The beginning of a message, and those that were read as well.
type Visited<M> = (Result<io::Result<Source<M>>, Rejection>, VecDeque<Ready<M>>);

/// A message that was read before it was fetched.
type Ready<M> = (MessageNumber, Result<Source<M>, Rejection>);

/// Opens a message, and reads short ones that will be fetched next, as long as that is quick: the first one waits for it.
/// `elapsed` is the time since the visit began.
fn visit<M: Maildrop>(
    maildrop: &mut M,
    message: MessageNumber,
    extent: Extent,
    expected: Vec<MessageNumber>,
    context: &Context,
    elapsed: impl Fn() -> Duration,
) -> Visited<M> {
    let first = maildrop.fetch(message, extent, context).map(|message| {
        let mut source = Source::<M>::new(message);
        source.advance(FIRST).map(|()| source)
    });
    let (mut ready, mut octets) = (VecDeque::new(), 0);
    for number in expected {
        if octets >= AHEAD || elapsed() >= AHEAD_TIME || context.is_gone() {
            break;
        }
        let source = match maildrop.fetch(number, Extent::Whole, context) {
            Ok(message) => {
                let mut source = Source::<M>::new(message);
                if source.advance(SHORT).is_err() || source.message.is_some() {
                    // It is long, or needs another look. It is fetched in its turn.
                    break;
                }
                octets += source.unread.len() + OVERHEAD;
                Ok(source)
            }
            Err(rejection) => Err(rejection),
        };
        ready.push_back((number, source));
    }
    (first, ready)
}

fn put<M>(place: &Mutex<Option<M>>, maildrop: M) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(maildrop);
}

/// A message of a maildrop. What is not there on the spot is read chunk by chunk in a pool.
pub struct Chunks<M: Maildrop, P> {
    /// Empty while a call reads the message, and when that call was given up.
    source: Option<Source<M>>,
    pool: P,
}

struct Source<M: Maildrop> {
    /// Empty after it was read to its end in the pool. What is ready then holds no descriptor.
    message: Option<M::Message>,
    chunk: Chunk,
    /// What is in the chunk and was not returned yet.
    unread: Range<usize>,
}

/// Where octets are that were read in the pool.
enum Chunk {
    None,
    Shared(Scratch),
    /// All of a short message, which may have to wait for the client for a long time.
    Own(Vec<u8>),
}

impl<M: Maildrop> Source<M> {
    const fn new(message: M::Message) -> Self {
        Self { message: Some(message), chunk: Chunk::None, unread: 0..0 }
    }

    /// Replaces the chunk by the next octets, at most so many. May block.
    fn advance(&mut self, most: usize) -> io::Result<()> {
        let mut octets = Scratch::take();
        let mut filled = 0;
        while filled < most
            && let Some(message) = &mut self.message
        {
            match message.read(&mut octets[filled..most]) {
                Ok(0) => self.message = None,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let short = filled < SHORT && self.message.is_none();
        self.chunk = if short { Chunk::Own(octets[..filled].to_vec()) } else { Chunk::Shared(octets) };
        self.unread = 0..filled;
        Ok(())
    }

    /// Returns the first octets that were not returned yet, at most so many.
    fn next(&mut self, most: usize) -> &[u8] {
        let octets: &[u8] = match &self.chunk {
            Chunk::None => &[],
            Chunk::Shared(scratch) => scratch,
            Chunk::Own(octets) => octets,
        };
        let start = self.unread.start;
        self.unread.start = self.unread.end.min(start.saturating_add(most));
        octets.get(start..self.unread.start).unwrap_or_default()
    }

    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let octets = self.next(buffer.len());
        let count = octets.len();
        buffer[..count].copy_from_slice(octets);
        if self.unread.is_empty() {
            // The session may wait for its client before the next call.
            self.chunk = Chunk::None;
        }
        match &mut self.message {
            Some(message) if count == 0 => M::try_read(message, buffer),
            _ => Ok(count),
        }
    }
}

impl<M: Maildrop, P: BlockingPool> StoredMessage for Chunks<M, P> {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.as_mut().ok_or_else(broken)?.try_read(buffer)
    }

    async fn chunk(&mut self) -> io::Result<&[u8]> {
        let mut source = self.source.take().ok_or_else(broken)?;
        if source.unread.is_empty() && source.message.is_some() {
            source = run(&self.pool, move || source.advance(Scratch::SIZE).map(|()| source)).await??;
        }
        Ok(self.source.insert(source).next(usize::MAX))
    }
}

fn broken() -> io::Error {
    io::Error::other("the message was read after an error")
}

impl<M: Maildrop, P> fmt::Debug for Chunks<M, P> {
    /// Without the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unread = self.source.as_ref().map(|source| source.unread.len());
        f.debug_struct("Chunks").field("unread", &unread).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A maildrop with a short message for each number. Each takes so long to open.
    #[derive(Default)]
    struct Open {
        each: Duration,
        now: Arc<Mutex<Duration>>,
    }

    impl Maildrop for Open {
        type Message = io::Cursor<Vec<u8>>;

        fn fetch(&mut self, _: MessageNumber, _: Extent, _: &Context) -> Result<Self::Message, Rejection> {
            *self.now.lock().unwrap() += self.each;
            Ok(io::Cursor::new(b"short\n".to_vec()))
        }

        fn commit(self, deletions: &Deletions, _: &Context) -> usize {
            deletions.len()
        }
    }

    /// A message that is ready does not wait for others.
    #[test]
    fn a_slow_store_reads_little_ahead() {
        for (each, ahead) in [(20, 0), (19, 1), (7, 2), (0, 9)] {
            let mut maildrop = Open { each: Duration::from_millis(each), ..Open::default() };
            let now = Arc::clone(&maildrop.now);
            let mut numbers = (0..10).filter_map(MessageNumber::from_index);
            let first = numbers.next().unwrap();
            let (context, elapsed) = (Context::unbounded(), || *now.lock().unwrap());
            let (opened, ready) =
                visit(&mut maildrop, first, Extent::Whole, numbers.collect(), &context, elapsed);
            assert!(opened.unwrap().is_ok());
            assert_eq!(ready.len(), ahead, "{each} ms for each message");
        }
    }

    #[test]
    fn a_session_that_waits_for_its_client_holds_no_buffer_that_it_has_copied() {
        let mut source = Source::<Open>::new(io::Cursor::new(vec![b'x'; FIRST + 1]));
        source.advance(FIRST).unwrap();
        let mut buffer = vec![0; FIRST];
        assert_eq!(source.try_read(&mut buffer[1..]).unwrap(), FIRST - 1);
        assert!(matches!(source.chunk, Chunk::Shared(_)));
        assert_eq!(source.try_read(&mut buffer).unwrap(), 1);
        assert!(matches!(source.chunk, Chunk::None));
        assert_eq!(source.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        source.advance(FIRST).unwrap();
        assert_eq!((source.try_read(&mut buffer).unwrap(), source.message.is_none()), (1, true));
        assert_eq!(source.try_read(&mut buffer).unwrap(), 0);
    }
}
