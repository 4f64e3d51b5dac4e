//! What the server sends.

use alloc::boxed::Box;

use pop3_proto::apop::Timestamp;
use pop3_proto::client::ReplyItem;
use pop3_proto::listing::{DropListing, ScanListing, UniqueIdListing};
use pop3_proto::{Keyword, MessageNumber, Reply, ReplyShape};

use crate::announced::{Announced, Place};
use crate::asked::Asked;
use crate::assembler::Line;
use crate::body::Body;
use crate::event::ObserverEvent;
use crate::known::Known;
use crate::naming::{Named, Naming};
use crate::queue::Outstanding;
use crate::rule::Rule;
use crate::told::Told;
use crate::{Before, Lines, Observer, Reading, Sink, Stage, flag};

impl Observer {
    pub(crate) fn server_line(&mut self, line: Line<'_>, sink: Sink<'_>) {
        if let Reading::Lines(lines) = self.reading {
            self.listing(lines, line, sink);
            return;
        }
        let reply = read(line.text);
        if self.stage == Stage::Greeting {
            self.greeting(line, reply, sink);
            return;
        }
        if reply.is_some_and(|reply| !reply.is_positive()) {
            self.refused_early(sink);
        }
        let front = self.queue.front();
        if let Some(front) = front
            && let Some(auth) = front.auth
            && (line.text == b"+" || line.text.starts_with(b"+ "))
        {
            self.challenge(front, auth, line, sink);
            return;
        }
        let perhaps = core::mem::replace(&mut self.reading, Reading::Status);
        match (reply, front, perhaps) {
            (None, _, Reading::Perhaps(of)) => {
                self.listing(Lines { of, popped: true, count: 0, octets: 0, number: 0, sum: 0 }, line, sink);
            }
            (None, _, _) => self.stray(line, sink),
            (Some(_), None, _) => self.unasked(line, reply, sink),
            (Some(reply), Some(front), _) => {
                if !reply.is_positive() || !self.is_challenge(&front, line, sink) {
                    self.reply(front, line, reply, sink);
                }
            }
        }
    }

    fn greeting(&mut self, line: Line<'_>, reply: Option<Reply<'_>>, sink: Sink<'_>) {
        let Some(reply) = reply else {
            sink(ObserverEvent::Stray { line: line.text });
            if !core::mem::replace(&mut self.greeting_missed, true) {
                flag(sink, None, Rule::GreetingMissing);
            }
            return;
        };
        sink(ObserverEvent::Greeting { line: line.text, reply });
        self.line_end(line, None, sink);
        self.judge_status(line, &reply, None, sink);
        let timestamp = Timestamp::find(reply.text).is_some();
        if !timestamp && reply.text.contains(&b'<') {
            flag(sink, None, Rule::GreetingTimestamp);
        }
        self.told = Told::default();
        self.timestamp = timestamp;
        self.stage = if reply.is_positive() { Stage::Authorization } else { Stage::Closed };
    }

    /// A line that is no reply.
    fn stray(&mut self, line: Line<'_>, sink: Sink<'_>) {
        sink(ObserverEvent::Stray { line: line.text });
        let about = self.queue.front().map(|front| front.asked);
        let rule = match self.before {
            _ if self.quit_answered => Rule::AnswerBehindQuit,
            Before::Refusal if line.text == b"." => Rule::DotBehindRefusal,
            Before::Message => Rule::UnstuffedEnd,
            Before::Refusal | Before::Other => Rule::NotAReply,
        };
        self.line_end(line, about, sink);
        self.once(sink, about, rule);
    }

    /// A reply, and there is no command.
    fn unasked(&mut self, line: Line<'_>, reply: Option<Reply<'_>>, sink: Sink<'_>) {
        sink(ObserverEvent::Stray { line: line.text });
        self.line_end(line, None, sink);
        let positive = reply.is_some_and(|reply| reply.is_positive());
        let rule = if self.quit_answered {
            Rule::AnswerBehindQuit
        } else if self.tls && self.dropped > 0 {
            self.dropped = self.dropped.saturating_sub(1);
            if positive {
                self.reading = Reading::Perhaps(Outstanding::nameless());
            }
            Rule::KeptCommands
        } else if self.fresh && positive {
            Rule::SecondGreeting
        } else if !positive && !self.dismissed {
            self.dismissed = true;
            Rule::Dismissal
        } else {
            Rule::Unasked
        };
        self.fresh = false;
        flag(sink, None, rule);
    }

    /// The first line of the reply to the oldest command.
    fn reply(&mut self, command: Outstanding, line: Line<'_>, reply: Reply<'_>, sink: Sink<'_>) {
        self.told = Told::default();
        self.fresh = false;
        let asked = command.asked;
        let positive = reply.is_positive();
        let entry = if positive { entry_of_reply(&command, reply.text) } else { None };
        let shape = command.shape.unwrap_or(ReplyShape::Line);
        let follows = if positive { shape } else { ReplyShape::Line };
        sink(ObserverEvent::Reply { asked, line: line.text, reply, entry, follows });
        self.line_end(line, Some(asked), sink);
        self.judge_status(line, &reply, Some(asked), sink);
        if positive {
            self.judge_positive(&command, &reply, entry, sink);
        } else {
            self.judge_negative(&command, &reply, sink);
        }
        self.before = if !positive && shape != ReplyShape::Line { Before::Refusal } else { Before::Other };
        self.settle(&command, positive, sink);
        match follows {
            _ if matches!(self.stage, Stage::Opaque { .. }) => {}
            ReplyShape::Line => {
                self.complete();
                if positive && command.shape.is_none() {
                    self.reading = Reading::Perhaps(command);
                }
            }
            ReplyShape::Lines => {
                if asked.keyword == Some(Keyword::Capa) {
                    self.announced.begin();
                }
                let lines = Lines { of: command, popped: false, count: 0, octets: 0, number: 0, sum: 0 };
                self.reading = Reading::Lines(lines);
            }
            ReplyShape::Body => self.reading = Reading::Body(command, Box::new(Body::new())),
        }
    }

