//! How an odd server writes its lines.

use std::io;

use pop3_driver::Transport as _;
use pop3_proto::Quirk;

use super::{Oddity, Session};
use crate::world::PATIENCE;

impl Session {
    /// Sends a reply of one line.
    pub(super) async fn say(&mut self, text: &str) -> io::Result<()> {
        let line = self.line_of(text);
        // One such line is tolerated after the login, but never where it might belong to a message.
        let empty = self.has(Quirk::EmptyLineBeforeReply) && self.is_logged_in && !self.message_before;
        self.send((if empty { self.end() + &line } else { line }).as_bytes()).await
    }

    /// Sends a listing.
    pub(super) async fn say_list(&mut self, mut lines: Vec<String>) -> io::Result<()> {
        if self.has(Quirk::EmptyListingLine) {
            lines.insert(lines.len() / 2, String::new());
        }
        let lines = ["+OK".to_owned()].into_iter().chain(lines).chain([".".to_owned()]);
        let reply: String = lines.map(|line| self.line_of(&line)).collect();
        self.send(reply.as_bytes()).await
    }

    fn end(&self) -> String {
        if self.has(Quirk::BareLineFeed) { "\n" } else { "\r\n" }.to_owned()
    }

    fn line_of(&self, text: &str) -> String {
        let mut text = text.to_owned();
        if self.has(Quirk::StatusCase) {
            for (status, other) in [("+OK", "+ok"), ("-ERR", "-Err")] {
                if let Some(rest) = text.strip_prefix(status) {
                    text = other.to_owned() + rest;
                }
            }
        }
        text + &self.end()
    }

    /// Numbers and what belongs to them, as the server writes them.
    pub(super) fn words(&self, words: &[String]) -> String {
        // A missing unique-id stays missing: two messages with the unique-id `00` and the same size are one to everybody.
        let is_number = |word: &String| !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_digit());
        let words = words.iter().map(|word| match self.has(Quirk::LeadingZeros) && is_number(word) {
            true => format!("00{word}"),
            false => word.clone(),
        });
        let words: Vec<String> = words.collect();
        words.join(if self.has(Quirk::Spacing) { " \t " } else { " " })
    }

    pub(super) fn capabilities(&self) -> Vec<String> {
        let mut lines: Vec<&str> = vec!["USER"];
        if !self.has(Quirk::UnannouncedCommand) {
            lines.extend(["UIDL", "TOP"]);
        }
        lines.push(if self.has(Quirk::MisnamedCapability) { "PIPELINE" } else { "PIPELINING" });
        if self.has(Quirk::JoinedCapability) {
            lines.push("EXPIRENEVER");
        } else if self.oddities.contains(&Oddity::RemovesRetrieved) && self.world.plan.announces_expire {
            lines.push("EXPIRE 0");
        }
        if self.has(Quirk::StlsWithinTls) && self.socket.is_tls() {
            lines.push("STLS");
        }
        if self.has(Quirk::UnnamedLanguage) {
            lines.push("LANG");
        }
        lines.extend(self.offer());
        lines.into_iter().map(str::to_owned).collect()
    }

    /// What is listed of each message that is not marked.
    pub(super) fn listed(&self, value: impl Fn(&Self, usize) -> String, is_uidl: bool) -> Vec<String> {
        let chance = self.world.sim.chance();
        let mut lines = Vec::new();
        for index in (0..self.messages.len()).filter(|index| !self.marked.contains(index)) {
            if self.has(Quirk::SkippedNumber) && chance.per_mille(150) {
                continue;
            }
            let empty = is_uidl && self.has(Quirk::EmptyUniqueId) && chance.per_mille(150);
            let value = if empty { String::new() } else { value(self, index) };
            let line = self.words(&[(index + 1).to_string(), value]);
            if self.has(Quirk::RepeatedNumber) && chance.per_mille(300) {
                lines.push(line.clone());
            }
            lines.push(line);
        }
        if self.has(Quirk::UnorderedListing) {
            lines.reverse();
        }
        lines
    }

    pub(super) fn stat(&self) -> String {
        let left = (0..self.messages.len()).filter(|index| !self.marked.contains(index));
        let sizes: Vec<usize> = left.map(|index| self.size(index)).collect();
        let count = if self.has(Quirk::DifferentCount) { self.messages.len() + 1 } else { sizes.len() };
        let octets = sizes.iter().sum::<usize>().to_string();
        let octets = if self.has(Quirk::NegativeOctets) { format!("-{}", octets.len()) } else { octets };
        "+OK ".to_owned() + &self.words(&[count.to_string(), octets])
    }

    pub(super) fn size(&self, index: usize) -> usize {
        let octets = self.messages[index].on_the_wire().len();
        if self.has(Quirk::WrongSize) { octets * 9 / 10 + 7 } else { octets }
    }

    pub(super) fn uid(&self, index: usize) -> String {
        let number = self.messages[index].number;
        if self.oddities.contains(&Oddity::RepeatedUids) {
            "same".to_owned()
        } else if self.oddities.contains(&Oddity::ChangingUids) {
            format!("{}.{number}", self.number)
        } else if self.has(Quirk::UniqueIdSyntax) {
            format!("uid {number} {}", "ü".repeat(40))
        } else {
            format!("uid{number}")
        }
    }

    /// The message as it is sent, with its end.
    pub(super) fn message(&self, index: usize) -> Vec<u8> {
        let mut octets = self.messages[index].on_the_wire();
        if self.is(Oddity::ShortMessages, 200) {
            let end = octets.iter().rposition(|&octet| octet == b'\r').unwrap_or(0);
            octets.truncate(end);
            octets.extend_from_slice(b"\r\n");
            let half =
                octets[..octets.len() / 2].iter().rposition(|&octet| octet == b'\n').map_or(0, |at| at + 1);
            octets.truncate(half);
        }
        let mut reply = Vec::new();
        for line in octets.split_inclusive(|&octet| octet == b'\n') {
            if line.starts_with(b".") && !self.has(Quirk::UnstuffedDot) {
                reply.push(b'.');
            }
            if self.has(Quirk::DoubledCarriageReturn) && line.ends_with(b"\r\n") {
                reply.extend_from_slice(&line[..line.len() - 1]);
                reply.extend_from_slice(b"\r\n");
            } else {
                reply.extend_from_slice(line);
            }
        }
        reply.extend_from_slice(b".\r\n");
        reply
    }

    pub(super) async fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut rest = octets;
        while !rest.is_empty() {
            let deadline = self.socket.now().after(PATIENCE);
            let count = self.socket.write(rest, deadline).await?;
            rest = &rest[count..];
        }
        let deadline = self.socket.now().after(PATIENCE);
        self.socket.flush(deadline).await
    }
}
