//! The settings that apply to all sessions of a server.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::language::Language;
use super::mechanism::OfferedMechanism;
use crate::capability::{Expire, LoginDelay};

/// The settings of a server's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerConfig {
    /// The text of the greeting. Default: `POP3 server ready`. The default names no product or version, because only
    /// an attacker would use that information.
    pub greeting: String,
    /// The argument of the capability IMPLEMENTATION (RFC 2449 section 6.9). Default: none, and the capability is not
    /// announced.
    pub implementation: Option<String>,
    /// Whether STLS is offered on a connection without TLS (RFC 2595 section 4). Default: `false`, because this crate
    /// does not know whether you have a certificate.
    pub starttls: bool,
    /// The mechanisms that AUTH offers (RFC 5034), in the order in which they are announced. Default: none, because
    /// this crate implements no mechanisms. For mechanisms that depend on the connection, use
    /// [`ServerConnection::set_mechanisms`](super::ServerConnection::set_mechanisms).
    pub mechanisms: Vec<OfferedMechanism>,
    /// Whether AUTH without an argument lists the mechanisms. Default: `true`. This is in no RFC, but Outlook uses
    /// it.
    pub auth_listing: bool,
    /// What the command UTF8 offers (RFC 6856 section 2). Default: nothing, and UTF8 is an unknown command.
    pub utf8: Option<Utf8>,
    /// The languages that LANG offers (RFC 6856 section 3). `LANG *` selects the first one. Default: none, and LANG
    /// is an unknown command. Until the client sends LANG, all texts are English in ASCII.
    pub languages: Vec<Language>,
    /// Whether LAST (RFC 1460) is answered. Default: `false`, because RFC 1939 removed the command.
    pub last: bool,
    /// The LOGIN-DELAY to announce before the login, and after it if the login does not set a value for the user.
    /// Default: none. The store must enforce it.
    pub login_delay: Option<LoginDelay>,
    /// The EXPIRE to announce, before and after the login as for `login_delay`. Default: none.
    pub expire: Option<Expire>,
    /// Whether QUIT removes the messages that RETR sent completely, even if the client did not delete them (RFC 1939
    /// section 8). Default: `false`. If you set this, announce `EXPIRE 0`.
    pub delete_retrieved: bool,
    /// More lines for CAPA. Default: none. Each must begin with a tag that begins with `X`, because standard tags
    /// never do (RFC 2449 section 9). A line with another tag, or with a dot in its tag, is left out. Octets outside
    /// printable ASCII are not sent.
    pub capabilities: Vec<String>,
    /// The limits.
    pub limits: Limits,
}

/// What the command UTF8 offers (RFC 6856 section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Utf8 {
    /// Whether names and passwords in USER, PASS and APOP may be UTF-8, whether or not the client has sent UTF8 (RFC
    /// 6856 section 2.2). If not, they must be ASCII.
    pub user: bool,
}

