//! A pair of streams in memory, for futures-io and for blocking calls.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex};

use piper::{Reader, Writer, pipe};
use pop3_std::Unblock;
use smol::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// One end. It accepts few octets at a time.
pub(super) struct End {
    reader: Reader,
    writer: Writer,
}

pub(super) fn pair() -> (End, End) {
    let ((own, far), (other, back)) = (pipe(1000), pipe(1000));
    (End { reader: own, writer: back }, End { reader: other, writer: far })
}

impl AsyncRead for End {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.reader).poll_read(context, buffer)
    }
}

impl AsyncWrite for End {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.writer).poll_write(context, octets);
        // The pipe accepts nothing if nobody reads any longer; a socket fails instead.
        written.map(|result| match result {
            Ok(0) if !octets.is_empty() => Err(io::ErrorKind::BrokenPipe.into()),
            result => result,
        })
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_close(context)
    }
}

/// The same for blocking calls, without timeouts.
pub(super) struct BlockingEnd {
    end: End,
    /// After this, no read waits any longer.
    shut: Arc<Mutex<Option<smol::channel::Receiver<()>>>>,
}

/// A pair, and a way to unblock the first of them.
pub(super) fn blocking_pair() -> (BlockingEnd, BlockingEnd, Unblock) {
    let (one, other) = pair();
    let (sender, shut) = smol::channel::bounded::<()>(1);
    let unblock = Unblock::new(move |_: Shutdown| {
        sender.close();
    });
    let one = BlockingEnd { end: one, shut: Arc::new(Mutex::new(Some(shut))) };
    (one, BlockingEnd { end: other, shut: Arc::default() }, unblock)
}

impl Read for BlockingEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let shut = self.shut.lock().expect("no panic").clone();
        smol::future::block_on(smol::future::or(self.end.read(buffer), async {
            match shut {
                Some(shut) => drop(shut.recv().await),
                None => core::future::pending().await,
            }
            Ok(0)
        }))
    }
}

impl Write for BlockingEnd {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        smol::future::block_on(self.end.write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
