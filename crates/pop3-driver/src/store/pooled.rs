//! Maildrops whose calls run in a pool.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, PoisonError};

use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};

use super::{BlockingPool, Maildrop, fault, run};
use crate::backend::{Context, StoredMessage};

/// The most octets that are read of a message at a time.
const CHUNK: usize = 64 * 1024;

/// The maildrop of one session, whose blocking calls run in a pool. Use it in a [`Backend`](crate::backend::Backend)
/// that checks credentials with `async` code and then opens a blocking [`Maildrop`].
///
/// The futures may be dropped at any time. The call in the pool still runs to completion. Until then the maildrop
/// stays locked, other calls are refused, and nothing is removed.
#[derive(Debug)]
pub struct Pooled<M, P> {
    pub(super) pool: P,
    /// Empty while a call has the maildrop, which puts it back.
    maildrop: Arc<Mutex<Option<M>>>,
}

impl<M: Maildrop, P: BlockingPool> Pooled<M, P> {
    /// Creates a value without an open maildrop.
    pub fn new(pool: P) -> Self {
        Self { pool, maildrop: Arc::new(Mutex::new(None)) }
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

    /// Opens a message of the maildrop; see [`Backend::fetch`](crate::backend::Backend::fetch).
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
    ) -> Result<Chunks<M::Message, P>, Rejection> {
        let mut maildrop = self.take().ok_or_else(fault)?;
        let (place, context) = (Arc::clone(&self.maildrop), context.clone());
        // Open the message and read its first octets (and the end of a small message) in one call of the pool.
        let call = move || {
            let first = maildrop.fetch(message, extent, &context).map(|reader| {
                let mut source = Source { reader, chunk: Vec::new(), ended: false };
                source.advance().map(|()| source)
            });
            put(&place, maildrop);
            first
        };
        // Nothing was sent yet, so an error at the beginning can still be reported.
        let source = run(&self.pool, call).await.map_err(|_| fault())??.map_err(|_| fault())?;
        Ok(Chunks { source: Some(source), fresh: true, pool: self.pool.clone() })
    }

    /// Removes messages and releases the maildrop; see [`Backend::commit`](crate::backend::Backend::commit). Removes
    /// nothing if an earlier call is still using the maildrop.
    ///
    /// # Panics
    /// Panics if the maildrop panics.
    pub async fn commit(&mut self, deletions: Deletions, context: &Context) -> usize {
        let marked = deletions.len();
        let Some(maildrop) = self.take() else { return marked };
        let context = context.clone();
        run(&self.pool, move || maildrop.commit(&deletions, &context)).await.unwrap_or(marked)
    }

    fn take(&self) -> Option<M> {
        self.maildrop.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn put<M>(place: &Mutex<Option<M>>, maildrop: M) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(maildrop);
}

/// A message that is read chunk by chunk in a pool.
#[derive(Debug)]
pub struct Chunks<R, P> {
    source: Option<Source<R>>,
    fresh: bool,
    pool: P,
}

#[derive(Debug)]
struct Source<R> {
    reader: R,
    chunk: Vec<u8>,
    ended: bool,
}

impl<R: Read> Source<R> {
    /// Replaces the chunk by the next octets.
    fn advance(&mut self) -> io::Result<()> {
        self.chunk.clear();
        self.ended = self.reader.by_ref().take(CHUNK as u64).read_to_end(&mut self.chunk)? < CHUNK;
        Ok(())
    }
}

impl<R: Read + Send + 'static, P: BlockingPool> StoredMessage for Chunks<R, P> {
    async fn chunk(&mut self) -> io::Result<&[u8]> {
        let broken = || io::Error::other("the message was read after an error");
        if self.fresh {
            self.fresh = false;
        } else {
            let mut source = self.source.take().ok_or_else(broken)?;
            if source.ended {
                source.chunk.clear();
                self.source = Some(source);
            } else {
                let call = move || source.advance().map(|()| source);
                self.source = Some(run(&self.pool, call).await??);
            }
        }
        self.source.as_ref().map(|source| &*source.chunk).ok_or_else(broken)
    }
}
