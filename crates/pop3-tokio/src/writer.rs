//! A writer of tokio's as a receiver of messages.

use std::io;

use pop3_driver::client::Receiver;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Writes messages to anything that is [`AsyncWrite`]: a file, another connection.
///
/// It is flushed at the end of each message. Nothing is read from the server while the writer takes nothing.
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
    /// A receiver that writes here.
    pub const fn new(writer: W) -> Self {
        Self(writer)
    }

    /// The writer.
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