    /// What a reply changes.
    pub(crate) fn settle(&mut self, command: &Outstanding, positive: bool, sink: Sink<'_>) {
        let Some(keyword) = command.asked.keyword else { return };
        match (keyword, positive) {
            (Keyword::User, _) => {
                self.named = if positive { Named::Yes } else { Named::No };
                if !positive && self.naming != Naming::Nothing {
                    self.naming = Naming::Refused;
                }
            }
            (Keyword::Pass | Keyword::Apop | Keyword::Auth, true) => {
                if self.stage != Stage::Transaction {
                    self.known = Known::new(self.config.max_messages);
                }
                self.stage = Stage::Transaction;
                (self.named, self.wary) = (Named::No, false);
            }
            (Keyword::Pass, false) if command.good => self.named = Named::No,
            (Keyword::Apop, false) if command.good && self.named == Named::Yes => self.named = Named::Perhaps,
            (Keyword::Stls, true) => {
                self.complete();
                self.dropped = self.queue.len();
                self.queue.clear();
                if self.client_lines.is_partial() {
                    flag(sink, Some(command.asked), Rule::SentBehindStls);
                }
                self.client_lines.clear();
                self.stage = Stage::Opaque { accepted: true, client: false, server: false };
                sink(ObserverEvent::Opaque);
            }
            (Keyword::Utf8, true) => self.utf8 = true,
            (Keyword::Lang, true) => self.language = true,
            (Keyword::Capa, true) => self.capa_answered = true,
            (Keyword::Dele, true) => {
                if let Some(message) = command.message {
                    self.known.mark(message);
                }
            }
            (Keyword::Rset, true) => self.known.unmark(),
            (Keyword::Quit, _) if positive || command.good => {
                self.stage = Stage::Closed;
                self.quit_answered = true;
                // Commands after QUIT are not answered (RFC 1939 section 6).
                self.queue.clear();
            }
            _ => {}
        }
    }

    /// The reply to the oldest command is complete.
    pub(crate) fn complete(&mut self) {
        self.queue.pop();
        self.exchange = None;
        self.reading = Reading::Status;
    }

    /// Octets of a message.
    pub(crate) fn body<'o>(&mut self, command: Outstanding, octets: &'o [u8], sink: Sink<'_>) -> &'o [u8] {
        let Reading::Body(_, body) = &mut self.reading else { return &[] };
        let asked = command.asked;
        let data = self.config.data;
        let (rest, ended) = body.feed(octets, &mut |octets| {
            if data {
                sink(ObserverEvent::Data { asked, octets });
            }
        });
        if !ended {
            return rest;
        }
        let Reading::Body(_, body) = core::mem::replace(&mut self.reading, Reading::Status) else {
            return rest;
        };
        sink(ObserverEvent::End { asked, octets: body.octets(), lines: body.lines() });
        for rule in body.faults() {
            flag(sink, Some(asked), rule);
        }
        match (asked.keyword, command.message) {
            (Some(Keyword::Retr), Some(message)) => {
                self.known.sent(message, body.octets(), &mut |rule| flag(sink, Some(asked), rule));
            }
            (Some(Keyword::Top), _) if body.body_lines() > command.lines => {
                let rule = if command.lines == 0 { Rule::TopZero } else { Rule::TopSurplus };
                flag(sink, Some(asked), rule);
            }
            _ => {}
        }
        self.complete();
        self.before = Before::Message;
        rest
    }

    pub(crate) fn line_end(&self, line: Line<'_>, about: Option<Asked>, sink: Sink<'_>) {
        if !line.crlf {
            flag(sink, about, Rule::ServerLineEnd);
        }
    }

    /// Where a list of capabilities comes.
    pub(crate) fn place(&self) -> Place {
        Place { tls: self.tls, clear: self.is_readable(), logged_in: self.stage == Stage::Transaction }
    }

    /// What was announced.
    pub(crate) const fn announced(&self) -> &Announced {
        &self.announced
    }
}

/// Reads a line as a reply, also one whose text stands too near.
fn read(line: &[u8]) -> Option<Reply<'_>> {
    Reply::parse(line).or_else(|| Reply::parse_joined(line))
}

/// What a positive reply of one line says.
fn entry_of_reply<'l>(command: &Outstanding, text: &'l [u8]) -> Option<ReplyItem<'l>> {
    match (command.asked.keyword?, command.message) {
        (Keyword::Stat, _) => DropListing::parse(text).map(ReplyItem::Drop),
        (Keyword::List, Some(_)) => ScanListing::parse(text).map(ReplyItem::Scan),
        (Keyword::Uidl, Some(_)) => UniqueIdListing::parse(text).map(ReplyItem::UniqueId),
        (Keyword::Last, _) => {
            let word = text.split(|&octet| octet == b' ').next().unwrap_or_default();
            if !word.is_empty() && word.iter().all(|&octet| octet == b'0') {
                return Some(ReplyItem::Last(None));
            }
            MessageNumber::parse(word).map(|message| ReplyItem::Last(Some(message)))
        }
        _ => None,
    }
}
