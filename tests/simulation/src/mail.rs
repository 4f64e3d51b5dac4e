//! The messages of a run, and where they are found again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pop3_fetch::Target;

use crate::disk::Found;
use crate::{Chance, SimDisk};

/// The number of a message.
pub type Number = u32;

/// A message, and what it is recognised by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Mail {
    /// Its number.
    pub number: Number,
    /// Its octets, with LF at the end of each line, as it is compared.
    pub octets: Vec<u8>,
}

const MARK: &[u8] = b"X-Number: ";

impl Mail {
    /// A message with this number.
    #[must_use]
    pub fn new(number: Number, chance: &Chance) -> Self {
        let mut octets = [MARK, number.to_string().as_bytes(), b"\nSubject: "].concat();
        let subject = *chance.pick(&["hello", "", "+OK", "grüße", "."]);
        octets.extend_from_slice(subject.as_bytes());
        octets.push(b'\n');
        let lines = match chance.below(20) {
            0 => 0,
            1 => 1_000,
            2..5 => 100,
            _ => 1 + chance.below(12),
        };
        if lines > 0 {
            octets.push(b'\n');
        }
        for _ in 0..lines {
            match chance.below(10) {
                0 => octets.push(b'.'),
                1 => octets.extend_from_slice(b".."),
                2 => octets.extend_from_slice(b"From somebody"),
                3 => octets.extend_from_slice(b">From somebody"),
                4 => {}
                5 => octets.extend(core::iter::repeat_n(b'x', chance.below(1_200))),
                6 => octets.extend_from_slice(b"-ERR [SYS/TEMP] no"),
                7 => octets.extend_from_slice(b".\r"),
                8 => octets.extend_from_slice(b".profile"),
                _ => octets.extend_from_slice(b"The quick brown fox jumps over the lazy dog."),
            }
            octets.push(b'\n');
        }
        Self { number, octets: lf(&octets) }
    }

    /// The content of a file in which a mail server stores it: lines with LF or CRLF, and maybe no end of the last one.
    #[must_use]
    pub fn stored(&self, chance: &Chance) -> Vec<u8> {
        let mut octets = if chance.per_mille(250) { crlf(&self.octets) } else { self.octets.clone() };
        if chance.per_mille(150) && !self.octets.ends_with(b"\n\n") {
            let end = if octets.ends_with(b"\r\n") { 2 } else { 1 };
            octets.truncate(octets.len() - end);
        }
        octets
    }

    /// The message as it is sent, with CRLF at the end of each line.
    #[must_use]
    pub fn on_the_wire(&self) -> Vec<u8> {
        crlf(&self.octets)
    }
}

/// The number of the message that begins like this.
#[must_use]
pub fn number_of(octets: &[u8]) -> Option<Number> {
    let rest = octets.strip_prefix(MARK)?;
    let end = rest.iter().position(|octet| !octet.is_ascii_digit())?;
    str::from_utf8(&rest[..end]).ok()?.parse().ok()
}

/// The octets with LF for CRLF, and an end of the last line.
#[must_use]
pub fn lf(octets: &[u8]) -> Vec<u8> {
    let mut lines = Vec::with_capacity(octets.len() + 1);
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                lines.extend_from_slice(line);
                lines.push(b'\n');
            }
            None => lines.extend_from_slice(line),
        }
    }
    if !lines.ends_with(b"\n") {
        lines.push(b'\n');
    }
    lines
}

fn crlf(octets: &[u8]) -> Vec<u8> {
    let lines = octets.split_inclusive(|&octet| octet == b'\n');
    lines.flat_map(|line| [line.strip_suffix(b"\n").unwrap_or(line), b"\r\n"].concat()).collect()
}

/// The messages in a place, by number: how often each is there. What differs from what was delivered is told in the text.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Inventory {
    /// How often each message is there, as it was delivered.
    pub counts: BTreeMap<Number, usize>,
    /// The messages that are there in another form.
    pub altered: BTreeSet<Number>,
    /// What is no message that was delivered.
    pub wrong: Vec<String>,
}

