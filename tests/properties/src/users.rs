//! Users files, and the texts of a server's settings.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use pop3_serve::{
    MaildropPath, NameRule, Table, User, UserName, Users as _, UsersFormat, parse_days, parse_host,
    parse_mechanisms, parse_network,
};

/// A users file is read or refused. It has the users that its lines make one by one, in any order of the users, and
/// whatever the line ends and comments are. An error names the line, and nothing of it.
///
/// # Panics
/// If that does not hold.
pub fn users(octets: &[u8]) {
    let read = Table::parse(octets);
    let wanted = one_by_one(octets);
    match (&read, &wanted) {
        (Ok(table), Ok(users)) => {
            assert_eq!((table.len(), table.is_empty()), (users.len(), users.is_empty()));
            for name in users.keys() {
                let name = UserName::parse(name.as_bytes()).expect("a name");
                assert!(table.find(&name).expect("no I/O").is_some_and(|user| user.can_log_in()));
            }
            assert!(!format!("{table:?}").contains("$argon2"));
        }
        (Err(error), Err(line)) => assert_eq!(error.line, *line, "{error}"),
        (_, _) => panic!("{read:?} {:?}", wanted.map(|users| users.len())),
    }
    if !octets.contains(&b'\r') {
        // With other line ends, and with comments between the lines.
        let mut other = Vec::new();
        for line in octets.split(|&octet| octet == b'\n') {
            other.extend_from_slice(b"# a comment\r\n");
            other.extend_from_slice(line);
            other.extend_from_slice(b"\r\n");
        }
        assert_eq!(Table::parse(&other).map(|table| table.len()).ok(), read.as_ref().map(Table::len).ok());
    }
    if let Err(error) = read {
        assert!(error.line >= 1 && error.line <= octets.split(|&octet| octet == b'\n').count());
        let shown = error.to_string();
        // The texts of errors are written here, so nothing secret is in them.
        let line = octets.split(|&octet| octet == b'\n').nth(error.line - 1).expect("a line of the file");
        if let Some(secret) = line.windows(24).next() {
            assert!(!shown.as_bytes().windows(24).any(|part| part == secret));
        }
    }
    passwd_file(octets);
    settings(octets);
}

/// A passwd-file is read or refused, and its names stay what they are.
fn passwd_file(octets: &[u8]) {
    let fold = NameRule::new().with_fold(true).with_default_domain("example.org").expect("a domain");
    for names in [NameRule::new(), fold] {
        for format in [UsersFormat::Pop3, UsersFormat::PasswdFile] {
            match Table::parse_with(octets, format, names.clone()) {
                Ok(table) => assert!(table.len() <= octets.split(|&octet| octet == b'\n').count()),
                Err(error) => {
                    assert!(error.line >= 1 && error.line <= octets.split(|&octet| octet == b'\n').count());
                }
            }
        }
        if let Some(name) = names.apply(octets) {
            assert_eq!(names.apply(name.as_str().as_bytes()), Some(name));
        }
    }
}

/// The users, or the number of the line at fault.
fn one_by_one(octets: &[u8]) -> Result<BTreeMap<String, User>, usize> {
    let mut users = BTreeMap::<String, (usize, User)>::new();
    for (index, line) in octets.split(|&octet| octet == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.starts_with(b"#") || line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut parts = line.splitn(2, |&octet| octet == b':');
        let name = parts.next().and_then(UserName::parse).ok_or(index + 1)?;
        let form = parts.next().ok_or(index + 1)?;
        let (first, user) = users.remove(name.as_str()).unwrap_or_else(|| (index + 1, User::new()));
        let user = user.with_form(form).map_err(|_| index + 1)?;
        users.insert(name.as_str().to_owned(), (first, user));
    }
    let powerless = users.values().filter(|(_, user)| !user.can_log_in()).map(|(line, _)| *line);
    match powerless.min() {
        Some(line) => Err(line),
        None => Ok(users.into_iter().map(|(name, (_, user))| (name, user)).collect()),
    }
}

/// What is read is written in one way.
fn settings(octets: &[u8]) {
    if let Some(name) = UserName::parse(octets) {
        let text = name.as_str();
        assert_eq!(UserName::parse(text.as_bytes()).as_ref(), Some(&name), "{text:?}");
        assert!(!text.starts_with('.') && !text.contains(['/', '\0', ':', ' ']) && !text.is_empty());
        assert!(text.chars().count() <= UserName::MAX && text.len() <= 255);
        assert!(!text.chars().any(char::is_control));
    }
    let Ok(text) = core::str::from_utf8(octets) else { return };
    if let Ok(path) = text.parse::<MaildropPath>() {
        let root = Path::new("/srv/mail");
        for user in ["alice", "alice@example.org", "a@b@c"] {
            let user = UserName::parse(user.as_bytes()).expect("a name");
            let Ok(path) = path.of(root, &user, Some(Path::new("/srv/mail/home/alice"))) else { continue };
            assert!(path.starts_with(root) && path != root, "{path:?}");
            assert!(!path.components().any(|component| component == Component::ParentDir), "{path:?}");
        }
    }
    if let Ok(days) = parse_days(text) {
        let written = days.map_or_else(|| "NEVER".to_owned(), |days| days.to_string());
        assert_eq!(parse_days(&written), Ok(days));
    }
    if let Ok(host) = parse_host(text) {
        assert_eq!(parse_host(&host).as_ref(), Ok(&host));
        assert!(host.bytes().all(|octet| octet.is_ascii_graphic()) && !host.contains(['@', '<', '>']));
    }
    if let Ok(network) = parse_network(text) {
        assert_eq!(parse_network(&network.to_string()), Ok(network));
    }
    if let Ok(mechanisms) = parse_mechanisms(text) {
        let names: Vec<&str> = mechanisms.iter().map(|mechanism| mechanism.name()).collect();
        let written = if names.is_empty() { "none".to_owned() } else { names.join(",") };
        assert_eq!(parse_mechanisms(&written), Ok(mechanisms));
    }
}
