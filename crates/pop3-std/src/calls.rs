//! A client that blocks.

use pop3_driver::client::{
    Client as Calls, Credentials, LoginPolicy, Mechanism, OfferedLanguage, Receiver, Refusal,
};
use pop3_driver::tls::TlsInfo;
use pop3_driver::{LoginMethod, Transport, wait};
use pop3_proto::client::Excerpt;
use pop3_proto::listing::DropListing;
use pop3_proto::{Capabilities, Capability, Channel, Extension, LanguageRange, MessageNumber, Octets, Quirk};

use crate::{ClientError, ClientOptions, IncomingMessage, Security, Socket};

/// A connection to a server, after its greeting, with calls that block.
///
/// It is [`pop3_driver::client::Client`] without futures. Its calls say only what is different; what they do,
/// and how they fail, is told there. Nothing needs to be `Send`.
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
    /// Connects to a server, does the TLS handshake as asked for, and waits for the greeting.
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

/// Each call is that of the same name in the driver, see there for what is not said here.
#[expect(clippy::missing_errors_doc, reason = "each call fails as the one that it waits for, which says how")]
impl<T: Transport> Client<T> {
    /// Logs in by the best way that the server and the credentials have.
    pub fn login_with(
        &mut self,
        credentials: &Credentials,
        policy: &LoginPolicy,
    ) -> Result<LoginMethod, ClientError> {
        wait(self.calls.login_with(credentials, policy))
    }

    /// Logs in by USER and PASS.
    pub fn login(&mut self, name: &[u8], password: &[u8]) -> Result<(), ClientError> {
        wait(self.calls.login(name, password))
    }

    /// Logs in by APOP. Needs the feature `md5`, which is on by default; without it the error is
    /// [`ClientError::Unusable`], and nothing is sent.
    pub fn login_apop(&mut self, name: &[u8], secret: &[u8]) -> Result<(), ClientError> {
        wait(self.calls.login_apop(name, secret))
    }

    /// Logs in by AUTH with this mechanism.
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

    /// Enters UTF8 mode, if the server announces it.
    pub fn utf8(&mut self) -> Result<bool, ClientError> {
        wait(self.calls.utf8())
    }

    /// Chooses the language of the texts of replies.
    pub fn lang(&mut self, range: LanguageRange<'_>) -> Result<String, ClientError> {
        wait(self.calls.lang(range))
    }

    /// The languages that the server has.
    pub fn languages(&mut self) -> Result<Vec<OfferedLanguage>, ClientError> {
        wait(self.calls.languages())
    }

    /// How many messages there are, and how many octets (STAT).
    pub fn stat(&mut self) -> Result<DropListing, ClientError> {
        wait(self.calls.stat())
    }

    /// The sizes of all messages by the server's count (LIST).
    pub fn list(&mut self) -> Result<Vec<(MessageNumber, Octets)>, ClientError> {
        wait(self.calls.list())
    }

    /// Hands over the size of each message as its line of LIST comes.
    pub fn list_each(&mut self, take: impl FnMut(MessageNumber, Octets)) -> Result<(), ClientError> {
        wait(self.calls.list_each(take))
    }

    /// The size of one message by the server's count (`LIST n`).
    pub fn list_one(&mut self, message: MessageNumber) -> Result<Octets, ClientError> {
        wait(self.calls.list_one(message))
    }

    /// The unique-ids of all messages (UIDL).
    pub fn uidl(&mut self) -> Result<Vec<(MessageNumber, Vec<u8>)>, ClientError> {
        wait(self.calls.uidl())
    }

    /// Hands over the unique-id of each message as its line of UIDL comes.
    pub fn uidl_each(&mut self, take: impl FnMut(MessageNumber, &[u8])) -> Result<(), ClientError> {
        wait(self.calls.uidl_each(take))
    }

    /// The unique-id of one message (`UIDL n`).
    pub fn uidl_one(&mut self, message: MessageNumber) -> Result<Vec<u8>, ClientError> {
        wait(self.calls.uidl_one(message))
    }

    /// The highest message number accessed (LAST of RFC 1460).
    pub fn last(&mut self) -> Result<Option<MessageNumber>, ClientError> {
        wait(self.calls.last())
    }

