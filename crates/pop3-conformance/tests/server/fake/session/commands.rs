//! The commands, and the replies to those about messages.

use core::sync::atomic::Ordering;

use super::{Session, Then};
use crate::fake::Flaw;

impl Session<'_> {
    pub(super) fn command(&mut self, keyword: &str, argument: Option<&str>, text: &str) -> (Vec<u8>, Then) {
        let go = |text: &str| (format!("{text}\r\n").into_bytes(), Then::Go);
        let no = || go("-ERR not now, or not so");
        let none = argument.is_none();
        let reply = match keyword {
            "QUIT" if none => {
                if self.logged_in {
                    self.commit();
                }
                return (b"+OK bye\r\n".to_vec(), Then::Close);
            }
            "CAPA" if none => self.capabilities(),
            "LANG" => return go(&lang(argument)),
            "STLS" if none && !self.tls && !self.logged_in => {
                return (b"+OK begin\r\n".to_vec(), Then::StartTls);
            }
            "UTF8" if none && !self.logged_in => {
                self.utf8 = true;
                return go("+OK UTF8");
            }
            "USER"
                if !self.logged_in
                    && argument.is_some_and(|name| !name.trim().is_empty() && !name.contains(' ')) =>
            {
                self.user = argument.map(str::to_owned);
                self.last = argument.unwrap_or_default().to_owned();
                return go("+OK the password");
            }
            "PASS"
                if !self.logged_in
                    && self.user.is_some()
                    && argument.is_some_and(|word| !word.is_empty()) =>
            {
                return go(&self.password(&text[5..]));
            }
            "APOP" if !self.logged_in => return go(&self.apop(argument.unwrap_or_default())),
            "AUTH" if !self.logged_in => return go(&self.auth(argument)),
            _ if !self.logged_in => return no(),
            "NOOP" if none => return go("+OK nothing"),
            "RSET" if none => {
                if !self.flaw(Flaw::ResetDoesNothing) {
                    self.marks.clear();
                }
                return go("+OK unmarked");
            }
            "STAT" if none => {
                let list = self.present();
                return go(&format!(
                    "+OK {} {}",
                    list.len(),
                    list.iter().map(|(_, _, mail)| mail.len()).sum::<usize>()
                ));
            }
            "LIST" | "UIDL" => return (self.listing(keyword, argument), Then::Go),
            "RETR" => self.named(argument).map(|(_, _, mail)| body(&mail, usize::MAX)),
            "TOP" => argument.and_then(|argument| {
                let (number, count) = argument.split_once(' ')?;
                let count = digits(count)?;
                self.named(Some(number)).map(|(_, _, mail)| body(&mail, count))
            }),
            "DELE" => self.named(argument).map(|(number, _, _)| {
                self.marks.push(number);
                b"+OK marked\r\n".to_vec()
            }),
            _ => None,
        };
        reply.map_or_else(no, |reply| (reply, Then::Go))
    }

    fn capabilities(&self) -> Option<Vec<u8>> {
        let mut lines =
            vec!["TOP", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "USER", "UTF8 USER", "LANG"];
        lines.extend(["SASL PLAIN LOGIN CRAM-MD5", "LOGIN-DELAY 0", "EXPIRE NEVER", "IMPLEMENTATION fake"]);
        if !self.logged_in && (!self.tls || self.flaw(Flaw::OffersStlsInTls)) {
            lines.push("STLS");
        }
        Some(format!("+OK list\r\n{}\r\n.\r\n", lines.join("\r\n")).into_bytes())
    }

    fn present(&self) -> Vec<(usize, String, Vec<u8>)> {
        let mail = self.house.mail.lock().unwrap();
        let all = (1..).zip(mail.iter()).filter(|(number, _)| !self.marks.contains(number));
        let count = self.house.count.load(Ordering::Relaxed);
        let uid = |uid: &String| {
            if self.flaw(Flaw::UidsPerSession) { format!("{uid}-{count}") } else { uid.clone() }
        };
        all.map(|(number, (name, octets))| (number, uid(name), octets.clone())).collect()
    }

    fn named(&self, argument: Option<&str>) -> Option<(usize, String, Vec<u8>)> {
        let number = digits(argument?)?;
        self.present().into_iter().find(|(at, _, _)| *at == number)
    }

    fn listing(&self, keyword: &str, argument: Option<&str>) -> Vec<u8> {
        let line = |(number, uid, mail): &(usize, String, Vec<u8>)| match keyword {
            "LIST" => format!("{number} {}", mail.len()),
            _ => format!("{number} {uid}"),
        };
        if argument.is_some() {
            let found = self.named(argument);
            return found.map_or_else(
                || b"-ERR no such message\r\n".to_vec(),
                |one| format!("+OK {}\r\n", line(&one)).into_bytes(),
            );
        }
        let mut present = self.present();
        if self.flaw(Flaw::RenumbersList) && keyword == "LIST" {
            for (index, one) in present.iter_mut().enumerate() {
                one.0 = index + 1;
            }
        }
        let lines: String = present.iter().map(|one| line(one) + "\r\n").collect();
        format!("+OK list\r\n{lines}.\r\n").into_bytes()
    }
}

fn lang(argument: Option<&str>) -> String {
    match argument {
        None => "+OK languages\r\nen English\r\n.".to_owned(),
        Some(tag) if tag == "*" || tag.eq_ignore_ascii_case("en") => "+OK en English it is".to_owned(),
        Some(_) => "-ERR no such language".to_owned(),
    }
}

/// A number that consists only of digits.
fn digits(text: &str) -> Option<usize> {
    if text.is_empty() || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// `+OK`, the stuffed message or its header and this many lines, and the dot.
fn body(mail: &[u8], count: usize) -> Vec<u8> {
    let mut out = b"+OK message\r\n".to_vec();
    let mut left = None;
    for line in mail.split_inclusive(|octet| *octet == b'\n') {
        match left {
            Some(0) => break,
            Some(count) => left = Some(count - 1),
            None if line == b"\r\n" => left = Some(count),
            None => {}
        }
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}
