//! What is odd about a server. All text that comes from it is escaped here.

use std::collections::HashSet;

use pop3_proto::{Capabilities, Capability, Channel, MessageNumber, Octets, Quirk, UniqueId};

use pop3_text::Escaped;

/// Oddities, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<String>);

impl Findings {
    pub(super) fn lines(&self) -> &[String] {
        &self.0
    }

    fn find(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.0.contains(&text) {
            self.0.push(text);
        }
    }

    pub(super) fn before_tls(&mut self, list: Option<&Capabilities>) {
        let Some(list) = list else { return };
        if !list.has(Capability::Stls) {
            self.find("STLS is not announced before TLS (RFC 2595 section 4)");
        }
        if list.has(Capability::User) || list.mechanisms().any(is_plaintext) {
            self.find("passwords are taken before TLS (RFC 8314 section 4.1)");
        }
    }

    pub(super) fn before_login(&mut self, list: Option<&Capabilities>, channel: Channel) {
        let Some(list) = list else {
            return self.find("there is no CAPA (RFC 2449)");
        };
        if channel.is_tls() && list.has(Capability::Stls) {
            self.find("STLS is announced within TLS (RFC 2595 section 4)");
        }
        for (tag, capability) in
            [("TOP", Capability::Top), ("UIDL", Capability::Uidl), ("PIPELINING", Capability::Pipelining)]
        {
            if !list.has(capability) {
                self.find(format!("{tag} is not announced before the login"));
            }
        }
        if list.has(Capability::AuthRespCode) && !list.has(Capability::RespCodes) {
            self.find("AUTH-RESP-CODE is announced without RESP-CODES (RFC 3206 section 6)");
        }
    }

    /// Capabilities stay in the list after the login (RFC 2449 section 5).
    pub(super) fn after_login(&mut self, before: Option<&Capabilities>, after: Option<&Capabilities>) {
        let (Some(before), after) = (before, after) else { return };
        let Some(after) = after else {
            return self.find("CAPA is not answered after the login (RFC 2449 section 5)");
        };
        let tags = |list: &Capabilities| -> Vec<Vec<u8>> {
            let tag = |line: &[u8]| {
                line.split(u8::is_ascii_whitespace).next().unwrap_or_default().to_ascii_uppercase()
            };
            list.lines().map(tag).collect()
        };
        let (before, after) = (tags(before), tags(after));
        for tag in before.iter().filter(|tag| !after.contains(tag) && *tag != b"STLS") {
            self.find(format!(
                "{} is announced before the login only (RFC 2449 section 5)",
                Escaped::new(tag)
            ));
        }
        for tag in after.iter().filter(|tag| !before.contains(tag) && *tag != b"IMPLEMENTATION") {
            self.find(format!("{} is announced after the login only", Escaped::new(tag)));
        }
        if after.iter().any(|tag| tag == b"STLS") {
            self.find("STLS is announced after the login (RFC 2595 section 4)");
        }
    }

    pub(super) fn sizes(&mut self, messages: u32, octets: Octets, sizes: &[(MessageNumber, Octets)]) {
        if sizes.len() as u64 != u64::from(messages) {
            self.find(format!("STAT counts {messages} messages, LIST {}", sizes.len()));
        }
        let sum = sizes.iter().fold(0, |sum: Octets, (_, size)| sum.saturating_add(*size));
        if sum != octets {
            self.find(format!("STAT counts {octets} octets, LIST {sum}"));
        }
    }

    pub(super) fn uids(&mut self, messages: u32, uids: &[(MessageNumber, Vec<u8>)]) {
        if uids.len() as u64 != u64::from(messages) {
            self.find(format!("STAT counts {messages} messages, UIDL {}", uids.len()));
        }
        let mut seen = HashSet::new();
        for (number, uid) in uids {
            if !seen.insert(uid) {
                self.find(format!("the unique-id {} is given twice (RFC 1939 section 7)", Escaped::new(uid)));
            }
            if UniqueId::parse(uid).is_err() {
                self.find(format!("the unique-id of message {number} is none: {}", Escaped::new(uid)));
            }
            if self.0.len() > 50 {
                return self.find("more such are not listed");
            }
        }
    }

    pub(super) fn no_list(&mut self, text: &[u8]) {
        self.find(format!("LIST is refused: {}", Escaped::new(text)));
    }

    pub(super) fn hang_up_at_quit(&mut self) {
        self.find("the connection is closed at QUIT, which is not answered (RFC 1939 section 6)");
    }

    pub(super) fn no_uidl(&mut self, text: &[u8]) {
        self.find(format!("UIDL is refused: {}", Escaped::new(text)));
    }

    pub(super) fn quirks(&mut self, quirks: &[Quirk]) {
        for quirk in quirks {
            // Those are told elsewhere, with their figures.
            if !matches!(quirk, Quirk::NoCapabilities | Quirk::DifferentCount) {
                self.find(quirk.to_string());
            }
        }
    }
}

fn is_plaintext(mechanism: &[u8]) -> bool {
    [&b"PLAIN"[..], b"LOGIN", b"XOAUTH2", b"OAUTHBEARER"]
        .iter()
        .any(|known| mechanism.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &[&str]) -> Capabilities {
        lines.iter().map(|line| line.as_bytes()).collect()
    }

    #[test]
    fn capabilities_that_come_and_go() {
        let mut findings = Findings::default();
        findings.before_login(Some(&list(&["TOP", "UIDL", "PIPELINING", "STLS", "USER"])), Channel::Tls);
        findings.after_login(Some(&list(&["TOP", "USER", "STLS"])), Some(&list(&["TOP", "EXPIRE 0"])));
        assert_eq!(
            findings.lines(),
            [
                "STLS is announced within TLS (RFC 2595 section 4)",
                "USER is announced before the login only (RFC 2449 section 5)",
                "EXPIRE is announced after the login only",
            ]
        );
    }

    #[test]
    fn figures_that_do_not_agree() {
        let mut findings = Findings::default();
        let number = |n| MessageNumber::new(n).unwrap();
        findings.sizes(2, 30, &[(number(1), 10)]);
        findings.uids(
            2,
            &[(number(1), b"a".to_vec()), (number(2), b"a".to_vec()), (number(3), b"\x1b".to_vec())],
        );
        assert_eq!(findings.lines().len(), 5);
        assert!(findings.lines().iter().all(|line| !line.contains('\x1b')), "{findings:?}");
    }
}