/// The limits of a server's session. They bound all memory that a client can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum length of a command line in octets, including CRLF. Default: 1024. RFC 2449 section 4 requires
    /// 255, but passwords may be longer. A longer line gets one `-ERR` as soon as the limit is exceeded, and is
    /// discarded. The caller's input buffer must be able to hold this many octets.
    pub command_line: usize,
    /// How many octets of a line are discarded after it exceeds its limit. If the line does not end within these, the
    /// connection ends with [`Close::EndlessLine`](super::Close::EndlessLine). Default: 64 KiB.
    pub discarded_line: usize,
    /// The maximum length of a line of AUTH in octets, including CRLF. It applies to the command with its initial
    /// response and to each later response. Default: 16 KiB, enough for tokens with 12,288 octets of base64 (RFC 5034
    /// section 4 sets no limit). A longer line is discarded and ends the exchange. The caller's input buffer must be
    /// able to grow to this size.
    pub sasl_line: usize,
    /// How many responses an exchange may have after the initial one. Default: 8. No mechanism in use needs more than
    /// 3.
    pub sasl_rounds: u32,
    /// How many bad commands (unknown, malformed, or in the wrong state) are answered before the login. The
    /// connection is closed after the reply to the last of them. Default: 10. Some clients send a few to find out
    /// what the server supports. A web browser that was directed to this port sends more.
    pub bad_commands_before_login: u32,
    /// How many bad commands in a row are answered after the login. The connection is closed after the reply to the
    /// last of them. Default: 20.
    pub bad_commands: u32,
    /// How many refused logins end the connection. Default: 3.
    pub failed_logins: u32,
    /// How long the reply to the first refused login is delayed. Each further refusal doubles the delay. Default: 1
    /// second. The delay starts when the client has sent its last line, so a store that decides within it reveals
    /// nothing by the time it takes.
    pub failure_delay: Duration,
    /// How long a connection may last without a login, even if it is busy. Default: 60 seconds. RFC 1939 section 3
    /// requires at least 10 minutes, without regard to the state, but servers in general allow less time before the
    /// login.
    pub login_timeout: Duration,
    /// The autologout timer after the login. Default: 10 minutes, the minimum in RFC 1939 section 3. Each command and
    /// all output that the peer accepts restart it.
    pub idle_timeout: Duration,
    /// How long the store may take for each request: a login or a step of AUTH, a message, the next octets of a
    /// message, or the removal of messages. Default: 60 seconds. This crate does not use this value. The code that
    /// serves the connection must give up the request after this time. Before the login, the connection still ends at
    /// `login_timeout`.
    pub store_timeout: Duration,
    /// How many octets of output are collected before they must be sent. Default: 32 KiB.
    pub high_water: usize,
}

impl ServerConfig {
    /// Returns the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`greeting`](Self::greeting).
    #[must_use]
    pub fn with_greeting(mut self, text: impl Into<String>) -> Self {
        self.greeting = text.into();
        self
    }

    /// Sets [`implementation`](Self::implementation).
    #[must_use]
    pub fn with_implementation(mut self, text: impl Into<String>) -> Self {
        self.implementation = Some(text.into());
        self
    }

    /// Sets [`starttls`](Self::starttls).
    #[must_use]
    pub const fn with_starttls(mut self, offered: bool) -> Self {
        self.starttls = offered;
        self
    }

    /// Adds a mechanism to [`mechanisms`](Self::mechanisms).
    #[must_use]
    pub fn with_mechanism(mut self, mechanism: OfferedMechanism) -> Self {
        self.mechanisms.push(mechanism);
        self
    }

    /// Sets [`auth_listing`](Self::auth_listing).
    #[must_use]
    pub const fn with_auth_listing(mut self, listing: bool) -> Self {
        self.auth_listing = listing;
        self
    }

    /// Sets [`utf8`](Self::utf8).
    #[must_use]
    pub const fn with_utf8(mut self, utf8: Utf8) -> Self {
        self.utf8 = Some(utf8);
        self
    }

    /// Adds a language to [`languages`](Self::languages).
    #[must_use]
    pub fn with_language(mut self, language: Language) -> Self {
        self.languages.push(language);
        self
    }

    /// Sets [`last`](Self::last).
    #[must_use]
    pub const fn with_last(mut self, answered: bool) -> Self {
        self.last = answered;
        self
    }

    /// Sets [`login_delay`](Self::login_delay).
    #[must_use]
    pub const fn with_login_delay(mut self, delay: LoginDelay) -> Self {
        self.login_delay = Some(delay);
        self
    }

    /// Sets [`expire`](Self::expire).
    #[must_use]
    pub const fn with_expire(mut self, expire: Expire) -> Self {
        self.expire = Some(expire);
        self
    }

    /// Sets [`delete_retrieved`](Self::delete_retrieved).
    #[must_use]
    pub const fn with_delete_retrieved(mut self, delete: bool) -> Self {
        self.delete_retrieved = delete;
        self
    }

