//! POP URLs, internationalized hosts, and the order of servers from SRV records.

use arbitrary::{Arbitrary, Result, Unstructured};
use core::num::NonZeroU16;

use pop3_url::discovery::{Record, SrvService, candidates, domain_of, user_names};
use pop3_url::{AuthChoice, Scheme, Url, UrlError, idn};

/// A text is a URL or is refused. A URL is written in one way, which is read as the same URL and says what the text
/// said. An internationalized host is converted, and nothing else of the text. The servers of a domain come in the
/// order of RFC 2782.
///
/// # Panics
/// If that does not hold.
pub fn url(octets: &[u8]) {
    if let Ok(text) = core::str::from_utf8(octets) {
        read(text);
        international(text);
        addresses(text);
    }
    if let Ok(domain) = Domain::arbitrary(&mut Unstructured::new(octets)) {
        discovery(&domain);
    }
}

fn read(text: &str) {
    let read = Url::parse(text);
    assert_eq!(read.is_ok(), reference(text).is_some(), "{text:?} {read:?}");
    let Ok(url) = read else { return };
    let (scheme, user, auth, host, port) = reference(text).expect("it is one");
    assert_eq!((url.scheme().name(), url.user(), url.host()), (&scheme[..], user.as_deref(), &host[..]));
    let default = if scheme.ends_with('s') { 995 } else { 110 };
    assert_eq!(url.port(), port.unwrap_or(default));
    assert!(url.user().is_none_or(|user| !user.is_empty() && !user.iter().any(|it| b"\0\r\n".contains(it))));
    match url.auth() {
        AuthChoice::Any => assert!(matches!(auth.as_deref(), None | Some("*"))),
        AuthChoice::Apop => assert_eq!(auth.as_deref(), Some("+APOP")),
        AuthChoice::Extension(name) => assert_eq!(auth, Some(format!("+{name}"))),
        AuthChoice::Sasl(name) => assert_eq!(auth.as_ref(), Some(name)),
        other => panic!("{other:?}: no test knows it"),
    }
    let written = url.to_string();
    assert!(written.is_ascii());
    assert_eq!(Url::parse(&written).as_ref(), Ok(&url), "{written}");
    // What is built from its parts is the same.
    let mut built = Url::new(url.scheme(), url.host()).expect("the host of a URL");
    if let Some(user) = url.user() {
        built = built.with_user(user).expect("the user of a URL");
    }
    let built = built.with_port(NonZeroU16::new(url.port()).expect("no port is 0"));
    assert_eq!(built == url, *url.auth() == AuthChoice::Any);
    assert_eq!(idn::to_ascii(&written).as_deref(), Ok(&written[..]), "a URL has an ASCII host");
}

type Parts = (String, Option<Vec<u8>>, Option<String>, String, Option<u16>);

/// The parts of a URL, read with the grammar of RFC 2384 section 8 and one character after the other.
fn reference(text: &str) -> Option<Parts> {
    let colon = text.find(':')?;
    let scheme = text[..colon].to_ascii_lowercase();
    if !["pop", "pop3", "pops", "pop3s"].contains(&&scheme[..]) {
        return None;
    }
    let mut server = text[colon..].strip_prefix("://")?;
    server = server.strip_suffix('/').unwrap_or(server);
    if server.contains(['/', '?', '#']) {
        return None;
    }
    let (mut user, mut auth) = (None, None);
    if let Some(at) = server.rfind('@') {
        let login = &server[..at];
        server = &server[at + 1..];
        let mut parts = login.splitn(2, ';');
        let name = parts.next()?;
        if let Some(parameter) = parts.next() {
            let (keyword, mechanism) = parameter.split_at_checked(5)?;
            if !keyword.eq_ignore_ascii_case("AUTH=") {
                return None;
            }
            let plain = String::from_utf8(decoded(mechanism)?).ok()?.to_ascii_uppercase();
            auth = Some(plain).filter(|plain| is_mechanism(mechanism, plain));
            auth.as_ref()?;
        } else if name.is_empty() {
            return None;
        }
        if !name.is_empty() {
            user = Some(decoded(name)?);
        }
    }
    let (host, port) = host_and_port(server)?;
    Some((scheme, user, auth, host, port))
}

/// Whether a value is a mechanism: `*` unescaped, `+` and visible characters, or the name of a SASL mechanism.
fn is_mechanism(written: &str, plain: &str) -> bool {
    match plain.strip_prefix('+') {
        Some(extension) => !extension.is_empty() && extension.chars().all(|it| matches!(it, '!'..='~')),
        None if written == "*" => true,
        None => {
            let allowed = |it: char| matches!(it, 'A'..='Z' | '0'..='9' | '-' | '_');
            (1..=20).contains(&plain.len()) && plain.chars().all(allowed)
        }
    }
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    let octets = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < octets.len() {
        let octet = if octets[at] == b'%' {
            let digits =
                text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()))?;
            at += 2;
            u8::from_str_radix(digits, 16).ok()?
        } else {
            Some(octets[at]).filter(|it| it.is_ascii_alphanumeric() || b"$-_.+!*'(),&=~".contains(it))?
        };
        at += 1;
        decoded.push(Some(octet).filter(|it| !b"\0\r\n".contains(it))?);
    }
    Some(decoded)
}

