//! AUTH under way (RFC 5034 section 4). What is in its lines is not looked at, only whether it is base64.

use pop3_proto::{Base64, Reply};

use crate::asked::Asked;
use crate::assembler::Line;
use crate::event::ObserverEvent;
use crate::queue::{Auth, Begins, Outstanding};
use crate::rule::Rule;
use crate::{Observer, Sink, flag};

/// Where an exchange is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exchange {
    /// The client has the next line.
    pub(crate) clients_turn: bool,
    challenges: u32,
    last: Said,
    /// The last challenge can't be decoded.
    bad_challenge: bool,
    /// What was taken as a challenge may have been the end.
    pub(crate) guessed: bool,
}

/// What the client said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// The line of AUTH, or something that can't be judged.
    Something,
    Cancel,
    NoBase64,
}

impl Exchange {
    const fn new() -> Self {
        Self {
            clients_turn: false,
            challenges: 0,
            last: Said::Something,
            bad_challenge: false,
            guessed: false,
        }
    }

    /// The rule that going on, or accepting, breaks.
    fn wrong(self, auth: Auth) -> Option<Rule> {
        match self.last {
            Said::Cancel => Some(Rule::CancelTaken),
            Said::NoBase64 => Some(Rule::Base64Taken),
            Said::Something if self.challenges == 0 && auth.initial && auth.begins == Begins::Server => {
                Some(Rule::InitialTaken)
            }
            Said::Something => None,
        }
    }
}

impl Observer {
    /// A line of the server's that begins with a plus sign, while AUTH is the oldest command.
    pub(crate) fn challenge(&mut self, command: Outstanding, auth: Auth, line: Line<'_>, sink: Sink<'_>) {
        let asked = Some(command.asked);
        let text = line.text.strip_prefix(b"+ ");
        sink(ObserverEvent::Challenge {
            asked: command.asked,
            octets: text.unwrap_or_default().len() as u64,
        });
        self.line_end(line, asked, sink);
        let mut exchange = self.exchange.unwrap_or(Exchange::new());
        if let Some(rule) = exchange.wrong(auth).or(command.wrong) {
            flag(sink, asked, rule);
        }
        let whole = line.octets <= (line.text.len() as u64).saturating_add(2);
        exchange.bad_challenge = whole && Base64::parse(text.unwrap_or_default()).is_none();
        if exchange.bad_challenge || text.is_none() {
            flag(sink, asked, Rule::ChallengeSyntax);
        } else if text != Some(b"")
            && exchange.challenges == 0
            && !auth.initial
            && auth.begins == Begins::Client
        {
            flag(sink, asked, Rule::ChallengeFirst);
        }
        exchange.challenges = exchange.challenges.saturating_add(1);
        exchange.last = Said::Something;
        // The server takes what was sent too early as the response.
        exchange.clients_turn = !self.queue.take_second();
        self.exchange = Some(exchange);
    }

    /// A positive reply to AUTH, and the client has said nothing yet: some servers mean an empty challenge.
    ///
    /// Returns whether it is one.
    pub(crate) fn is_challenge(&mut self, command: &Outstanding, line: Line<'_>, sink: Sink<'_>) -> bool {
        let silent = command.good && command.auth.is_some_and(|auth| !auth.initial);
        if !silent || self.exchange.is_some() {
            return false;
        }
        let mut exchange = Exchange::new();
        exchange.challenges = 1;
        exchange.guessed = true;
        exchange.clients_turn = !self.queue.take_second();
        self.exchange = Some(exchange);
        sink(ObserverEvent::Stray { line: line.text });
        self.line_end(line, Some(command.asked), sink);
        flag(sink, Some(command.asked), Rule::ChallengeStatus);
        true
    }

    /// A line of the client's that answers a challenge.
    pub(crate) fn response(&mut self, mut exchange: Exchange, line: Line<'_>, sink: Sink<'_>) {
        let Some(command) = self.queue.front() else { return };
        let asked = Some(command.asked);
        let text = line.text;
        let end = match (line.early, line.crlf) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        };
        let octets = line.octets.saturating_sub(end);
        let cancels = text == b"*";
        sink(ObserverEvent::Response { asked: command.asked, octets, cancels });
        if !line.crlf {
            flag(sink, asked, Rule::ClientLineEnd);
        }
        let whole = !line.early && octets <= text.len() as u64;
        exchange.last = if cancels {
            Said::Cancel
        } else if whole && Base64::parse(text).is_none() {
            flag(sink, asked, if text == b"=" { Rule::ResponseEquals } else { Rule::ResponseSyntax });
            Said::NoBase64
        } else {
            Said::Something
        };
        if exchange.bad_challenge && !cancels {
            flag(sink, asked, Rule::ChallengeSwallowed);
        }
        (exchange.clients_turn, exchange.guessed) = (false, false);
        self.exchange = Some(exchange);
    }

    /// The reply that ends an exchange.
    pub(crate) fn judge_auth(&mut self, about: Asked, auth: Auth, reply: &Reply<'_>, sink: Sink<'_>) {
        let exchange = self.exchange.unwrap_or(Exchange::new());
        if reply.is_positive() {
            if let Some(rule) = exchange.wrong(auth) {
                flag(sink, Some(about), rule);
            }
            if auth.listed == Some(false) {
                flag(sink, Some(about), Rule::SaslUnlisted);
            }
            // A text is no base64, or is shorter, or has more words.
            if reply.text.len() >= 16 && Base64::parse(reply.text).is_some() {
                flag(sink, Some(about), Rule::SuccessData);
            }
        }
    }

    /// Whether a refusal of this exchange is one of the credentials.
    pub(crate) fn was_answered(&self, auth: Auth) -> bool {
        let exchange = self.exchange.unwrap_or(Exchange::new());
        (auth.initial || exchange.challenges > 0)
            && exchange.last == Said::Something
            && !exchange.clients_turn
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::{ObserverConfig, Side};

    /// What the client is found guilty of when its line is refused before its end.
    fn faults(begin: &[u8], line: &[u8]) -> Vec<Rule> {
        let mut observer = Observer::new(ObserverConfig::new());
        let mut faults = Vec::new();
        let mut sink = |event: ObserverEvent<'_>| {
            if let ObserverEvent::Violation(violation) = event
                && violation.rule.side() == Side::Client
            {
                faults.push(violation.rule);
            }
        };
        observer.server(b"+OK hi\r\n", &mut sink);
        observer.client(begin, &mut sink);
        if !begin.is_empty() {
            observer.server(b"+ \r\n", &mut sink);
        }
        observer.client(line, &mut sink);
        observer.server(b"-ERR too long\r\n", &mut sink);
        faults
    }

    #[test]
    fn base64_is_not_judged_by_its_beginning() {
        let long = [b'A'; 301];
        assert!(!faults(b"AUTH X-LONG\r\n", &long).contains(&Rule::ResponseSyntax));
        assert!(!faults(b"", &[b"AUTH X-LONG ", &long[..]].concat()).contains(&Rule::ResponseSyntax));
        // Once it has ended, it is.
        assert!(faults(b"AUTH X-LONG\r\n", &[&long[..], b"\r\n"].concat()).contains(&Rule::ResponseSyntax));
        let whole = [b"AUTH X-LONG ", &long[..], b"\r\n"].concat();
        assert!(faults(b"", &whole).contains(&Rule::ResponseSyntax));
    }
}
