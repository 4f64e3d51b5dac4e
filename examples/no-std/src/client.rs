//! A client that fetches every message, with octets in and octets out.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::error::Error;

use bytes::BytesMut;
use pop3_proto::client::{ClientConfig, ClientConnection, ClientEvent, ReplyItem};
use pop3_proto::{Channel, Command, Input, Instant, MessageNumber, Name, Password};

#[derive(Debug, Clone, Copy)]
enum Awaited {
    Greeting,
    User,
    Pass,
    List,
    Message,
    Quit,
    Nothing,
}

/// One session that fetches all messages and deletes none.
#[derive(Debug)]
pub struct Client {
    connection: ClientConnection,
    user: &'static [u8],
    password: &'static [u8],
    awaited: Awaited,
    listed: Vec<MessageNumber>,
    messages: Vec<Vec<u8>>,
    /// Octets that were received but not consumed: the start of a line.
    pending: Vec<u8>,
}

impl Client {
    /// A client for one session over a link that needs no TLS.
    #[must_use]
    pub fn new(user: &'static [u8], password: &'static [u8], now: Instant) -> Self {
        Self {
            connection: ClientConnection::new(ClientConfig::default(), Channel::TrustedPlaintext, now),
            user,
            password,
            awaited: Awaited::Greeting,
            listed: Vec::new(),
            messages: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// Receives octets, and returns the octets to send.
    ///
    /// # Errors
    /// If the server refuses a command or breaks the protocol. In this case, close the link.
    pub fn receive(&mut self, octets: &[u8], now: Instant) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut out = BytesMut::new();
        self.pending.extend_from_slice(octets);
        let received = core::mem::take(&mut self.pending);
        let mut input = Input::new(&received);
        while self.is_open() {
            let event = self.connection.poll(now, &mut input)?;
            if event.reply().is_some_and(|reply| !reply.is_positive()) {
                return Err("the server refused a command".into());
            }
            if let Some(ReplyItem::Scan(listing)) = event.entry() {
                self.listed.push(listing.message);
            }
            if let (ClientEvent::Data(octets), Some(message)) = (event, self.messages.last_mut()) {
                message.extend_from_slice(octets);
            }
            if matches!(event, ClientEvent::Read) {
                break;
            }
            if event.ends_reply() {
                self.next(now, &mut out)?;
            }
        }
        self.pending.extend_from_slice(received.get(input.consumed()..).unwrap_or_default());
        Ok(out.to_vec())
    }

    /// Returns whether the session continues. If not, close the link.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        !matches!(self.awaited, Awaited::Nothing)
    }

    /// The messages fetched so far. While the session is open, the last one may be incomplete.
    #[must_use]
    pub fn messages(&self) -> &[Vec<u8>] {
        &self.messages
    }

    /// A reply is complete: sends the next command.
    fn next(&mut self, now: Instant, out: &mut BytesMut) -> Result<(), Box<dyn Error>> {
        let (command, awaited) = match self.awaited {
            Awaited::Greeting => (Command::User(Name::parse(self.user)?), Awaited::User),
            Awaited::User => (Command::Pass(Password::parse(self.password)?), Awaited::Pass),
            Awaited::Pass => (Command::List(None), Awaited::List),
            Awaited::List | Awaited::Message => match self.listed.get(self.messages.len()) {
                Some(&message) => {
                    self.messages.push(Vec::new());
                    (Command::Retr(message), Awaited::Message)
                }
                None => (Command::Quit, Awaited::Quit),
            },
            Awaited::Quit | Awaited::Nothing => {
                self.awaited = Awaited::Nothing;
                return Ok(());
            }
        };
        self.connection.send(&command, now, out)?;
        self.awaited = awaited;
        Ok(())
    }
}
