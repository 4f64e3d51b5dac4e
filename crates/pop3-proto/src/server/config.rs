//! What the embedder decides for all sessions of a server.

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
    /// The text of the greeting. Default: `POP3 server ready`. It names no product and no version,
    /// as nobody but an attacker acts upon them.
    pub greeting: String,
    /// The argument of the capability IMPLEMENTATION (RFC 2449 section 6.9). Default: none, so that
    /// it is not announced.
    pub implementation: Option<String>,
    /// Whether STLS is offered on a connection without TLS (RFC 2595 section 4). Default: no, as
    /// the core can't know whether there is a certificate.
    pub starttls: bool,
    /// What AUTH offers (RFC 5034), in the order of the announcement. Default: nothing, as the core knows
    /// no mechanism. What holds on one connection only is set by
    /// [`ServerConnection::set_mechanisms`](super::ServerConnection::set_mechanisms).
    pub mechanisms: Vec<OfferedMechanism>,
    /// Whether AUTH without argument lists the mechanisms. Default: yes. No RFC has it; Outlook asks so.
    pub auth_listing: bool,
    /// What UTF8 offers (RFC 6856 section 2). Default: nothing, so that UTF8 is no command.
    pub utf8: Option<Utf8>,
    /// What LANG offers (RFC 6856 section 3); the first is what `LANG *` chooses. Default: nothing, so
    /// that LANG is no command. Until LANG, all texts are English in ASCII.
    pub languages: Vec<Language>,
    /// Whether LAST of RFC 1460 is answered. Default: no, as RFC 1939 has dropped it.
    pub last: bool,
    /// What LOGIN-DELAY announces before the login, and after it where the login brings no value of
    /// its own. Default: none. Enforcing it is the backend's.
    pub login_delay: Option<LoginDelay>,
    /// What EXPIRE announces, like `login_delay`. Default: none.
    pub expire: Option<Expire>,
    /// Whether messages that RETR sent whole are removed at QUIT although the client did not ask for
    /// it (RFC 1939 section 8). Default: no. Announce `EXPIRE 0` with it.
    pub delete_retrieved: bool,
    /// Further lines of CAPA. Default: none. Their tags begin with `X`, as no standard's does
    /// (RFC 2449 section 9): a line whose tag does not, or has a dot, is left out. Octets outside
    /// printable ASCII are not sent.
    pub capabilities: Vec<String>,
    /// The limits.
    pub limits: Limits,
}

/// What the command UTF8 offers (RFC 6856 section 2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Utf8 {
    /// Whether names and passwords of USER, PASS and APOP may be UTF-8, with or without the command
    /// (RFC 6856 section 2.2). Without it they are ASCII.
    pub user: bool,
}

/// Limits of a server's session. All memory that a peer can occupy is bounded by them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most octets of a command line, CRLF included. Default: 1024. RFC 2449 section 4 demands
    /// 255, passwords may be longer. A longer line is answered by one `-ERR` as soon as it is seen to be
    /// longer, and discarded. The caller's input buffer must hold this many octets.
    pub command_line: usize,
    /// How many octets of a line that is too long are discarded beyond its limit; a line that does not end
    /// by then ends the connection, with [`Close::EndlessLine`](super::Close::EndlessLine). Default: 64 KiB.
    pub discarded_line: usize,
    /// The most octets of a line within AUTH, CRLF included: of the command with its initial response,
    /// and of each response. Default: 16 KiB, enough for tokens of 12,288 octets of base64 (RFC 5034
    /// section 4 sets no bound). A longer line is discarded, and ends the exchange. The caller's input
    /// buffer must be able to grow to it.
    pub sasl_line: usize,
    /// How many responses an exchange may have behind its initial one. Default: 8; no mechanism in use
    /// needs more than 3.
    pub sasl_rounds: u32,
    /// How many bad commands (unknown, malformed, in the wrong state) are answered before the login;
    /// the connection is closed with the last. Default: 10. Clients that probe send a few, a web
    /// browser that was led here sends more.
    pub bad_commands_before_login: u32,
    /// How many bad commands in a row are answered after the login. Default: 20.
    pub bad_commands: u32,
    /// How many refused logins end the connection. Default: 3.
    pub failed_logins: u32,
    /// How long the reply to the first refused login is held back, from when the client has sent it; each
    /// further one is held back twice as long. Default: 1 second. A store that is done by then tells
    /// nothing by the time it took.
    pub failure_delay: Duration,
    /// How long a connection may go without login, however busy it is. Default: 60 seconds. This
    /// departs from RFC 1939 section 3, whose 10 minutes name no state, as all servers do.
    pub login_timeout: Duration,
    /// The autologout timer after the login. Default: 10 minutes, the least that RFC 1939 section 3
    /// allows. It starts anew with each command and with all output that the peer takes.
    pub idle_timeout: Duration,
    /// How long the store may take for each thing that is asked of it: a login or a step of AUTH, a message, the next
    /// octets of a message, the removals. Default: 60 seconds. The core has no store and does not look at
    /// this; who serves the connection gives the request up then. Before the login the connection ends
    /// at `login_timeout` all the same.
    pub store_timeout: Duration,
    /// How many octets of output are gathered before they have to be sent. Default: 32 KiB.
    pub high_water: usize,
}

impl ServerConfig {
    /// The defaults.
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

    /// Adds to [`mechanisms`](Self::mechanisms).
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

    /// Adds to [`languages`](Self::languages).
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
    /// UTF-8 in messages, and in names and passwords if `user` says so.
    #[must_use]
    pub const fn new(user: bool) -> Self {
        Self { user }
    }
}

impl Limits {
    /// The defaults.
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

    /// Sets [`command_line`](Self::command_line), at least 255.
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

    /// Sets [`sasl_line`](Self::sasl_line), at least 255.
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
