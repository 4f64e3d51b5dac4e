//! What the server announced.

use alloc::vec::Vec;

use pop3_proto::{Capability, MechanismName};

use crate::rule::Rule;

/// How many mechanisms are remembered.
const MAX_MECHANISMS: usize = 64;

/// The lists of capabilities of a connection, since TLS began if it did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Announced {
    /// The last list that was complete.
    current: Option<List>,
    /// The tags of the last list before the login.
    before: Option<u16>,
    gathered: List,
}

/// What a list says, as far as it matters here.
#[derive(Clone, Debug, Default)]
struct List {
    /// One bit a tag.
    tags: u16,
    utf8_user: bool,
    mechanisms: Vec<MechanismName>,
}

/// A tag, by its bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Top = 1,
    User = 1 << 1,
    Sasl = 1 << 2,
    RespCodes = 1 << 3,
    LoginDelay = 1 << 4,
    Pipelining = 1 << 5,
    Expire = 1 << 6,
    Uidl = 1 << 7,
    Implementation = 1 << 8,
    Stls = 1 << 9,
    AuthRespCode = 1 << 10,
    Utf8 = 1 << 11,
    Lang = 1 << 12,
}

/// Where the session is when a list comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) tls: bool,
    pub(crate) clear: bool,
    pub(crate) logged_in: bool,
}

impl Announced {
    /// Whether the last list has a tag; `None` when there is no list.
    pub(crate) fn has(&self, tag: Tag) -> Option<bool> {
        self.current.as_ref().map(|list| list.tags & tag as u16 != 0)
    }

    /// Whether names may be UTF-8.
    pub(crate) fn utf8_user(&self) -> bool {
        self.current.as_ref().is_some_and(|list| list.utf8_user)
    }

    /// Whether the last list has a mechanism; `None` when there is no list.
    pub(crate) fn lists(&self, mechanism: MechanismName) -> Option<bool> {
        self.current
            .as_ref()
            .map(|list| list.mechanisms.len() >= MAX_MECHANISMS || list.mechanisms.contains(&mechanism))
    }

    /// A list begins.
    pub(crate) fn begin(&mut self) {
        self.gathered = List::default();
    }

    /// A line of the list, of so many octets with its line end.
    pub(crate) fn line(&mut self, line: &[u8], octets: u64, place: Place, flag: &mut dyn FnMut(Rule)) {
        let spaced = line.split(|&octet| octet == b' ').any(<[u8]>::is_empty);
        if octets > 512 || spaced || line.iter().any(u8::is_ascii_control) {
            flag(Rule::CapabilitySyntax);
        }
        let tag = line.trim_ascii().split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if tag.iter().any(|octet| !matches!(octet, b'!'..=0x7f) || *octet == b'.') {
            flag(Rule::CapabilityTag);
        }
        let capability = Capability::parse(line);
        if let Capability::Sasl(list) = capability {
            self.mechanisms(list, place, flag);
        }
        if let Capability::Utf8 { user } = capability {
            self.gathered.utf8_user |= user;
        }
        if matches!(capability, Capability::Stls) && (place.tls || place.logged_in) {
            flag(Rule::StlsListed);
        }
        let Some(tag) = Tag::of(capability) else { return };
        if self.gathered.tags & tag as u16 != 0 {
            flag(Rule::CapabilityTwice);
        }
        self.gathered.tags |= tag as u16;
    }

    fn mechanisms(&mut self, list: &[u8], place: Place, flag: &mut dyn FnMut(Rule)) {
        for word in list.split(u8::is_ascii_whitespace) {
            let Some(name) = MechanismName::parse(word) else { continue };
            if !place.tls && name.as_str().ends_with("-PLUS") {
                flag(Rule::PlusListed);
            }
            if place.clear && shows_secret(name) {
                flag(Rule::PlainListed);
            }
            if self.gathered.mechanisms.len() < MAX_MECHANISMS {
                self.gathered.mechanisms.push(name);
            }
        }
    }

    /// The list is complete.
    pub(crate) fn end(&mut self, place: Place, flag: &mut dyn FnMut(Rule)) {
        let list = core::mem::take(&mut self.gathered);
        if !place.logged_in {
            self.before = Some(list.tags);
        } else if let Some(before) = self.before
            && before & !list.tags & !(Tag::Stls as u16) != 0
        {
            flag(Rule::CapabilityDropped);
        }
        self.current = Some(list);
    }
}

impl Tag {
    const fn of(capability: Capability<'_>) -> Option<Self> {
        Some(match capability {
            Capability::Top => Self::Top,
            Capability::User => Self::User,
            Capability::Sasl(_) => Self::Sasl,
            Capability::RespCodes => Self::RespCodes,
            Capability::LoginDelay(_) => Self::LoginDelay,
            Capability::Pipelining => Self::Pipelining,
            Capability::Expire(_) => Self::Expire,
            Capability::Uidl => Self::Uidl,
            Capability::Implementation(_) => Self::Implementation,
            Capability::Stls => Self::Stls,
            Capability::AuthRespCode => Self::AuthRespCode,
            Capability::Utf8 { .. } => Self::Utf8,
            Capability::Lang => Self::Lang,
            Capability::Other(_) => return None,
            // One that this version does not know.
            _ => return None,
        })
    }
}

/// Whether a mechanism sends a password or a token as it is.
pub(crate) fn shows_secret(mechanism: MechanismName) -> bool {
    matches!(mechanism.as_str(), "PLAIN" | "LOGIN" | "OAUTHBEARER" | "XOAUTH2")
}