fn host_and_port(server: &str) -> Option<(String, Option<u16>)> {
    let end = if server.starts_with('[') {
        server.find(']')? + 1
    } else {
        server.find(':').unwrap_or(server.len())
    };
    let (host, port) = server.split_at(end);
    let host = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']')?.parse::<core::net::Ipv6Addr>().ok()?.to_string(),
        None => {
            let labels: Vec<&str> = host.strip_suffix('.').unwrap_or(host).split('.').collect();
            let good = |label: &&str| {
                !label.is_empty()
                    && label.len() < 64
                    && label.chars().all(|it| matches!(it, 'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_'))
            };
            Some(host).filter(|host| host.len() <= 254 && labels.iter().all(good))?.to_lowercase()
        }
    };
    match port.strip_prefix(':') {
        None => port.is_empty().then_some((host, None)),
        Some("") => Some((host, None)),
        Some(digits) => {
            let is_number = (1..=5).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
            let port = digits.parse::<u16>().ok().filter(|port| is_number && *port > 0)?;
            Some((host, Some(port)))
        }
    }
}

fn international(text: &str) {
    let Ok(ascii) = idn::to_ascii(text) else { return };
    assert_eq!(idn::to_ascii(&ascii).as_deref(), Ok(&*ascii), "converting twice changes nothing");
    if ascii != text {
        // All that differs lies between the login and the port.
        let (start, rest) = text.split_once("://").expect("a URL");
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let host = rest[..end].rfind('@').map_or(0, |at| at + 1);
        let port = rest[host..end].find(':').map_or(end, |colon| host + colon);
        let (before, behind) = (format!("{start}://{}", &rest[..host]), &rest[port..]);
        let converted =
            ascii.strip_prefix(&before).and_then(|rest| rest.strip_suffix(behind)).expect("the rest stays");
        assert!(
            converted.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it)),
            "{converted}"
        );
    }
    if let Ok(url) = Url::parse(&ascii) {
        let shown = idn::to_text(url.host());
        if shown != url.host() {
            let back =
                idn::to_ascii(&format!("pop://{shown}")).expect("what is shown is a host").into_owned();
            assert_eq!(back, format!("pop://{}", url.host()));
        }
        assert!(!shown.chars().any(char::is_control));
    } else if ascii.starts_with("pop://") {
        assert_ne!(Url::parse(&ascii), Err(UrlError::Scheme));
    }
}

fn addresses(text: &str) {
    let names: Vec<&str> = user_names(text).collect();
    assert_eq!(names[0], text);
    match domain_of(text) {
        Some(domain) => {
            assert!(text.ends_with(&format!("@{domain}")) && !domain.contains('@'));
            for service in SrvService::ALL {
                let Some(query) = service.query(domain) else { continue };
                assert!(query.len() <= 253 && query.starts_with(&format!("{}.", service.labels())));
                assert!(query.split('.').skip(2).all(|label| {
                    let is_edge = label.starts_with('-') || label.ends_with('-');
                    !is_edge && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-')
                }));
            }
        }
        None => assert!(!text.contains('@') || text.ends_with('@')),
    }
    assert!(names[1..].iter().all(|name| !name.is_empty() && text.starts_with(&format!("{name}@"))));
}

/// A domain with its SRV records.
#[derive(Debug)]
struct Domain<'a> {
    name: &'a str,
    records: Vec<(SrvService, Record<'a>)>,
    random: Vec<u32>,
}

impl<'a> Arbitrary<'a> for Domain<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        const TARGETS: [&str; 8] =
            ["a.example", "B.Example.", "mail.example", "example", ".", "", "-x.example", "elsewhere.test"];
        let name = *u.choose(&["example", "example.", "a.example", ""])?;
        let mut records = Vec::new();
        for _ in 0..u.int_in_range(0..=6_u8)? {
            let [bits, priority, weight, port] = u.arbitrary::<[u8; 4]>()?;
            let target = match bits >> 1 {
                place @ 0..8 => TARGETS[usize::from(place)],
                _ => u.arbitrary()?,
            };
            let [priority, weight, port] = [priority % 4, weight, port % 4].map(u16::from);
            let record = Record { priority, weight: weight * 257, port, target };
            records.push((SrvService::ALL[usize::from(bits & 1)], record));
        }
        Ok(Self { name, records, random: u.arbitrary()? })
    }
}

fn discovery(domain: &Domain<'_>) {
    let mut random = domain.random.iter().copied();
    let mut asked = Vec::new();
    let found = candidates(domain.name, &domain.records, |most| {
        asked.push(most);
        // More than was asked for must not matter.
        random.next().unwrap_or(0)
    });
    assert!(found.len() <= domain.records.len() && asked.len() == found.len());
    // Each candidate is one of the records that are left.
    let mut left: Vec<_> = domain.records.iter().filter(|(_, record)| record.port != 0).collect();
    let mut before = None;
    for candidate in &found {
        let is_it = |(service, record): &&(SrvService, Record<'_>)| {
            let host = record.target.strip_suffix('.').unwrap_or(record.target);
            *service == candidate.service && record.port == candidate.port && host == candidate.host
        };
        // Of several that look the same, the one with the lowest priority comes first.
        let (place, (service, record)) = left
            .iter()
            .enumerate()
            .filter(|(_, record)| is_it(record))
            .min_by_key(|(_, (_, record))| record.priority)
            .map(|(place, record)| (place, **record))
            .expect("one of the records");
        left.remove(place);
        assert!(before.is_none_or(|before| before <= (service, record.priority)));
        before = Some((service, record.priority));
        let host = candidate.host.to_ascii_lowercase();
        let own = domain.name.strip_suffix('.').unwrap_or(domain.name).to_ascii_lowercase();
        assert_eq!(candidate.foreign, host != own && !host.ends_with(&format!(".{own}")));
        assert!(Url::new(Scheme::Pop3, &candidate.host).is_ok());
    }
    // What is left over is no host.
    assert!(left.iter().all(|(service, record)| service.query(record.target).is_none()), "{left:?}");
}
