//! A model of a POP3 server: the correct reply to each command, and what is left in the store.
//!
//! It is written from the RFCs and not from the core: RFC 1939, 2449 (CAPA), 2595 (STLS), 3206 (AUTH), 5034 (AUTH), 6856
//! (UTF8, LANG), and what Dovecot documents of XCLIENT. It knows no octets of a connection, no limits and no buffers:
//! a client says one thing after the other, and the maildrop is a vector of messages.

mod expected;
mod right;
mod rules;
mod said;

pub use expected::{Expected, Texts, check_line};
pub use right::right;
pub use said::{Client, NAME, NONSENSE, PASSWORD, RANGES, Response, Said, Sasl, TIMESTAMP, Who};

use core::time::Duration;

use crate::store::Message;

/// How long a session may last before the login, and be quiet after it, in seconds (RFC 1939 section 3).
pub const AUTOLOGOUT: u64 = 600;

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the three kinds of channels")]
pub enum Privacy {
    /// Anyone can read it.
    None,
    /// Nobody else can read it, although there is no TLS.
    Trusted,
    /// TLS.
    Tls,
}

/// What a server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the tests create it")]
pub struct Setup {
    /// How the connection begins.
    pub privacy: Privacy,
    /// STLS.
    pub stls: bool,
    /// APOP.
    pub apop: bool,
    /// The mechanisms of AUTH, in the order of the announcement.
    pub sasl: &'static [Sasl],
    /// UTF8.
    pub utf8: bool,
    /// UTF-8 in names and passwords, if UTF8 is offered.
    pub utf8_names: bool,
    /// LANG, with German and English.
    pub lang: bool,
    /// LAST of RFC 1460.
    pub last: bool,
    /// The peer is a trusted proxy, so XCLIENT is accepted.
    pub proxy: bool,
    /// `EXPIRE 0`: QUIT removes the messages that RETR sent.
    pub expires: bool,
}

/// What goes wrong in the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the faults of the store of the tests")]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// Another session has the lock.
    InUse,
    /// No message can be opened.
    Unreadable,
    /// At QUIT, this many messages can't be removed: the last ones.
    Stuck(usize),
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "without limits there are no other reasons")]
pub enum End {
    /// QUIT was answered.
    Quit,
    /// The client has said nothing for too long.
    TimedOut,
    /// The client has left.
    Left,
}

/// A server with one user, and a session on it.
#[derive(Clone, Debug)]
pub struct Model {
    setup: Setup,
    /// The messages in the store, in order of delivery.
    store: Vec<Message>,
    trouble: Trouble,
    session: Session,
}

/// A session.
#[derive(Clone, Debug)]
struct Session {
    phase: Phase,
    /// Whether the connection is in TLS.
    tls: bool,
    /// The proxy has told whom it speaks for.
    proxied: bool,
    /// The client has sent UTF8.
    utf8: bool,
    /// The client has selected a language.
    texts: Texts,
    /// STLS was accepted, and the client has not waited for the reply: what it says is not heard.
    deaf: bool,
    /// The name from USER.
    named: Option<Who>,
    /// For how many seconds the session was quiet; before the login, for how many it lasts.
    quiet: u64,
}

/// The states of RFC 1939, and the exchange of AUTH.
#[derive(Clone, Debug)]
enum Phase {
    Authorization,
    /// An exchange waits for this message of the client, from 0.
    Exchange {
        sasl: Sasl,
        message: usize,
        /// A message before was wrong, which is told at the end.
        spoilt: bool,
    },
    Transaction(Maildrop),
    Over(End),
}

/// The maildrop of a session.
#[derive(Clone, Debug)]
struct Maildrop {
    messages: Vec<Message>,
    deleted: Vec<bool>,
    retrieved: Vec<bool>,
    /// The highest number accessed.
    highest: usize,
}

impl Model {
    /// A server with these messages, and a session that has begun.
    #[must_use]
    pub fn new(setup: Setup, store: Vec<Message>) -> Self {
        Self { setup, store, trouble: Trouble::None, session: Session::new(setup) }
    }

    /// What the server offers.
    #[must_use]
    pub const fn setup(&self) -> Setup {
        self.setup
    }

    /// The messages in the store.
    #[must_use]
    pub fn store(&self) -> &[Message] {
        &self.store
    }

    /// What goes wrong in the store.
    #[must_use]
    pub const fn trouble(&self) -> Trouble {
        self.trouble
    }

    /// Why the session is over, if it is.
    #[must_use]
    pub const fn end(&self) -> Option<End> {
        if let Phase::Over(end) = self.session.phase { Some(end) } else { None }
    }

    /// Whether the user is logged in.
    #[must_use]
    pub const fn is_logged_in(&self) -> bool {
        matches!(self.session.phase, Phase::Transaction(_))
    }

    /// Which message of which exchange the server waits for.
    #[must_use]
    pub const fn exchange(&self) -> Option<(Sasl, usize)> {
        if let Phase::Exchange { sasl, message, .. } = self.session.phase {
            Some((sasl, message))
        } else {
            None
        }
    }

    /// The name that waits for its password.
    #[must_use]
    pub const fn named(&self) -> Option<Who> {
        self.session.named
    }

    /// Whether the connection is in TLS.
    #[must_use]
    pub const fn is_tls(&self) -> bool {
        self.session.tls
    }

    /// Whether the client has sent UTF8.
    #[must_use]
    pub const fn is_utf8(&self) -> bool {
        self.session.utf8
    }

    /// Which octets the texts of replies may have.
    #[must_use]
    pub const fn texts(&self) -> Texts {
        self.session.texts
    }

    /// Whether what the client says now is thrown away, because it came in clear text after STLS.
    #[must_use]
    pub const fn is_deaf(&self) -> bool {
        self.session.deaf
    }

    /// A message arrives. A session that has begun does not see it.
    pub fn deliver(&mut self, message: Message) {
        self.store.push(message);
    }

    /// Something goes wrong in the store from now on.
    pub const fn go_wrong(&mut self, trouble: Trouble) {
        self.trouble = trouble;
    }

    /// The client has waited for all replies, and the TLS handshake if there was one.
    pub const fn waited(&mut self) {
        self.session.deaf = false;
    }

    /// Time passes, and the client says nothing.
    pub fn pass(&mut self, time: Duration) {
        self.session.quiet += time.as_secs();
        if self.session.quiet >= AUTOLOGOUT {
            self.finish(End::TimedOut);
        }
    }

    /// The client leaves without QUIT.
    pub fn leave(&mut self) {
        self.finish(End::Left);
    }

    /// Another session begins.
    pub fn connect(&mut self) {
        self.leave();
        self.session = Session::new(self.setup);
    }

    fn finish(&mut self, end: End) {
        if self.end().is_none() {
            self.session.phase = Phase::Over(end);
        }
    }
}

impl Session {
    const fn new(setup: Setup) -> Self {
        Self {
            phase: Phase::Authorization,
            tls: matches!(setup.privacy, Privacy::Tls),
            proxied: false,
            utf8: false,
            texts: Texts::Ascii,
            deaf: false,
            named: None,
            quiet: 0,
        }
    }
}
