//! The lines of LIST, UIDL, CAPA and of what is not known.

use pop3_proto::client::ReplyItem;
use pop3_proto::listing::{ScanListing, UniqueIdListing};
use pop3_proto::{Capability, Keyword, MessageNumber, Quirk};

use crate::asked::Asked;
use crate::assembler::Line;
use crate::event::ObserverEvent;
use crate::rule::Rule;
use crate::{Lines, Observer, Reading, Sink, flag};

impl Observer {
    /// A line of a reply of several lines, or its end.
    pub(crate) fn listing(&mut self, mut lines: Lines, line: Line<'_>, sink: Sink<'_>) {
        let asked = lines.of.asked;
        let about = Some(asked);
        if line.text == b"." {
            self.list_end(lines, line, sink);
            return;
        }
        let (text, stuffed) = match line.text.strip_prefix(b".") {
            Some(rest) => (rest, rest.starts_with(b".")),
            None => (line.text, true),
        };
        let entry = match asked.keyword {
            Some(Keyword::List) => ScanListing::parse(text).map(ReplyItem::Scan),
            Some(Keyword::Uidl) => UniqueIdListing::parse(text).map(ReplyItem::UniqueId),
            Some(Keyword::Capa) => Some(ReplyItem::Capability(Capability::parse(text))),
            _ => None,
        };
        sink(ObserverEvent::Line { asked, line: text, entry });
        if !line.crlf {
            self.once(sink, about, Rule::ServerLineEnd);
        }
        if !stuffed {
            self.once(sink, about, Rule::Unstuffed);
        }
        let place = self.place();
        let mut rules = Rules::default();
        match (asked.keyword, entry) {
            (Some(Keyword::List), Some(ReplyItem::Scan(scan))) => {
                if scan.quirk.is_some() {
                    rules.push(Rule::ListSyntax);
                }
                if text.split(|&octet| octet == b' ').count() > 2 && scan.quirk.is_none() {
                    rules.push(Rule::ListSurplus);
                }
                self.in_order(&mut lines, scan.message, [Rule::ListOrder, Rule::ListDeleted], &mut rules);
                self.known.size(scan.message, scan.octets, &mut |rule| rules.push(rule));
                lines.sum = lines.sum.saturating_add(scan.octets);
            }
            (Some(Keyword::List), _) => rules.push(Rule::ListSyntax),
            (Some(Keyword::Uidl), Some(ReplyItem::UniqueId(listing))) => {
                if let Some(rule) = uid_rule(listing.quirk, Rule::UidlSyntax) {
                    rules.push(rule);
                }
                self.in_order(&mut lines, listing.message, [Rule::UidlOrder, Rule::UidlDeleted], &mut rules);
                self.known.uid(listing.message, listing.uid, &mut |rule| rules.push(rule));
            }
            (Some(Keyword::Uidl), _) => rules.push(Rule::UidlSyntax),
            (Some(Keyword::Capa), _) => {
                self.announced.line(text, line.octets, place, &mut |rule| rules.push(rule));
            }
            _ => {}
        }
        self.tell(about, &rules, sink);
        lines.count = lines.count.saturating_add(1);
        lines.octets = lines.octets.saturating_add(text.len() as u64).saturating_add(2);
        self.reading = Reading::Lines(lines);
    }

    fn list_end(&mut self, lines: Lines, line: Line<'_>, sink: Sink<'_>) {
        let asked = lines.of.asked;
        sink(ObserverEvent::End { asked, octets: lines.octets, lines: lines.count });
        self.line_end(line, Some(asked), sink);
        let count = u32::try_from(lines.count).unwrap_or(u32::MAX);
        let place = self.place();
        let mut rules = Rules::default();
        match asked.keyword {
            // A message that could not be read is told already.
            Some(Keyword::List) if !self.told.has(Rule::ListSyntax) => {
                self.known.listed(count, lines.sum, &mut |rule| rules.push(rule));
            }
            Some(Keyword::Uidl) if !self.told.has(Rule::UidlSyntax) && !self.known.is_count(count) => {
                rules.push(Rule::UidlCount);
            }
            Some(Keyword::Capa) => self.announced.end(place, &mut |rule| rules.push(rule)),
            _ => {}
        }
        self.tell(Some(asked), &rules, sink);
        if lines.popped {
            self.reading = Reading::Status;
        } else {
            self.complete();
        }
    }

