//! The blocking client.

use pop3_driver::client::{
    Client as Calls, Credentials, ListingRow, LoginPolicy, Mechanism, OfferedLanguage, Receiver, Refusal,
};
use pop3_driver::tls::TlsInfo;
use pop3_driver::{LoginMethod, Transport, wait};
use pop3_proto::client::Excerpt;
use pop3_proto::listing::DropListing;
use pop3_proto::{Capabilities, Capability, Channel, Extension, LanguageRange, MessageNumber, Octets, Quirk};

use crate::{ClientError, ClientOptions, IncomingMessage, Security, Socket};

/// A connection to a server, after its greeting, with blocking calls.
///
/// This is [`pop3_driver::client::Client`] without futures. The methods are documented there in full; here is only
/// what is different. Nothing needs to be `Send`.
///
/// ```no_run
/// use std::io::{BufRead as _, Write as _};
/// use pop3_std::{Client, ClientOptions, Security};
///
/// # fn example() -> Result<(), Box<dyn core::error::Error>> {
/// let mut client = Client::connect("127.0.0.1", 1110, Security::TrustedPlaintext, ClientOptions::new())?;
/// client.login(b"mrose", b"tanstaaf")?;
/// for (number, _) in client.list()? {
///     for line in client.message(number)?.lines() {
///         println!("{}", line?);
///     }
/// }
/// client.quit()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Client<T = Socket> {
    calls: Calls<T>,
}

impl Client {
    /// Connects to a server, does the TLS handshake as requested, and waits for the greeting.
    ///
    /// # Errors
    /// See [`ClientError`]. No name and no password was sent.
    pub fn connect(
        host: &str,
        port: u16,
        security: Security,
        options: ClientOptions,
    ) -> Result<Self, ClientError> {
        crate::connect(host, port, security, options).map(Self::from)
    }
}

impl<T> From<Calls<T>> for Client<T> {
    fn from(calls: Calls<T>) -> Self {
        Self { calls }
    }
}

impl<T> From<Client<T>> for Calls<T> {
    fn from(client: Client<T>) -> Self {
        client.calls
    }
}

/// Each method does the same as the method with that name in [`pop3_driver::client::Client`], and fails with the same
/// errors.
#[expect(clippy::missing_errors_doc, reason = "each call fails as the one that it waits for, which says how")]
impl<T: Transport> Client<T> {
    /// Logs in with the best method that the server and the credentials support.
    pub fn login_with(
        &mut self,
        credentials: &Credentials,
        policy: &LoginPolicy,
    ) -> Result<LoginMethod, ClientError> {
        wait(self.calls.login_with(credentials, policy))
    }

    /// Logs in with USER and PASS.
    pub fn login(&mut self, name: &[u8], password: &[u8]) -> Result<(), ClientError> {
        wait(self.calls.login(name, password))
    }

    /// Logs in with APOP. Needs the feature `md5`, which is on by default. Without it, the call fails with
    /// [`ClientError::Unusable`] and sends nothing.
    pub fn login_apop(&mut self, name: &[u8], secret: &[u8]) -> Result<(), ClientError> {
        wait(self.calls.login_apop(name, secret))
    }

    /// Logs in with AUTH and this mechanism.
    pub fn authenticate(
        &mut self,
        mechanism: Mechanism,
        credentials: &Credentials,
    ) -> Result<(), ClientError> {
        wait(self.calls.authenticate(mechanism, credentials))
    }

    /// Asks for the capabilities (CAPA).
    pub fn capabilities(&mut self) -> Result<Option<Capabilities>, ClientError> {
        wait(self.calls.capabilities())
    }

    /// Enters UTF8 mode if the server announces it. Returns whether the mode is on.
    pub fn utf8(&mut self) -> Result<bool, ClientError> {
        wait(self.calls.utf8())
    }

    /// Chooses the language for the texts of replies. Returns the tag of the language that the server has chosen.
    pub fn lang(&mut self, range: LanguageRange<'_>) -> Result<String, ClientError> {
        wait(self.calls.lang(range))
    }

