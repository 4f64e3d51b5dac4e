//! What the server says for people to read, all in one place, so that it can be translated.

use crate::{CommandError, Rejection};

macro_rules! texts {
    ($($name:ident = $text:literal;)*) => {
        $(pub(super) const $name: &str = $text;)*

        /// All texts of the server's replies in English, as [`Language::texts`](super::Language::texts)
        /// finds their translations. Numbers stand where `{}` is. What a backend says of its own in a
        /// [`Rejection`], and the greeting, are not among them.
        pub const TEXTS: &[&str] = &[$($name,)*
            CommandError::Empty.text(),
            CommandError::Unknown.text(),
            CommandError::Missing.text(),
            CommandError::Surplus.text(),
            CommandError::Number.text(),
            CommandError::Control.text(),
            CommandError::EightBit.text(),
            CommandError::Digest.text(),
            CommandError::Mechanism.text(),
            CommandError::Base64.text(),
            CommandError::Language.text(),
            CommandError::TooLong.text(),
            Rejection::CREDENTIALS,
            Rejection::IN_USE,
            Rejection::LOGIN_DELAY,
            Rejection::UTF8,
        ];
    };
}

texts! {
    BYE = "bye";
    NOT_REMOVED = "some deleted messages not removed";
    NOW_THE_PASSWORD = "now the password";
    FIRST_THE_NAME = "first the name";
    NEEDS_TLS = "this needs TLS";
    APOP_UNAVAILABLE = "APOP is not available";
    TLS_ACTIVE = "TLS is active already";
    TLS_UNAVAILABLE = "TLS is not available";
    TLS_TOO_LATE = "TLS can be begun only before the login";
    TLS_AFTER_UTF8 = "TLS can't be begun after UTF8";
    BEGIN_TLS = "begin TLS negotiation";
    LOG_IN_FIRST = "log in first";
    LOGGED_IN = "you are logged in already";
    NOTHING_DONE = "nothing done";
    RESET = "no message is marked as deleted";
    MARKED = "marked as deleted";
    NO_SUCH_MESSAGE = "no such message";
    IS_MARKED = "this message is marked as deleted";
    MAILDROP = "maildrop has {} messages ({} octets)";
    LISTING = "{} messages ({} octets)";
    OCTETS = "{} octets";
    TOP = "top of message follows";
    CAPABILITIES = "capability list follows";
    MECHANISMS = "mechanisms follow";
    UNKNOWN_MECHANISM = "this mechanism is not available";
    CANCELLED = "the exchange was cancelled";
    TOO_MANY_ROUNDS = "the exchange is too long";
    NO_UTF8 = "this is not UTF-8";
    UTF8_ON = "UTF-8 from here on";
    UTF8_TOO_LATE = "UTF8 can be begun only before the login";
    LANGUAGES = "languages follow";
    LANGUAGE_CHANGED = "language changed";
    UNKNOWN_LANGUAGE = "this language is not available";
    PROXIED = "noted";
    BAD_XCLIENT = "malformed attribute";
}
