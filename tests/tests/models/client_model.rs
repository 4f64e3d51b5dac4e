//! A model of a POP3 client: what may be sent when, and which reply belongs to which command.
//!
//! It is written from RFC 1939, RFC 2449 section 6.6 (PIPELINING), RFC 2595 section 4 (STLS), RFC 5034 section 4 (AUTH)
//! and RFC 6856 section 2 (UTF8).

use std::collections::VecDeque;

use pop3_proto::{Keyword, ReplyShape};

use crate::client_orders::Order;

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
    /// A line that is none of these, or does not fit to the command.
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
    /// The greeting had a timestamp, and TLS has not begun since.
    pub(crate) stamped: bool,
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
            stamped: false,
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
        let waits = self.waits();
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
                    (self.phase, self.stamped) = (Phase::Authorization, true);
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
