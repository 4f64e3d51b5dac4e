//! The settings that apply to all sessions of a server.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::language::Language;
use super::mechanism::OfferedMechanism;
use crate::capability::{Expire, LoginDelay};

/// The settings of a server's sessions.
///
/// ```
/// use core::time::Duration;
/// use pop3_proto::server::ServerConfig;
///
/// let mut config = ServerConfig::default();
/// config.starttls = true;
/// config.limits.idle_timeout = Duration::from_secs(1800);
/// ```
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
    /// Whether the command UTF8 is offered (RFC 6856 section 2). Default: `false`, and UTF8 is an unknown command.
    pub utf8: bool,
    /// Whether names and passwords in USER, PASS and APOP may be UTF-8, whether or not the client has sent UTF8 (RFC
    /// 6856 section 2.2). It only has an effect together with `utf8`. Default: `false`, and they must be ASCII.
    pub utf8_user: bool,
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

/// The limits of a server's session. They bound all memory that a client can use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The maximum length of a command line in octets, including CRLF. Default: 1024. RFC 2449 section 4 requires
    /// 255, but passwords may be longer. A longer line gets one `-ERR` as soon as the limit is exceeded, and is
    /// discarded. The caller's input buffer must be able to hold this many octets. A value below 255 counts as 255.
    pub command_line: usize,
    /// How many octets of a line are discarded after it exceeds its limit. If the line does not end within these, the
    /// connection ends with [`Close::EndlessLine`](super::Close::EndlessLine). Default: 64 KiB.
    pub discarded_line: usize,
    /// The maximum length of a line of AUTH in octets, including CRLF. It applies to the command with its initial
    /// response and to each later response. Default: 16 KiB, enough for tokens with 12,288 octets of base64 (RFC 5034
    /// section 4 sets no limit). A longer line is discarded and ends the exchange. The caller's input buffer must be
    /// able to grow to this size. A value below [`command_line`](Self::command_line) or 255 counts as the larger of them.
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

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            greeting: "POP3 server ready".into(),
            implementation: None,
            starttls: false,
            mechanisms: Vec::new(),
            auth_listing: true,
            utf8: false,
            utf8_user: false,
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

impl ServerConfig {
    /// Whether names and passwords may be UTF-8.
    pub(super) const fn takes_utf8_names(&self) -> bool {
        self.utf8 && self.utf8_user
    }
}

impl Default for Limits {
    fn default() -> Self {
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
}
