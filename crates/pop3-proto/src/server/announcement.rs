//! The capabilities that CAPA announces.

use alloc::string::String;
use alloc::sync::Arc;

use super::config::{ServerConfig, Utf8};
use crate::reply::MAX_REPLY;
use crate::{Capability, Expire, LoginDelay, MechanismName};

/// The capabilities that a session announces at one moment (RFC 2449 section 5). See
/// [`ServerSession::announcement`](super::rules::ServerSession::announcement).
#[derive(Clone, Debug)]
pub struct Announcement {
    config: Arc<ServerConfig>,
    /// The mechanisms, separated by spaces.
    sasl: String,
    pub(super) user: bool,
    pub(super) stls: bool,
    pub(super) utf8: Option<Utf8>,
    pub(super) lang: bool,
    pub(super) login_delay: Option<LoginDelay>,
    pub(super) expire: Option<Expire>,
}

impl Announcement {
    /// Creates the list of what is always announced.
    pub(super) const fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            config,
            sasl: String::new(),
            user: false,
            stls: false,
            utf8: None,
            lang: false,
            login_delay: None,
            expire: None,
        }
    }

    /// Announces as many mechanisms as a line of 512 octets holds.
    pub(super) fn announce_mechanisms(&mut self, names: impl Iterator<Item = MechanismName>) {
        for name in names {
            let name = name.as_str();
            let length = "SASL \r\n".len().saturating_add(self.sasl.len()).saturating_add(name.len());
            if length.saturating_add(usize::from(!self.sasl.is_empty())) > MAX_REPLY {
                break;
            }
            if !self.sasl.is_empty() {
                self.sasl.push(' ');
            }
            self.sasl.push_str(name);
        }
    }

    /// Returns the capabilities in the order in which they are announced. The texts from [`ServerConfig`] are
    /// returned as they were set, although octets outside printable ASCII are not sent.
    pub fn capabilities(&self) -> impl Iterator<Item = Capability<'_>> {
        let always = [
            Capability::Top,
            Capability::Uidl,
            Capability::RespCodes,
            Capability::AuthRespCode,
            Capability::Pipelining,
        ];
        let sasl = (!self.sasl.is_empty()).then_some(Capability::Sasl(self.sasl.as_bytes()));
        let implementation = self.config.implementation.as_ref();
        let some = [
            self.user.then_some(Capability::User),
            sasl,
            self.stls.then_some(Capability::Stls),
            self.utf8.map(|utf8| Capability::Utf8 { user: utf8.user }),
            self.lang.then_some(Capability::Lang),
            self.login_delay.map(Capability::LoginDelay),
            self.expire.map(Capability::Expire),
            implementation.map(|text| Capability::Implementation(text.as_bytes())),
        ];
        // A tag has no dot, so that no line begins with one (RFC 2449 section 3), and one that is not
        // registered begins with X (section 9).
        let own = self.config.capabilities.iter().filter(|line| {
            let tag = line.trim_start().split(' ').next().unwrap_or_default();
            tag.starts_with(['X', 'x']) && !tag.contains('.')
        });
        let own = own.map(|line| Capability::Other(line.as_bytes()));
        always.into_iter().chain(some.into_iter().flatten()).chain(own)
    }
}
