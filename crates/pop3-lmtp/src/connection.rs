//! Octets from and to a client.

use core::time::Duration;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::time::timeout;

/// Octets of a command line with its CRLF. RFC 5321 section 4.5.3.1.4 asks for 512, and for more with extensions.
const LINE_MAX: usize = 4096;

/// Octets read at once.
const PIECE: usize = 64 * 1024;

/// A client.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    stream: S,
    input: Vec<u8>,
    /// The first octet of the input that was not used yet.
    start: usize,
    output: Vec<u8>,
    idle: Duration,
    stop: watch::Receiver<bool>,
}

/// What came instead of a line.
#[derive(Debug)]
pub(crate) enum NoLine {
    /// The line is too long.
    TooLong,
    /// A CR, LF or NUL alone is in the line.
    Stray,
    /// The client was silent for too long.
    Silent,
    /// The server is to end, and the client does not wait for anything.
    Stopped,
    /// The connection is lost or closed.
    Lost(io::Error),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    pub(crate) fn new(stream: S, idle: Duration, stop: watch::Receiver<bool>) -> Self {
        Self { stream, input: Vec::new(), start: 0, output: Vec::new(), idle, stop }
    }

    /// Adds a reply line. It is sent at the latest before the next octet is waited for.
    pub(crate) fn reply(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Sends the replies.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let sent = timeout(self.idle, async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        });
        sent.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        self.output.clear();
        Ok(())
    }

    /// Sends what is left, and closes the connection.
    pub(crate) async fn close(mut self) {
        if self.flush().await.is_ok() {
            let _ = timeout(self.idle, self.stream.shutdown()).await;
        }
    }

    /// The next line, with its CRLF.
    pub(crate) async fn line(&mut self) -> Result<Vec<u8>, NoLine> {
        loop {
            let rest = self.rest();
            if let Some(end) = memchr::memchr(b'\n', rest) {
                let line = rest.get(..=end).unwrap_or_default().to_vec();
                self.start += line.len();
                return match line.strip_suffix(b"\r\n") {
                    _ if line.len() > LINE_MAX => Err(NoLine::TooLong),
                    Some(text) if !text.iter().any(|octet| b"\r\n\0".contains(octet)) => Ok(line),
                    _ => Err(NoLine::Stray),
                };
            }
            if rest.len() >= LINE_MAX {
                return Err(NoLine::TooLong);
            }
            self.flush().await.map_err(NoLine::Lost)?;
            let (idle, mut stop) = (self.idle, self.stop.clone());
            tokio::select! {
                biased;
                _ = stop.wait_for(|stopped| *stopped) => return Err(NoLine::Stopped),
                read = timeout(idle, self.read()) => match read {
                    Err(_) => return Err(NoLine::Silent),
                    Ok(read) => read.map_err(NoLine::Lost)?,
                },
            }
        }
    }

    /// The octets that were received and not used yet.
    pub(crate) fn rest(&self) -> &[u8] {
        self.input.get(self.start..).unwrap_or_default()
    }

    /// Uses so many octets.
    pub(crate) const fn used(&mut self, octets: usize) {
        self.start += octets;
    }

    /// Waits for more octets.
    pub(crate) async fn read(&mut self) -> io::Result<()> {
        self.input.drain(..self.start.min(self.input.len()));
        self.start = 0;
        self.input.reserve(PIECE);
        match self.stream.read_buf(&mut self.input).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Frees what is not needed between messages.
    pub(crate) fn shrink(&mut self) {
        self.input.drain(..self.start.min(self.input.len()));
        self.start = 0;
        self.input.shrink_to(PIECE);
        self.output.shrink_to(PIECE);
    }
}
