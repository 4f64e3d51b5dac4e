//! A writer as a receiver of messages.

use std::io;

use pop3_driver::client::Receiver;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Writes messages to any [`AsyncWrite`], such as a file or another connection.
///
/// It flushes the writer at the end of each message. While the writer is not ready, nothing is read from the server.
///
/// ```no_run
/// use pop3_driver::client::Client;
/// use pop3_proto::MessageNumber;
/// use pop3_tokio::{ClientError, Socket, Writer};
///
/// # async fn example(mut client: Client<Socket>, stream: tokio::net::TcpStream) -> Result<(), ClientError> {
/// let mut writer = Writer::new(stream);
/// client.retr(MessageNumber::FIRST, &mut writer).await?;
/// let stream = writer.into_inner();
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Writer<W>(W);

impl<W> Writer<W> {
    /// Creates a receiver that writes to this writer.
    pub const fn new(writer: W) -> Self {
        Self(writer)
    }

    /// Returns the writer.
    pub fn into_inner(self) -> W {
        self.0
    }
}

impl<W: AsyncWrite + Unpin> Receiver for Writer<W> {
    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        self.0.write_all(octets).await
    }

    async fn end(&mut self, _outstanding: usize) -> io::Result<()> {
        self.0.flush().await
    }
}