    /// What a positive reply to STAT, or to LIST or UIDL with a number, says.
    pub(crate) fn judge_entry(
        &mut self,
        about: Asked,
        asked_for: Option<MessageNumber>,
        text: &[u8],
        entry: Option<ReplyItem<'_>>,
        sink: Sink<'_>,
    ) {
        let mut rules = Rules::default();
        match (about.keyword, entry) {
            (Some(Keyword::Stat), Some(ReplyItem::Drop(listing))) => {
                if listing.quirk.is_some() {
                    rules.push(Rule::StatSyntax);
                } else if text.split(|&octet| octet == b' ').count() > 2 {
                    rules.push(Rule::ListSurplus);
                }
                self.known.stat(listing.messages, listing.octets, &mut |rule| rules.push(rule));
            }
            (Some(Keyword::Stat), _) => rules.push(Rule::StatSyntax),
            (Some(Keyword::List), Some(ReplyItem::Scan(scan))) => {
                if scan.quirk.is_some() || Some(scan.message) != asked_for {
                    rules.push(Rule::ListOneSyntax);
                } else if text.split(|&octet| octet == b' ').count() > 2 {
                    rules.push(Rule::ListSurplus);
                }
                self.known.size(scan.message, scan.octets, &mut |rule| rules.push(rule));
            }
            (Some(Keyword::List), _) if asked_for.is_some() => rules.push(Rule::ListOneSyntax),
            (Some(Keyword::Uidl), Some(ReplyItem::UniqueId(listing))) => {
                if Some(listing.message) != asked_for {
                    rules.push(Rule::UidlOneSyntax);
                } else if let Some(rule) = uid_rule(listing.quirk, Rule::UidlOneSyntax) {
                    rules.push(rule);
                }
                self.known.uid(listing.message, listing.uid, &mut |rule| rules.push(rule));
            }
            (Some(Keyword::Uidl), _) if asked_for.is_some() => rules.push(Rule::UidlOneSyntax),
            _ => {}
        }
        self.tell(Some(about), &rules, sink);
    }

    fn in_order(
        &self,
        lines: &mut Lines,
        message: MessageNumber,
        [order, deleted]: [Rule; 2],
        rules: &mut Rules,
    ) {
        if message.number() <= lines.number {
            rules.push(order);
        }
        if self.known.is_marked(message) {
            rules.push(deleted);
        }
        lines.number = message.number();
    }

    fn tell(&mut self, about: Option<Asked>, rules: &Rules, sink: Sink<'_>) {
        for rule in rules.0.into_iter().flatten() {
            self.once(sink, about, rule);
        }
    }
}

/// The few rules that one line can break.
#[derive(Default)]
struct Rules([Option<Rule>; 8]);

impl Rules {
    fn push(&mut self, rule: Rule) {
        if let Some(free) = self.0.iter_mut().find(|place| place.is_none()) {
            *free = Some(rule);
        }
    }
}

fn uid_rule(quirk: Option<Quirk>, other: Rule) -> Option<Rule> {
    quirk.map(|quirk| if quirk == Quirk::UniqueIdSyntax { Rule::UidSyntax } else { other })
}

/// Tells that a text breaks a rule when it does.
pub(crate) fn flag_when(broken: bool, about: Asked, rule: Rule, sink: Sink<'_>) {
    if broken {
        flag(sink, Some(about), rule);
    }
}
