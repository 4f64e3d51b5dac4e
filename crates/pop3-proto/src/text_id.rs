//! The texts that a server sends for people to read. They are all in this file, so that they can be translated.

macro_rules! texts {
    ($($name:ident = $text:literal;)*) => {
        /// The id of a text in a server's replies. Translations refer to it, so an English text can be reworded
        /// without losing its translations.
        ///
        /// The greeting and the texts that a store passes in a [`Rejection`](crate::Rejection) have no id.
        ///
        /// ```
        /// use pop3_proto::TextId;
        /// for id in TextId::ALL {
        ///     assert_eq!(TextId::from_name(id.name()), Some(*id));
        /// }
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
        #[non_exhaustive]
        pub enum TextId {
            $(#[doc = concat!("In English: `", $text, "`.")] $name,)*
        }

        impl TextId {
            /// All ids.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Returns the English text. Each `{}` stands for a number.
            #[must_use]
            pub const fn english(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// Returns the name of the id, for use in a file of translations. It does not change when the text is
            /// reworded.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }
        }
    };
}

impl TextId {
    /// Returns the id with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|id| id.name() == name)
    }
}

texts! {
    Bye = "bye";
    NotRemoved = "some deleted messages not removed";
    NowThePassword = "now the password";
    FirstTheName = "first the name";
    NeedsTls = "this needs TLS";
    ApopUnavailable = "APOP is not available";
    TlsActive = "TLS is active already";
    TlsUnavailable = "TLS is not available";
    TlsTooLate = "TLS can be begun only before the login";
    TlsAfterUtf8 = "TLS can't be begun after UTF8";
    BeginTls = "begin TLS negotiation";
    LogInFirst = "log in first";
    LoggedIn = "you are logged in already";
    NothingDone = "nothing done";
    Reset = "no message is marked as deleted";
    Marked = "marked as deleted";
    NoSuchMessage = "no such message";
    IsMarked = "this message is marked as deleted";
    Maildrop = "maildrop has {} messages ({} octets)";
    Listing = "{} messages ({} octets)";
    Octets = "{} octets";
    Top = "top of message follows";
    Capabilities = "capability list follows";
    Mechanisms = "mechanisms follow";
    UnknownMechanism = "this mechanism is not available";
    Cancelled = "the exchange was cancelled";
    TooManyRounds = "the exchange is too long";
    NoUtf8 = "this is not UTF-8";
    Utf8On = "UTF-8 from here on";
    Utf8TooLate = "UTF8 can be begun only before the login";
    Languages = "languages follow";
    LanguageChanged = "language changed";
    UnknownLanguage = "this language is not available";
    Proxied = "noted";
    BadXclient = "malformed attribute";
    EmptyLine = "empty command line";
    UnknownCommand = "unknown command";
    MissingArgument = "missing argument";
    SurplusArgument = "too many arguments";
    InvalidNumber = "no such message: invalid number";
    ControlCharacter = "control character in command";
    NotAscii = "only ASCII is allowed here";
    BadDigest = "the digest is 32 hexadecimal digits";
    BadMechanism = "this is no name of a mechanism";
    BadBase64 = "this is no base64";
    BadLanguage = "this is no language tag";
    LineTooLong = "command line too long";
    Credentials = "invalid name or password";
    InUse = "the maildrop is in use by another session";
    LoginDelay = "too soon after the last login";
    NeedsUtf8 = "this message needs the command UTF8";
}
