//! What a client of the model says: one line at a time.

/// The name of the only user, in the stores of the tests too.
pub const NAME: &str = "mrose";
/// The password of the only user.
pub const PASSWORD: &str = "tanstaaf";
/// The timestamp in the greeting of a server with APOP.
pub const TIMESTAMP: &str = "<1.2@h>";
/// The MD5 digest of the timestamp and the password.
const DIGEST: &str = "323eb9ce02dcece90f9be6dd03b90dea";

/// A name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "what a name can be for a server with one user")]
pub enum Who {
    /// The only user.
    User,
    /// Nobody's name.
    Stranger,
    /// Nobody's name, with UTF-8 in it.
    Foreigner,
}

/// A SASL mechanism.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "one of each kind that the frame of AUTH has to distinguish")]
pub enum Sasl {
    /// One message of the client with the password.
    Plain,
    /// Two messages of the client with the password, after the prompts of the server.
    Login,
    /// A challenge of the server, and one message of the client.
    CramMd5,
    /// Three messages of the client, the last one empty.
    ScramSha1,
    /// One message of the client, only under TLS.
    External,
    /// It never ends: each message is answered by a challenge.
    Endless,
    /// A mechanism that the server does not offer.
    Unknown,
}

/// The content of a line in which a client sends base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "what the frame of AUTH has to distinguish")]
pub enum Response {
    /// What logs the user in, as the message with this number, from 0.
    Right(Sasl, usize),
    /// Base64, but not what the server waits for.
    Wrong,
    /// Nothing.
    Empty,
    /// Not base64.
    NotBase64,
}

/// Ranges of languages that clients ask for.
pub const RANGES: [&str; 5] = ["*", "de", "EN-us", "fr", "d--e"];

/// The attributes of XCLIENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "known, unknown, malformed")]
pub enum Client {
    /// A client with an address.
    Known,
    /// A client without an address, whom the server does not believe.
    Unknown,
    /// A malformed address.
    Malformed,
}

/// Lines that are no commands, and commands with the wrong arguments.
pub const NONSENSE: [&str; 26] = [
    "",
    " ",
    "XYZZY",
    "NO",
    "NOOPX",
    "NOOP x",
    "STAT 1",
    "LIST 0",
    "LIST x",
    "LIST 1 2",
    "RETR",
    "RETR -1",
    "DELE",
    "DELE +1",
    "TOP 1",
    "TOP 1 -1",
    "TOP 1 1 1",
    "USER",
    "USER a\tb",
    "PASS",
    "APOP mrose abc",
    "CAPA x",
    "RSET\t",
    "QUIT 1",
    "AUTH PLAIN !",
    "UTF8 x",
];

/// One line of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the command it is named after")]
#[expect(clippy::exhaustive_enums, reason = "the model must not compile when there is a new one")]
pub enum Said {
    User(Who),
    /// Whether the password is that of the user.
    Pass(bool),
    /// Whether the digest is that of the user.
    Apop(Who, bool),
    Auth(Sasl, Option<Response>),
    AuthList,
    Capa,
    Stls,
    Utf8,
    /// One of [`RANGES`].
    Lang(Option<usize>),
    Xclient(Client),
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Retr(u32),
    Top(u32, u64),
    Dele(u32),
    Noop,
    Rset,
    Last,
    Quit,
    /// A line with the response to a challenge.
    Respond(Response),
    /// The line that cancels an exchange.
    Cancel,
    /// One of [`NONSENSE`].
    Nonsense(usize),
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::User => NAME,
            Self::Stranger => "nobody",
            Self::Foreigner => "jos\u{e9}",
        }
    }
}

impl Sasl {
    /// All mechanisms.
    pub const ALL: [Self; 7] = [
        Self::Plain,
        Self::Login,
        Self::CramMd5,
        Self::ScramSha1,
        Self::External,
        Self::Endless,
        Self::Unknown,
    ];

    /// The name of the mechanism.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
            Self::CramMd5 => "CRAM-MD5",
            Self::ScramSha1 => "SCRAM-SHA-1",
            Self::External => "EXTERNAL",
            Self::Endless => "X-ENDLESS",
            Self::Unknown => "GSSAPI",
        }
    }

    /// How many messages of the client a login takes.
    #[must_use]
    pub const fn messages(self) -> usize {
        match self {
            Self::Plain | Self::CramMd5 | Self::External => 1,
            Self::Login => 2,
            Self::ScramSha1 => 3,
            Self::Endless | Self::Unknown => 0,
        }
    }
}

impl Response {
    /// The text.
    fn text(self) -> &'static str {
        match self {
            Self::Right(sasl, message) => super::right(sasl, message),
            Self::Wrong => "d3Jvbmc=",
            Self::Empty => "",
            Self::NotBase64 => "no=base64",
        }
    }
}

impl Said {
    /// The line without its end.
    #[must_use]
    pub fn text(&self) -> String {
        let numbered = |word: &str, number: &Option<u32>| match number {
            None => word.to_owned(),
            Some(number) => format!("{word} {number}"),
        };
        match self {
            Self::User(who) => format!("USER {}", who.name()),
            Self::Pass(right) => format!("PASS {}", if *right { PASSWORD } else { "secret" }),
            Self::Apop(who, true) => format!("APOP {} {DIGEST}", who.name()),
            Self::Apop(who, false) => format!("APOP {} {}", who.name(), "0".repeat(32)),
            Self::Auth(sasl, None) => format!("AUTH {}", sasl.name()),
            // RFC 5034 section 4: an initial response without octets is written as `=`.
            Self::Auth(sasl, Some(response)) if response.text().is_empty() => {
                format!("AUTH {} =", sasl.name())
            }
            Self::Auth(sasl, Some(response)) => format!("AUTH {} {}", sasl.name(), response.text()),
            Self::AuthList => "AUTH".to_owned(),
            Self::Capa => "CAPA".to_owned(),
            Self::Stls => "STLS".to_owned(),
            Self::Utf8 => "UTF8".to_owned(),
            Self::Lang(None) => "LANG".to_owned(),
            Self::Lang(Some(range)) => format!("LANG {}", RANGES[*range]),
            Self::Xclient(Client::Known) => "XCLIENT ADDR=192.0.2.1 PORT=4711".to_owned(),
            Self::Xclient(Client::Unknown) => "XCLIENT PORT=4711".to_owned(),
            Self::Xclient(Client::Malformed) => "XCLIENT ADDR=x".to_owned(),
            Self::Stat => "STAT".to_owned(),
            Self::List(number) => numbered("LIST", number),
            Self::Uidl(number) => numbered("UIDL", number),
            Self::Retr(number) => format!("RETR {number}"),
            Self::Top(number, lines) => format!("TOP {number} {lines}"),
            Self::Dele(number) => format!("DELE {number}"),
            Self::Noop => "NOOP".to_owned(),
            Self::Rset => "RSET".to_owned(),
            Self::Last => "LAST".to_owned(),
            Self::Quit => "QUIT".to_owned(),
            Self::Respond(response) => response.text().to_owned(),
            Self::Cancel => "*".to_owned(),
            Self::Nonsense(place) => NONSENSE[*place].to_owned(),
        }
    }

    /// The line with its CRLF.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        format!("{}\r\n", self.text()).into_bytes()
    }
}

/// Whether octets are base64 with its padding (RFC 4648 section 4).
pub(super) fn is_base64(text: &[u8]) -> bool {
    let padding = text.iter().rev().take_while(|octet| **octet == b'=').count();
    let digits = &text[..text.len() - padding];
    text.len().is_multiple_of(4)
        && padding <= 2
        && digits.iter().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'/'))
}
