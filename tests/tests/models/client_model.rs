//! A model of a POP3 client: what may be sent when, and which reply belongs to which command.
//!
//! It is written from RFC 1939, RFC 2449 section 6.6 (PIPELINING), RFC 2595 section 4 (STLS), RFC 5034 section 4 (AUTH)
//! and RFC 6856 section 2 (UTF8).

use std::collections::VecDeque;

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

    /// What follows a positive reply.
    pub(crate) const fn shape(self) -> ReplyShape {
        match self {
            Self::AuthList | Self::Capa | Self::Lang | Self::List | Self::Uidl | Self::Extension(true) => {
                ReplyShape::Lines
            }
            Self::Retr | Self::Top => ReplyShape::Body,
            Self::User
            | Self::Pass
            | Self::Apop
            | Self::Plain(_)
            | Self::Sealed
            | Self::Stls
            | Self::Utf8
            | Self::Xclient
            | Self::Stat
            | Self::ListOne
            | Self::Dele
            | Self::Noop
            | Self::Rset
            | Self::Last
            | Self::Extension(false)
            | Self::Quit => ReplyShape::Line,
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

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Greeting,
    Authorization,
    Challenged,
    Transaction,
    Closing,
    Over,
}

/// What a client must report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Greeting(bool),
    Reply(Keyword, bool),
    Challenge,
    /// This many lines of a listing.
    Lines(usize),
    Data(Vec<u8>),
    End(Keyword),
    StartTls,
    Closed,
    Failed,
}

/// What a server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    Challenge,
    /// A line that is none of these.
    Noise,
}

/// A client.
#[derive(Clone, Debug)]
pub(crate) struct ClientModel {
    /// It ends the connection at the first departure from the protocol.
    pub(crate) strict: bool,
    pub(crate) phase: Phase,
    /// Whether a password may be sent.
    pub(crate) private: bool,
    pub(crate) tls: bool,
    /// The commands without a complete reply, the oldest first.
    pub(crate) outstanding: VecDeque<Order>,
    /// Whether the last CAPA announced PIPELINING, if there was one since TLS began.
    pub(crate) listed: Option<bool>,
    /// USER was accepted, and nothing was sent since.
    named: bool,
    /// UTF8 was sent.
    utf8: bool,
    /// The exchange of AUTH was cancelled.
    cancelled: bool,
    /// The server has asked for nothing in this exchange, and got nothing.
    unheard: bool,
}

impl ClientModel {
    pub(crate) const fn new(strict: bool, private: bool, tls: bool) -> Self {
        Self {
            strict,
            phase: Phase::Greeting,
            private,
            tls,
            outstanding: VecDeque::new(),
            listed: None,
            named: false,
            utf8: false,
            cancelled: false,
            unheard: false,
        }
    }

    /// Whether the client may send this now.
    pub(crate) fn may_send(&self, order: Order) -> bool {
        use Order::{
            Apop, AuthList, Capa, Dele, Extension, Lang, Last, List, ListOne, Noop, Pass, Plain, Quit, Retr,
            Rset, Sealed, Stat, Stls, Top, Uidl, User, Utf8, Xclient,
        };
        let waits = !self.outstanding.is_empty();
        match self.phase {
            Phase::Greeting | Phase::Challenged | Phase::Closing | Phase::Over => false,
            // Nothing is pipelined before the login.
            Phase::Authorization if waits => false,
            Phase::Authorization => match order {
                User | Apop | Plain(_) => self.private,
                Pass => self.private && self.named,
                Stls => !self.tls && !self.utf8,
                Sealed | AuthList | Capa | Utf8 | Lang | Xclient | Extension(_) | Quit => true,
                Stat | List | ListOne | Uidl | Retr | Top | Dele | Noop | Rset | Last => false,
            },
            Phase::Transaction if waits && self.listed != Some(true) => false,
            Phase::Transaction => match order {
                Stat | List | ListOne | Uidl | Retr | Top | Dele | Noop | Rset | Last | Capa | Lang
                | Extension(_) | Quit => true,
                User | Pass | Apop | Plain(_) | Sealed | AuthList | Stls | Utf8 | Xclient => false,
            },
        }
    }