    /// Fetches a message (RETR), to be read as it comes.
    pub fn message(&mut self, message: MessageNumber) -> Result<IncomingMessage<'_, T>, ClientError> {
        wait(self.calls.message(message)).map(IncomingMessage::new)
    }

    /// Fetches the header of a message and this many lines of its body (TOP), to be read as it comes.
    pub fn top(&mut self, message: MessageNumber, lines: u64) -> Result<IncomingMessage<'_, T>, ClientError> {
        wait(self.calls.top(message, lines)).map(IncomingMessage::new)
    }

    /// Fetches a message (RETR) into a receiver, such as anything that is [`Write`](std::io::Write), and returns how
    /// many octets it has.
    pub fn retr(
        &mut self,
        message: MessageNumber,
        receiver: &mut (impl Receiver + ?Sized),
    ) -> Result<Octets, ClientError> {
        wait(self.calls.retr(message, receiver))
    }

    /// Fetches messages in the order given, in a pipeline if the server has one.
    pub fn retr_all(
        &mut self,
        messages: &[MessageNumber],
        receiver: &mut (impl Receiver + ?Sized),
    ) -> Result<(), ClientError> {
        wait(self.calls.retr_all(messages, receiver))
    }

    /// Marks a message as deleted (DELE). It is removed by [`quit`](Self::quit).
    pub fn dele(&mut self, message: MessageNumber) -> Result<(), ClientError> {
        wait(self.calls.dele(message))
    }

    /// Marks messages as deleted (DELE), and returns those that the server refused to mark.
    pub fn dele_all(
        &mut self,
        messages: &[MessageNumber],
    ) -> Result<Vec<(MessageNumber, Refusal)>, ClientError> {
        wait(self.calls.dele_all(messages))
    }

    /// Does nothing, but starts the server's autologout timer anew (NOOP).
    pub fn noop(&mut self) -> Result<(), ClientError> {
        wait(self.calls.noop())
    }

    /// Removes all marks (RSET).
    pub fn rset(&mut self) -> Result<(), ClientError> {
        wait(self.calls.rset())
    }

    /// Sends a command that this crate does not know.
    pub fn extension(&mut self, command: Extension<'_>) -> Result<(Vec<u8>, Vec<u8>), ClientError> {
        wait(self.calls.extension(command))
    }

    /// Takes what is left of a message that was dropped. Each call does this first.
    pub fn drain(&mut self) -> Result<(), ClientError> {
        wait(self.calls.drain())
    }

    /// Ends the session (QUIT): the messages marked as deleted are removed, and the connection is closed.
    ///
    /// Some servers remove what they have begun to send as well. If a message could not be stored and must not be
    /// lost, drop the client instead.
    pub fn quit(self) -> Result<(), ClientError> {
        wait(self.calls.quit())
    }

    /// The text of the greeting: the server's octets, to be escaped before they are shown.
    #[must_use]
    pub fn greeting(&self) -> &[u8] {
        self.calls.greeting()
    }

    /// Whether the greeting has a timestamp for APOP.
    #[must_use]
    pub fn offers_apop(&self) -> bool {
        self.calls.offers_apop()
    }

    /// The list of the last [`capabilities`](Self::capabilities), or of the login.
    #[must_use]
    pub const fn known_capabilities(&self) -> Option<&Capabilities> {
        self.calls.known_capabilities()
    }

    /// Whether the server is known to have this capability.
    #[must_use]
    pub fn has(&self, capability: Capability<'_>) -> bool {
        self.calls.has(capability)
    }

    /// Whether the server has accepted a login.
    #[must_use]
    pub const fn is_logged_in(&self) -> bool {
        self.calls.is_logged_in()
    }

    /// How the user has logged in.
    #[must_use]
    pub const fn login_method(&self) -> Option<LoginMethod> {
        self.calls.login_method()
    }

    /// In what the server has departed from the protocol so far, each once.
    #[must_use]
    pub fn quirks(&self) -> &[Quirk] {
        self.calls.quirks()
    }

    /// Whether nothing is due from the server, and nothing has come that was not asked for.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.calls.is_quiet()
    }

    /// What has come that is not taken up yet.
    #[must_use]
    pub fn surplus(&self) -> Excerpt {
        self.calls.surplus()
    }

    /// What carries the connection.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        self.calls.channel()
    }

    /// What TLS has agreed on, if the connection is in TLS.
    #[must_use]
    pub fn tls(&self) -> Option<TlsInfo> {
        self.calls.tls()
    }
}