    /// Returns the languages that the server supports.
    pub fn languages(&mut self) -> Result<Vec<OfferedLanguage>, ClientError> {
        wait(self.calls.languages())
    }

    /// Returns the number of messages and their total size in octets, as the server counts them (STAT).
    pub fn stat(&mut self) -> Result<DropListing, ClientError> {
        wait(self.calls.stat())
    }

    /// Returns the size of each message in octets, as the server counts it (LIST).
    pub fn list(&mut self) -> Result<Vec<(MessageNumber, Octets)>, ClientError> {
        wait(self.calls.list())
    }

    /// Calls a function with the size of each message, as each line of LIST arrives.
    pub fn list_each(&mut self, take: impl FnMut(MessageNumber, Octets)) -> Result<(), ClientError> {
        wait(self.calls.list_each(take))
    }

    /// Returns the size of one message in octets, as the server counts it (`LIST n`).
    pub fn list_one(&mut self, message: MessageNumber) -> Result<Octets, ClientError> {
        wait(self.calls.list_one(message))
    }

    /// Returns the unique-ids of all messages (UIDL).
    pub fn uidl(&mut self) -> Result<Vec<(MessageNumber, Vec<u8>)>, ClientError> {
        wait(self.calls.uidl())
    }

    /// Calls a function with the unique-id of each message, as each line of UIDL arrives.
    pub fn uidl_each(&mut self, take: impl FnMut(MessageNumber, &[u8])) -> Result<(), ClientError> {
        wait(self.calls.uidl_each(take))
    }

    /// Asks for both listings (LIST and UIDL), with pipelining if the server supports it. Returns for each whether the
    /// server refused it.
    pub fn list_and_uidl_each(
        &mut self,
        take: impl FnMut(ListingRow<'_>),
    ) -> Result<[Result<(), Refusal>; 2], ClientError> {
        wait(self.calls.list_and_uidl_each(take))
    }

    /// Returns the unique-id of one message (`UIDL n`).
    pub fn uidl_one(&mut self, message: MessageNumber) -> Result<Vec<u8>, ClientError> {
        wait(self.calls.uidl_one(message))
    }

    /// Returns the highest message number accessed (LAST, RFC 1460).
    pub fn last(&mut self) -> Result<Option<MessageNumber>, ClientError> {
        wait(self.calls.last())
    }

    /// Fetches a message (RETR) piece by piece.
    pub fn message(&mut self, message: MessageNumber) -> Result<IncomingMessage<'_, T>, ClientError> {
        wait(self.calls.message(message)).map(IncomingMessage::new)
    }