impl Inventory {
    /// The messages in a directory of a Maildir on this disk.
    #[must_use]
    pub fn of_maildir(disk: &SimDisk, path: &Path, mails: &BTreeMap<Number, Mail>) -> Self {
        let mut inventory = Self::default();
        for folder in ["new", "cur"] {
            inventory.add_files(disk.peek(path.join(folder)), mails);
        }
        inventory
    }

    /// The messages in a target on this disk.
    #[must_use]
    pub fn of_target(disk: &SimDisk, target: &Target, mails: &BTreeMap<Number, Mail>) -> Self {
        let mut inventory = Self::default();
        match target {
            Target::Maildir(path) => return Self::of_maildir(disk, path, mails),
            Target::Dir(path) => {
                let mut files = disk.peek(path);
                files.retain(|path, _| !path.starts_with("tmp"));
                inventory.add_files(files, mails);
            }
            Target::Mbox(path) => {
                let octets = disk.read(path).unwrap_or_default();
                messages_of_mbox(&octets)
                    .iter()
                    .for_each(|message| inventory.add(message, "the mbox", mails));
            }
            Target::Stdout | _ => {}
        }
        inventory
    }

    /// Whether a message is there. `altered` tells whether it may have another form.
    #[must_use]
    pub fn has(&self, number: Number, altered: bool) -> bool {
        self.counts.contains_key(&number) || (altered && self.altered.contains(&number))
    }

    fn add_files(&mut self, files: BTreeMap<PathBuf, Found>, mails: &BTreeMap<Number, Mail>) {
        for (path, found) in files {
            if let Found::File(octets) = found {
                self.add(&octets, &path.display().to_string(), mails);
            }
        }
    }

    fn add(&mut self, octets: &[u8], place: &str, mails: &BTreeMap<Number, Mail>) {
        let Some(mail) = number_of(octets).and_then(|number| mails.get(&number)) else {
            let begin = octets[..octets.len().min(60)].escape_ascii();
            self.wrong.push(format!("{place}: {} octets, {begin}", octets.len()));
            return;
        };
        if lf(octets) != mail.octets {
            let (found, expected) = (octets.len(), mail.octets.len());
            self.wrong
                .push(format!("{place}: message {} is altered: {found} octets, not {expected}", mail.number));
            self.altered.insert(mail.number);
            return;
        }
        *self.counts.entry(mail.number).or_default() += 1;
    }
}

/// The messages of an mboxrd, with what was quoted in it unquoted.
fn messages_of_mbox(octets: &[u8]) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut blank = true;
    for line in octets.split_inclusive(|&octet| octet == b'\n') {
        if blank && line.starts_with(b"From ") {
            messages.push(Vec::new());
        } else if let Some(message) = messages.last_mut() {
            let quoted = line.iter().position(|&octet| octet != b'>').unwrap_or(0);
            let line = if quoted > 0 && line[quoted..].starts_with(b"From ") { &line[1..] } else { line };
            message.extend_from_slice(line);
        } else {
            messages.push(line.to_vec());
        }
        blank = line == b"\n";
    }
    for message in &mut messages {
        // The empty line behind each.
        if message.ends_with(b"\n\n") {
            message.pop();
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_recognised_in_each_form() {
        let chance = Chance::new(3);
        for number in 0..200 {
            let mail = Mail::new(number, &chance);
            for form in [mail.stored(&chance), mail.on_the_wire(), mail.octets.clone()] {
                assert_eq!((number_of(&form), lf(&form)), (Some(number), mail.octets.clone()));
            }
        }
    }

    #[test]
    fn an_mbox_is_divided_where_messages_begin() {
        let octets = b"From a\nX\n>From b\n>>From c\n\nFrom d\nY\n\n\nFrom e\nZ\n\n";
        assert_eq!(messages_of_mbox(octets), [&b"X\nFrom b\n>From c\n"[..], b"Y\n\n", b"Z\n"]);
    }
}
