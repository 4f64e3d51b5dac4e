//! The commands of a client in its model, and the replies of a server to them.

use pop3_proto::{Keyword, ReplyShape};

/// What a client can be told to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    User,
    Pass,
    Apop,
    /// AUTH with a password, with or without an initial response.
    Plain(bool),
    /// AUTH with a mechanism that reveals no secret.
    Sealed,
    AuthList,
    Capa,
    Stls,
    Utf8,
    Lang,
    Xclient,
    Stat,
    List,
    ListOne,
    Uidl,
    Retr,
    Top,
    Dele,
    Noop,
    Rset,
    Last,
    /// A command that the client does not know, with a reply of one line or of many.
    Extension(bool),
    Quit,
}

impl Order {
    pub(crate) const ALL: [Self; 25] = [
        Self::User,
        Self::Pass,
        Self::Apop,
        Self::Plain(false),
        Self::Plain(true),
        Self::Sealed,
        Self::AuthList,
        Self::Capa,
        Self::Stls,
        Self::Utf8,
        Self::Lang,
        Self::Xclient,
        Self::Stat,
        Self::List,
        Self::ListOne,
        Self::Uidl,
        Self::Retr,
        Self::Top,
        Self::Dele,
        Self::Noop,
        Self::Rset,
        Self::Last,
        Self::Extension(false),
        Self::Extension(true),
        Self::Quit,
    ];

    /// The line without its end.
    pub(crate) const fn line(self) -> &'static str {
        match self {
            Self::User => "USER mrose",
            Self::Pass => "PASS tanstaaf",
            Self::Apop => "APOP mrose c4c9334bac560ecc979e58001b3e22fb",
            Self::Plain(false) => "AUTH PLAIN",
            Self::Plain(true) => "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm",
            Self::Sealed => "AUTH CRAM-MD5",
            Self::AuthList => "AUTH",
            Self::Capa => "CAPA",
            Self::Stls => "STLS",
            Self::Utf8 => "UTF8",
            Self::Lang => "LANG",
            Self::Xclient => "XCLIENT ADDR=192.0.2.1",
            Self::Stat => "STAT",
            Self::List => "LIST",
            Self::ListOne => "LIST 2",
            Self::Uidl => "UIDL",
            Self::Retr => "RETR 1",
            Self::Top => "TOP 1 0",
            Self::Dele => "DELE 1",
            Self::Noop => "NOOP",
            Self::Rset => "RSET",
            Self::Last => "LAST",
            Self::Extension(false) => "XONE",
            Self::Extension(true) => "XMANY",
            Self::Quit => "QUIT",
        }
    }

    pub(crate) const fn keyword(self) -> Keyword {
        match self {
            Self::User => Keyword::User,
            Self::Pass => Keyword::Pass,
            Self::Apop => Keyword::Apop,
            Self::Plain(_) | Self::Sealed => Keyword::Auth,
            Self::AuthList => Keyword::AuthList,
            Self::Capa => Keyword::Capa,
            Self::Stls => Keyword::Stls,
            Self::Utf8 => Keyword::Utf8,
            Self::Lang => Keyword::Lang,
            Self::Xclient => Keyword::Xclient,
            Self::Stat => Keyword::Stat,
            Self::List | Self::ListOne => Keyword::List,
            Self::Uidl => Keyword::Uidl,
            Self::Retr => Keyword::Retr,
            Self::Top => Keyword::Top,
            Self::Dele => Keyword::Dele,
            Self::Noop => Keyword::Noop,
            Self::Rset => Keyword::Rset,
            Self::Last => Keyword::Last,
            Self::Extension(_) => Keyword::Extension,
            Self::Quit => Keyword::Quit,
        }
    }

    /// What follows the first line of a positive reply.
    pub(crate) fn shape(self) -> ReplyShape {
        if matches!(self, Self::Retr | Self::Top) {
            ReplyShape::Body
        } else if self.yes(false).len() > 1 {
            ReplyShape::Lines
        } else {
            ReplyShape::Line
        }
    }

    /// A positive reply, line by line; the last line of a longer one is the dot.
    pub(crate) fn yes(self, pipelining: bool) -> Vec<&'static str> {
        match self {
            Self::Stat => vec!["+OK 2 320"],
            Self::ListOne => vec!["+OK 2 200"],
            Self::Last => vec!["+OK 1"],
            Self::List => vec!["+OK", "1 120", "2 200", "."],
            Self::Uidl => vec!["+OK", "1 abc", "2 def", "."],
            Self::Retr | Self::Top => vec!["+OK", "Subject: x", "", "..", "..+OK", "-ERR", "."],
            Self::Capa if pipelining => vec!["+OK", "TOP", "UIDL", "USER", "PIPELINING", "."],
            Self::Capa => vec!["+OK", "TOP", "UIDL", "USER", "."],
            Self::AuthList => vec!["+OK", "PLAIN", "CRAM-MD5", "."],
            Self::Lang => vec!["+OK", "en English", "."],
            Self::Extension(true) => vec!["+OK", "one", "..two", "."],
            Self::User
            | Self::Pass
            | Self::Apop
            | Self::Plain(_)
            | Self::Sealed
            | Self::Stls
            | Self::Utf8
            | Self::Xclient
            | Self::Dele
            | Self::Noop
            | Self::Rset
            | Self::Extension(false)
            | Self::Quit => vec!["+OK fine"],
        }
    }
}