    /// Fetches the header of a message and this many lines of its body (TOP) piece by piece.
    pub fn top(&mut self, message: MessageNumber, lines: u64) -> Result<IncomingMessage<'_, T>, ClientError> {
        wait(self.calls.top(message, lines)).map(IncomingMessage::new)
    }

    /// Fetches a message (RETR), passes it to a receiver, and returns its size in octets. Every
    /// [`Write`](std::io::Write) is a receiver.
    pub fn retr(
        &mut self,
        message: MessageNumber,
        receiver: &mut (impl Receiver + ?Sized),
    ) -> Result<Octets, ClientError> {
        wait(self.calls.retr(message, receiver))
    }

    /// Fetches messages in the given order, with pipelining if the server supports it.
    pub fn retr_all(
        &mut self,
        messages: &[MessageNumber],
        receiver: &mut (impl Receiver + ?Sized),
    ) -> Result<(), ClientError> {
        wait(self.calls.retr_all(messages, receiver))
    }

    /// Fetches messages as [`retr_all`](Self::retr_all) does, and verifies behind them that replies and commands are
    /// in step.
    pub fn retr_all_in_step(
        &mut self,
        messages: &[MessageNumber],
        receiver: &mut (impl Receiver + ?Sized),
    ) -> Result<(), ClientError> {
        wait(self.calls.retr_all_in_step(messages, receiver))
    }

    /// Verifies that replies and commands are in step (NOOP and STAT).
    pub fn verify_step(&mut self) -> Result<(), ClientError> {
        wait(self.calls.verify_step())
    }

    /// Marks a message as deleted (DELE). The server removes it at [`quit`](Self::quit).
    pub fn dele(&mut self, message: MessageNumber) -> Result<(), ClientError> {
        wait(self.calls.dele(message))
    }

    /// Marks messages as deleted (DELE). Returns the messages that the server refused to mark.
    pub fn dele_all(
        &mut self,
        messages: &[MessageNumber],
    ) -> Result<Vec<(MessageNumber, Refusal)>, ClientError> {
        wait(self.calls.dele_all(messages))
    }

    /// Marks messages as deleted (DELE) and ends the session (QUIT), with pipelining if the server supports it.
    /// `refused` is called for each message that the server refused to mark.
    pub fn dele_all_and_quit(
        self,
        messages: &[MessageNumber],
        refused: impl FnMut(MessageNumber, Refusal),
    ) -> Result<(), ClientError> {
        wait(self.calls.dele_all_and_quit(messages, refused))
    }

    /// Does nothing except restart the autologout timer of the server (NOOP).
    pub fn noop(&mut self) -> Result<(), ClientError> {
        wait(self.calls.noop())
    }

    /// Removes all deletion marks (RSET).
    pub fn rset(&mut self) -> Result<(), ClientError> {
        wait(self.calls.rset())
    }

    /// Sends a command that this crate does not know. Returns the text of the positive reply and the data after it.
    pub fn extension(&mut self, command: Extension<'_>) -> Result<(Vec<u8>, Vec<u8>), ClientError> {
        wait(self.calls.extension(command))
    }

    /// Discards the rest of a message that was dropped. Each call does this first.
    pub fn drain(&mut self) -> Result<(), ClientError> {
        wait(self.calls.drain())
    }

    /// Ends the session (QUIT). The server removes the messages marked as deleted, and the connection is closed.
    ///
    /// Some servers also remove messages that they have started to send. If a message could not be stored and must
    /// not be lost, drop the client instead.
    pub fn quit(self) -> Result<(), ClientError> {
        wait(self.calls.quit())
    }

    /// Returns the text of the greeting as the server sent it. Escape it before you show it.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        self.calls.greeting()
    }

    /// Returns whether the greeting has a timestamp for APOP.
    #[must_use]
    pub fn offers_apop(&self) -> bool {
        self.calls.offers_apop()
    }

    /// Returns the capabilities that the last [`capabilities`](Self::capabilities) or the login received.
    #[must_use]
    pub const fn known_capabilities(&self) -> Option<&Capabilities> {
        self.calls.known_capabilities()
    }

    /// Returns whether the server is known to have this capability.
    #[must_use]
    pub fn has(&self, capability: Capability<'_>) -> bool {
        self.calls.has(capability)
    }

    /// Returns whether the server has accepted a login.
    #[must_use]
    pub const fn is_logged_in(&self) -> bool {
        self.calls.is_logged_in()
    }

    /// Returns how the user has logged in.
    #[must_use]
    pub const fn login_method(&self) -> Option<LoginMethod> {
        self.calls.login_method()
    }

    /// Returns the ways in which the server has departed from the protocol so far, each once.
    #[must_use]
    pub fn quirks(&self) -> &[Quirk] {
        self.calls.quirks()
    }

    /// Returns whether no reply is due and no unexpected octets have arrived.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.calls.is_quiet()
    }

    /// Returns the received octets that are not consumed yet.
    #[must_use]
    pub fn surplus(&self) -> Excerpt {
        self.calls.surplus()
    }

    /// Returns how the connection is protected.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.calls.channel()
    }

    /// Returns the result of the TLS handshake, if the connection is in TLS.
    #[must_use]
    pub fn tls(&self) -> Option<TlsInfo> {
        self.calls.tls()
    }
}