    /// Adds a line to [`capabilities`](Self::capabilities).
    #[must_use]
    pub fn with_capability(mut self, line: impl Into<String>) -> Self {
        self.capabilities.push(line.into());
        self
    }

    /// Sets [`limits`](Self::limits).
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            greeting: "POP3 server ready".into(),
            implementation: None,
            starttls: false,
            mechanisms: Vec::new(),
            auth_listing: true,
            utf8: None,
            languages: Vec::new(),
            last: false,
            login_delay: None,
            expire: None,
            delete_retrieved: false,
            capabilities: Vec::new(),
            limits: Limits::default(),
        }
    }
}

impl Utf8 {
    /// Creates an offer of UTF-8 in messages, and in names and passwords if `user` is true.
    #[must_use]
    pub const fn new(user: bool) -> Self {
        Self { user }
    }
}

impl Limits {
    /// Returns the default limits.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            command_line: 1024,
            discarded_line: 64 * 1024,
            sasl_line: 16 * 1024,
            sasl_rounds: 8,
            bad_commands_before_login: 10,
            bad_commands: 20,
            failed_logins: 3,
            failure_delay: Duration::from_secs(1),
            login_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(600),
            store_timeout: Duration::from_secs(60),
            high_water: 32 * 1024,
        }
    }

    /// Sets [`command_line`](Self::command_line). Values below 255 become 255.
    #[must_use]
    pub fn with_command_line(mut self, octets: usize) -> Self {
        self.command_line = octets.max(255);
        self
    }

    /// Sets [`discarded_line`](Self::discarded_line).
    #[must_use]
    pub const fn with_discarded_line(mut self, octets: usize) -> Self {
        self.discarded_line = octets;
        self
    }

    /// Sets [`sasl_line`](Self::sasl_line). Values below 255 become 255.
    #[must_use]
    pub fn with_sasl_line(mut self, octets: usize) -> Self {
        self.sasl_line = octets.max(255);
        self
    }

    /// Sets [`sasl_rounds`](Self::sasl_rounds).
    #[must_use]
    pub const fn with_sasl_rounds(mut self, responses: u32) -> Self {
        self.sasl_rounds = responses;
        self
    }

    /// Sets [`bad_commands_before_login`](Self::bad_commands_before_login).
    #[must_use]
    pub const fn with_bad_commands_before_login(mut self, commands: u32) -> Self {
        self.bad_commands_before_login = commands;
        self
    }

    /// Sets [`bad_commands`](Self::bad_commands).
    #[must_use]
    pub const fn with_bad_commands(mut self, commands: u32) -> Self {
        self.bad_commands = commands;
        self
    }

    /// Sets [`failed_logins`](Self::failed_logins).
    #[must_use]
    pub const fn with_failed_logins(mut self, logins: u32) -> Self {
        self.failed_logins = logins;
        self
    }

    /// Sets [`failure_delay`](Self::failure_delay).
    #[must_use]
    pub const fn with_failure_delay(mut self, delay: Duration) -> Self {
        self.failure_delay = delay;
        self
    }

    /// Sets [`login_timeout`](Self::login_timeout).
    #[must_use]
    pub const fn with_login_timeout(mut self, timeout: Duration) -> Self {
        self.login_timeout = timeout;
        self
    }

    /// Sets [`idle_timeout`](Self::idle_timeout).
    #[must_use]
    pub const fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// Sets [`store_timeout`](Self::store_timeout).
    #[must_use]
    pub const fn with_store_timeout(mut self, timeout: Duration) -> Self {
        self.store_timeout = timeout;
        self
    }

    /// Sets [`high_water`](Self::high_water).
    #[must_use]
    pub const fn with_high_water(mut self, octets: usize) -> Self {
        self.high_water = octets;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::new()
    }
}
