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
    NowThePassword = "password required";
    FirstTheName = "send USER first";
    NeedsTls = "TLS is required";
    ApopUnavailable = "APOP is not available";
    TlsActive = "TLS is already active";
    TlsUnavailable = "TLS is not available";
    TlsTooLate = "STLS is allowed only before the login";
    TlsAfterUtf8 = "STLS is not allowed after UTF8";
    BeginTls = "begin TLS negotiation";
    LogInFirst = "log in first";
    LoggedIn = "you are already logged in";
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
    TooManyRounds = "too many messages in the exchange";
    NoUtf8 = "invalid UTF-8";
    Utf8On = "UTF8 mode is on";
    Utf8TooLate = "UTF8 is allowed only before the login";
    Languages = "languages follow";
    LanguageChanged = "language changed";
    UnknownLanguage = "this language is not available";
    Proxied = "client address accepted";
    BadXclient = "malformed attribute";
    EmptyLine = "empty command line";
    UnknownCommand = "unknown command";
    MissingArgument = "missing argument";
    SurplusArgument = "too many arguments";
    InvalidNumber = "no such message: invalid number";
    ControlCharacter = "control character in command";
    NotAscii = "only ASCII is allowed here";
    BadDigest = "the digest must have 32 hexadecimal digits";
    BadMechanism = "invalid mechanism name";
    BadBase64 = "invalid base64";
    BadLanguage = "invalid language tag";
    LineTooLong = "command line too long";
    Credentials = "invalid name or password";
    InUse = "the maildrop is in use by another session";
    LoginDelay = "too soon after the last login";
    NeedsUtf8 = "this message requires the UTF8 command";
}
