//! The messages of a store that are sent, with another header for clients without UTF8.

use core::fmt;
use std::io::{self, Cursor, Read as _};

use pop3_driver::backend::StoredMessage;
use pop3_surrogate::{HeaderScan, surrogate};

use crate::boxed::BoxFuture;

/// The longest header that is converted, in octets of the stored form.
const HEADER_MAX: usize = 1 << 20;

/// The content of a message in a store: any [`StoredMessage`].
pub struct MaildropMessage {
    content: Box<dyn Content>,
    eight_bit_header: bool,
}

/// A stored message whose type is not known.
trait Content: Send {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    fn chunk(&mut self) -> BoxFuture<'_, io::Result<&[u8]>>;
}

impl<M: StoredMessage> Content for M {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        StoredMessage::try_read(self, buffer)
    }

    fn chunk(&mut self) -> BoxFuture<'_, io::Result<&[u8]>> {
        Box::pin(StoredMessage::chunk(self))
    }
}

impl MaildropMessage {
    /// Creates it. For a message in memory, pass an [`io::Cursor`].
    pub fn new(content: impl StoredMessage + 'static) -> Self {
        Self { content: Box::new(content), eight_bit_header: false }
    }

    /// Sets whether the header has octets that are not ASCII. The server then converts it if the client
    /// [does not understand](super::MaildropLogin::ascii_headers) such a header. Default: no.
    #[must_use]
    pub fn with_eight_bit_header(self, eight_bit_header: bool) -> Self {
        Self { eight_bit_header, ..self }
    }
}

impl fmt::Debug for MaildropMessage {
    /// Without the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let eight_bit = &self.eight_bit_header;
        f.debug_struct("MaildropMessage").field("eight_bit_header", eight_bit).finish_non_exhaustive()
    }
}

/// Why a message has no header in ASCII.
#[derive(Debug)]
pub(crate) enum HeaderFault {
    /// It is too long.
    TooLong,
    Io(io::Error),
}

impl From<io::Error> for HeaderFault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A message as it is sent.
pub(crate) struct Outgoing {
    /// What comes before the rest of the content.
    front: Cursor<Vec<u8>>,
    content: Box<dyn Content>,
    /// The header, if it is to be converted and was not read to its end yet.
    header: Option<HeaderScan>,
}

impl Outgoing {
    /// The message with the header that it has, or with one in ASCII.
    pub(crate) fn new(message: MaildropMessage, ascii_headers: bool) -> Self {
        let header = (ascii_headers && message.eight_bit_header).then(HeaderScan::new);
        Self { front: Cursor::default(), content: message.content, header }
    }

    /// Converts the header without waiting for anything, if that is possible. Returns whether the message can be sent.
    pub(crate) fn try_convert(&mut self) -> Result<bool, HeaderFault> {
        let mut buffer = [0; 4_096];
        while self.header.is_some() {
            match self.content.try_read(&mut buffer) {
                Ok(count) => self.add(buffer.get(..count).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }

    /// Converts the header.
    pub(crate) async fn convert(&mut self) -> Result<(), HeaderFault> {
        while !self.try_convert()? {
            let chunk = self.content.chunk().await?.to_vec();
            self.add(&chunk)?;
        }
        Ok(())
    }

    /// Takes the next octets to the front, or converts the header if they end it.
    fn add(&mut self, octets: &[u8]) -> Result<(), HeaderFault> {
        let Some(scan) = &mut self.header else { return Ok(()) };
        self.front.get_mut().extend_from_slice(octets);
        scan.update(octets);
        if scan.octets() > HEADER_MAX {
            return Err(HeaderFault::TooLong);
        }
        if scan.is_complete() || octets.is_empty() {
            let (header, rest) = self.front.get_ref().split_at(scan.octets());
            let mut front = surrogate(header);
            front.extend_from_slice(rest);
            (self.front, self.header) = (Cursor::new(front), None);
        }
        Ok(())
    }
}

impl StoredMessage for Outgoing {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.front.read(buffer)? {
            0 => self.content.try_read(buffer),
            count => Ok(count),
        }
    }

    async fn chunk(&mut self) -> io::Result<&[u8]> {
        let at = usize::try_from(self.front.position()).unwrap_or(usize::MAX);
        if at >= self.front.get_ref().len() {
            return self.content.chunk().await;
        }
        StoredMessage::chunk(&mut self.front).await
    }
}

impl fmt::Debug for Outgoing {
    /// Without the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing").field("front", &self.front.get_ref().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use pop3_driver::wait;

    use super::*;

    /// A message that comes in pieces of so many octets, and never on the spot.
    struct Pieces(Vec<u8>, usize, Vec<u8>);

    impl StoredMessage for Pieces {
        async fn chunk(&mut self) -> io::Result<&[u8]> {
            let rest = self.0.split_off(self.1.min(self.0.len()));
            self.2 = core::mem::replace(&mut self.0, rest);
            Ok(&self.2)
        }
    }

    fn all(message: MaildropMessage, ascii: bool) -> Result<Vec<u8>, HeaderFault> {
        let mut outgoing = Outgoing::new(message, ascii);
        wait(outgoing.convert())?;
        let mut octets = Vec::new();
        loop {
            let chunk = wait(StoredMessage::chunk(&mut outgoing))?;
            if chunk.is_empty() {
                return Ok(octets);
            }
            octets.extend_from_slice(chunk);
        }
    }

    #[test]
    fn a_header_is_converted_however_it_comes() {
        let stored = "Subject: Gr\u{fc}\u{df}e\n\nK\u{f6}rper\n".as_bytes();
        let sent = "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\n\nK\u{f6}rper\n".as_bytes();
        for size in 1..=stored.len() {
            let message = |eight_bit| {
                let pieces = Pieces(stored.to_vec(), size, Vec::new());
                MaildropMessage::new(pieces).with_eight_bit_header(eight_bit)
            };
            assert_eq!(all(message(true), true).unwrap(), sent, "{size}");
            for (eight_bit, ascii) in [(false, true), (true, false)] {
                assert_eq!(all(message(eight_bit), ascii).unwrap(), stored, "{size}");
            }
        }
        let message = MaildropMessage::new(Cursor::new(stored.to_vec())).with_eight_bit_header(true);
        let mut outgoing = Outgoing::new(message, true);
        assert!(outgoing.try_convert().unwrap());
        let mut octets = [0; 100];
        let count = StoredMessage::try_read(&mut outgoing, &mut octets).unwrap();
        assert!(sent.starts_with(&octets[..count]) && count > 0);
    }

    #[test]
    fn a_message_may_be_a_header_without_end() {
        let message = Cursor::new("Subject: \u{fc}".as_bytes());
        let message = MaildropMessage::new(message).with_eight_bit_header(true);
        assert_eq!(all(message, true).unwrap(), surrogate("Subject: \u{fc}".as_bytes()));
    }

    #[test]
    fn a_header_that_is_too_long_is_not_converted() {
        let message = |octets: usize| {
            let mut header = "Subject: \u{fc}".as_bytes().to_vec();
            header.resize(octets - 2, b'x');
            header.extend_from_slice(b"\n\n");
            MaildropMessage::new(Pieces(header, 100_000, Vec::new())).with_eight_bit_header(true)
        };
        assert!(all(message(HEADER_MAX), true).is_ok());
        assert!(matches!(all(message(HEADER_MAX + 1), true), Err(HeaderFault::TooLong)));
    }
}