    /// It is sent.
    pub(crate) fn sent(&mut self, order: Order) {
        self.outstanding.push_back(order);
        self.named = false;
        self.utf8 |= order == Order::Utf8;
        if order.keyword() == Keyword::Auth {
            (self.cancelled, self.unheard) = (false, order != Order::Plain(true));
        }
        if order == Order::Quit {
            self.phase = Phase::Closing;
        }
    }

    /// The client responds to a challenge, or cancels.
    pub(crate) fn respond(&mut self, cancels: bool) {
        self.phase = Phase::Authorization;
        self.cancelled = cancels;
    }

    /// The server says this, with a departure from the protocol or without, and about PIPELINING in a list of
    /// capabilities. Returns what the client must report.
    pub(crate) fn hear(&mut self, answer: Answer, odd: bool, pipelining: bool) -> Vec<Told> {
        if self.phase == Phase::Over {
            return Vec::new();
        }
        let yes = answer == Answer::Yes;
        if answer == Answer::Noise || (odd && self.strict) {
            return self.fail();
        }
        if self.phase == Phase::Greeting {
            return match answer {
                Answer::Yes => {
                    self.phase = Phase::Authorization;
                    vec![Told::Greeting(true)]
                }
                Answer::No => {
                    self.phase = Phase::Over;
                    vec![Told::Greeting(false), Told::Closed]
                }
                Answer::Challenge | Answer::Noise => self.fail(),
            };
        }
        // Nobody has asked.
        let Some(order) = self.outstanding.front().copied().filter(|_| self.phase != Phase::Challenged)
        else {
            return self.fail();
        };
        let keyword = order.keyword();
        let auth = keyword == Keyword::Auth;
        // A success before anything was said is none; some servers mean a challenge by it.
        let challenge = answer == Answer::Challenge || (auth && self.unheard && yes);
        if challenge {
            if !auth || self.cancelled || (self.strict && yes) {
                return self.fail();
            }
            self.unheard = false;
            self.phase = Phase::Challenged;
            return vec![Told::Challenge];
        }
        // Nobody is logged in by an exchange that was cancelled. Some servers do not know CAPA.
        if (auth && self.cancelled && yes) || (self.strict && order == Order::Capa && !yes) {
            return self.fail();
        }
        self.outstanding.pop_front();
        let mut told = vec![Told::Reply(keyword, yes)];
        if yes {
            self.named = order == Order::User;
            if matches!(order, Order::Pass | Order::Apop | Order::Plain(_) | Order::Sealed) {
                self.phase = Phase::Transaction;
            } else if order == Order::Capa {
                self.listed = Some(pipelining);
            } else if order == Order::Stls {
                // RFC 2595 section 4: what was learned before is forgotten.
                *self = Self { phase: Phase::Authorization, ..Self::new(self.strict, true, true) };
                told = vec![Told::StartTls];
            }
        }
        if order == Order::Quit {
            self.phase = Phase::Over;
            told.push(Told::Closed);
        }
        let lines = order.yes(pipelining);
        match order.shape() {
            ReplyShape::Lines if yes => told.extend([Told::Lines(lines.len() - 2), Told::End(keyword)]),
            ReplyShape::Body if yes => {
                let stuffed = lines[1..lines.len() - 1].iter();
                let text: String =
                    stuffed.map(|line| format!("{}\r\n", line.strip_prefix('.').unwrap_or(line))).collect();
                told.extend([Told::Data(text.into_bytes()), Told::End(keyword)]);
            }
            ReplyShape::Line | ReplyShape::Lines | ReplyShape::Body => {}
        }
        told
    }

    /// The server closes the connection, or says nothing for too long.
    pub(crate) fn fail(&mut self) -> Vec<Told> {
        if self.phase == Phase::Over {
            return Vec::new();
        }
        self.phase = Phase::Over;
        vec![Told::Failed]
    }

    /// Whether the client waits for the server.
    pub(crate) fn waits(&self) -> bool {
        match self.phase {
            Phase::Greeting => true,
            Phase::Challenged | Phase::Over => false,
            Phase::Authorization | Phase::Transaction | Phase::Closing => !self.outstanding.is_empty(),
        }
    }
}
