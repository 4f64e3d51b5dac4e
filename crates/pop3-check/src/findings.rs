//! How oddities are found.

use std::collections::HashSet;

use pop3_proto::{Capabilities, Capability, Channel, MessageNumber, Octets, Quirk, UniqueId};

use crate::finding::Finding;
use crate::report::CheckReport;

/// How many findings there may be before bad unique-ids are no longer listed.
const MOST: usize = 50;

impl CheckReport {
    pub(crate) fn find(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(crate) fn find_before_tls(&mut self, list: Option<&Capabilities>) {
        let Some(list) = list else { return };
        if !list.has(Capability::Stls) {
            self.find(Finding::NoStls);
        }
        if list.has(Capability::User) || list.mechanisms().any(is_plaintext) {
            self.find(Finding::PasswordsBeforeTls);
        }
    }

    pub(crate) fn find_before_login(&mut self, list: Option<&Capabilities>, channel: Channel) {
        let Some(list) = list else {
            return self.find(Finding::NoCapabilities);
        };
        if channel.is_tls() && list.has(Capability::Stls) {
            self.find(Finding::StlsWithinTls);
        }
        for (tag, capability) in
            [("TOP", Capability::Top), ("UIDL", Capability::Uidl), ("PIPELINING", Capability::Pipelining)]
        {
            if !list.has(capability) {
                self.find(Finding::NotAnnounced(tag));
            }
        }
        if list.has(Capability::AuthRespCode) && !list.has(Capability::RespCodes) {
            self.find(Finding::NoResponseCodes);
        }
    }

    /// Capabilities stay in the list after the login (RFC 2449 section 5).
    pub(crate) fn find_after_login(&mut self, before: Option<&Capabilities>, after: Option<&Capabilities>) {
        let Some(before) = before else { return };
        let Some(after) = after else {
            return self.find(Finding::NoCapabilitiesAfterLogin);
        };
        let (before, after) = (tags(before), tags(after));
        for tag in before.iter().filter(|tag| !after.contains(tag) && *tag != b"STLS") {
            self.find(Finding::BeforeLoginOnly(tag.clone()));
        }
        for tag in after.iter().filter(|tag| !before.contains(tag) && *tag != b"IMPLEMENTATION") {
            self.find(Finding::AfterLoginOnly(tag.clone()));
        }
        if after.iter().any(|tag| tag == b"STLS") {
            self.find(Finding::StlsAfterLogin);
        }
    }

    pub(crate) fn find_in_sizes(&mut self, messages: u32, octets: Octets, sizes: &[(MessageNumber, Octets)]) {
        self.find_count(messages, sizes.len(), "LIST");
        let list = sizes.iter().fold(0, |sum: Octets, (_, size)| sum.saturating_add(*size));
        if list != octets {
            self.find(Finding::OtherOctets { stat: octets, list });
        }
    }

    pub(crate) fn find_in_uids(&mut self, messages: u32, uids: &[(MessageNumber, Vec<u8>)]) {
        self.find_count(messages, uids.len(), "UIDL");
        let mut seen = HashSet::new();
        for (number, uid) in uids {
            if !seen.insert(uid) {
                self.find(Finding::UniqueIdTwice(uid.clone()));
            }
            if UniqueId::parse(uid).is_err() {
                self.find(Finding::BadUniqueId { message: *number, text: uid.clone() });
            }
            if self.findings.len() > MOST {
                return self.find(Finding::More);
            }
        }
    }

    pub(crate) fn find_quirks(&mut self, quirks: &[Quirk]) {
        for quirk in quirks {
            // Those are told elsewhere, with their figures.
            if !matches!(quirk, Quirk::NoCapabilities | Quirk::DifferentCount) {
                self.find(Finding::Quirk(*quirk));
            }
        }
    }

    fn find_count(&mut self, stat: u32, listed: usize, listing: &'static str) {
        if listed as u64 != u64::from(stat) {
            self.find(Finding::OtherCount { stat, listed, listing });
        }
    }
}

/// The first words of the lines, in upper case.
fn tags(list: &Capabilities) -> Vec<Vec<u8>> {
    let tag =
        |line: &[u8]| line.split(u8::is_ascii_whitespace).next().unwrap_or_default().to_ascii_uppercase();
    list.lines().map(tag).collect()
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

    fn lines(report: &CheckReport) -> Vec<String> {
        report.findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn capabilities_that_come_and_go() {
        let mut report = CheckReport::default();
        report.find_before_login(Some(&list(&["TOP", "UIDL", "PIPELINING", "STLS", "USER"])), Channel::Tls);
        report.find_after_login(Some(&list(&["TOP", "USER", "STLS"])), Some(&list(&["TOP", "EXPIRE 0"])));
        assert_eq!(
            lines(&report),
            [
                "STLS is announced within TLS (RFC 2595 section 4)",
                "USER is announced only before the login (RFC 2449 section 5)",
                "EXPIRE is announced only after the login",
            ]
        );
    }

    #[test]
    fn figures_that_do_not_agree() {
        let mut report = CheckReport::default();
        let number = |n| MessageNumber::new(n).unwrap();
        report.find_in_sizes(2, 30, &[(number(1), 10)]);
        report.find_in_uids(
            2,
            &[(number(1), b"a".to_vec()), (number(2), b"a".to_vec()), (number(3), b"\x1b".to_vec())],
        );
        let lines = lines(&report);
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| !line.contains('\x1b')), "{lines:?}");
    }

    #[test]
    fn a_flood_of_bad_unique_ids_is_cut() {
        let uids: Vec<_> = (1..1_000).map(|n| (MessageNumber::new(n).unwrap(), b"a b".to_vec())).collect();
        let mut report = CheckReport::default();
        report.find_in_uids(999, &uids);
        assert_eq!(report.findings.len(), MOST + 2);
        assert_eq!(report.findings.last(), Some(&Finding::More));
    }
}
