//! Discovers the server of a mail domain (RFC 6186, RFC 8314 section 5.1). The functions work on names and SRV
//! records. You do the DNS look-up. Do it once, when an account is set up, not for each connection.
//!
//! ```
//! use pop3_url::discovery::{Record, SrvService, candidates};
//! assert_eq!(SrvService::Pop3s.query("example.org").unwrap(), "_pop3s._tcp.example.org");
//! let records = [
//!     (SrvService::Pop3, Record { priority: 0, weight: 1, port: 110, target: "mail.example.org" }),
//!     (SrvService::Pop3s, Record { priority: 10, weight: 1, port: 995, target: "mail.example.org." }),
//! ];
//! let found = candidates("example.org", &records, |_| 0);
//! assert_eq!((found[0].service, found[0].port), (SrvService::Pop3s, 995));
//! ```

use alloc::string::String;
use alloc::vec::Vec;

/// A service with SRV records (RFC 6186 section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6186 names these two")]
pub enum SrvService {
    /// `_pop3s._tcp`: TLS from the first octet.
    Pop3s,
    /// `_pop3._tcp`: clear text at first. Require STLS (RFC 8314 section 5.1).
    Pop3,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "RFC 2782 gives a record these four fields")]
pub struct Record<'a> {
    /// The priority. Lower values are tried first.
    pub priority: u16,
    /// The relative share among records with the same priority.
    pub weight: u16,
    /// The port.
    pub port: u16,
    /// The host, with or without the final dot. `.` alone means that the domain does not provide the service.
    pub target: &'a str,
}

/// A server to try.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Candidate {
    /// The service, which determines how TLS starts.
    pub service: SrvService,
    /// The host, without the final dot. Use it for SNI and to verify the certificate only if the DNS answer was
    /// signed (DNSSEC) or a person agreed; see `foreign`.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Whether the host is outside the mail domain. An attacker who forges DNS answers can name any host. Without
    /// DNSSEC, ask a person to confirm the host (RFC 6186 section 6).
    pub foreign: bool,
}

impl SrvService {
    /// Both services, the preferred one first.
    pub const ALL: &'static [Self] = &[Self::Pop3s, Self::Pop3];

    /// Returns the labels in front of the domain.
    #[must_use]
    pub const fn labels(self) -> &'static str {
        match self {
            Self::Pop3s => "_pop3s._tcp",
            Self::Pop3 => "_pop3._tcp",
        }
    }

    /// Returns the name for the SRV query. Returns `None` if the domain is not an ASCII host name: letters, digits
    /// and hyphens in labels of 1 to 63 octets, 240 octets in total. Pass internationalized domains in their ASCII
    /// form (`xn--`).
    #[must_use]
    pub fn query(self, domain: &str) -> Option<String> {
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        is_host_name(domain).then(|| [self.labels(), ".", domain].concat())
    }
}

/// Returns the servers in the order in which to try them.
///
/// Services with TLS from the first octet come first, whatever their priority (RFC 8314 section 5.1). Within a
/// service, the order is that of RFC 2782: by priority, and random among equal priorities, in proportion to the
/// weights. `random` must return a uniformly distributed number from 0 to its argument. Targets that are not host
/// names are ignored. If there are records but no candidates, the domain declares that it has no POP3 (RFC 6186
/// section 3.4).
#[must_use]
pub fn candidates(
    domain: &str,
    records: &[(SrvService, Record<'_>)],
    mut random: impl FnMut(u32) -> u32,
) -> Vec<Candidate> {
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let mut left: Vec<_> = records
        .iter()
        .map(|&(service, record)| {
            let host = record.target.strip_suffix('.').unwrap_or(record.target);
            (service, Record { target: host, ..record })
        })
        .filter(|(_, record)| is_host_name(record.target) && record.port != 0)
        .collect();
    // Those without weight come first, so that a sum of 0 finds them (RFC 2782).
    left.sort_by_key(|&(service, record)| (service, record.priority, record.weight));
    let mut found = Vec::with_capacity(left.len());
    while let Some(&(service, first)) = left.first() {
        let same =
            |&&(own, record): &&(SrvService, Record<'_>)| own == service && record.priority == first.priority;
        let group = left.iter().take_while(same);
        let total = group.clone().fold(0_u32, |sum, (_, record)| sum.saturating_add(record.weight.into()));
        let mut rest = random(total).min(total);
        let chosen = group.clone().position(|(_, record)| match rest.checked_sub(record.weight.into()) {
            Some(0) | None => true,
            Some(smaller) => {
                rest = smaller;
                false
            }
        });
        let (_, record) = left.remove(chosen.unwrap_or_default());
        found.push(Candidate {
            service,
            host: record.target.into(),
            port: record.port,
            foreign: !is_within(record.target, domain),
        });
    }
    found
}

/// Returns the user names to try, in this order: the whole address, then its local part (RFC 6186 section 4). Try the
/// second one only if the server refused the credentials, not after other errors.
///
/// ```
/// let names: Vec<_> = pop3_url::discovery::user_names("a@b@example.org").collect();
/// assert_eq!(names, ["a@b@example.org", "a@b"]);
/// ```
pub fn user_names(address: &str) -> impl Iterator<Item = &str> {
    let local = address.rsplit_once('@').map(|(local, _)| local).filter(|local| !local.is_empty());
    core::iter::once(address).chain(local)
}

/// Returns the domain of a mail address, for use with [`SrvService::query`].
#[must_use]
pub fn domain_of(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
}

fn is_host_name(name: &str) -> bool {
    let good = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(good)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 240 && name.split('.').all(label)
}

/// Whether the host is the domain or lies below it.
fn is_within(host: &str, domain: &str) -> bool {
    let Some(above) = host.len().checked_sub(domain.len()) else { return false };
    let same = host.get(above..).is_some_and(|end| end.eq_ignore_ascii_case(domain));
    same && (above == 0 || host.get(..above).is_some_and(|begin| begin.ends_with('.')))
}
