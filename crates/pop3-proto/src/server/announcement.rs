//! The capabilities that CAPA announces.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use super::session::ServerSession;
use crate::reply::MAX_REPLY;
use crate::{Capabilities, Capability, Expire, LoginDelay};

impl ServerSession {
    /// Returns what CAPA announces now.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let sasl = self.mechanism_list();
        let known = [
            Some(Capability::Top),
            Some(Capability::Uidl),
            Some(Capability::RespCodes),
            Some(Capability::AuthRespCode),
            Some(Capability::Pipelining),
            self.offers_user().is_ok().then_some(Capability::User),
            (!sasl.is_empty()).then_some(Capability::Sasl(sasl.as_bytes())),
            self.offers_stls().is_ok().then_some(Capability::Stls),
            self.offers_utf8().is_ok().then_some(Capability::Utf8 { user: self.config.utf8_user }),
            self.offers_lang().is_ok().then_some(Capability::Lang),
            self.login_delay().map(Capability::LoginDelay),
            self.expire().map(Capability::Expire),
        ];
        let mut list = Capabilities::new();
        for capability in known.into_iter().flatten() {
            list.push_read(capability.to_string().as_bytes(), capability);
        }
        // A tag has no dot, so that no line begins with one (RFC 2449 section 3), and one that is not
        // registered begins with X (section 9).
        let own = self.config.capabilities.iter().filter(|line| {
            let tag = line.trim_start().split(' ').next().unwrap_or_default();
            tag.starts_with(['X', 'x']) && !tag.contains('.')
        });
        let implementation = self.config.implementation.iter().map(|text| operators("IMPLEMENTATION ", text));
        for line in implementation.chain(own.map(|line| operators("", line))).flatten() {
            list.push(&line);
        }
        list
    }

    /// The names behind SASL: as many as fit into one line.
    fn mechanism_list(&self) -> String {
        let mut list = String::new();
        for offered in self.mechanisms() {
            let name = offered.name.as_str();
            let length = "SASL \r\n".len().saturating_add(list.len()).saturating_add(name.len());
            if length.saturating_add(usize::from(!list.is_empty())) > MAX_REPLY {
                break;
            }
            if !list.is_empty() {
                list.push(' ');
            }
            list.push_str(name);
        }
        list
    }

    /// Before the login, the largest value of all users is announced (RFC 2449 section 6.5).
    fn login_delay(&self) -> Option<LoginDelay> {
        let delay = self.login_delay.or(self.config.login_delay)?;
        Some(LoginDelay { per_user: delay.per_user && !self.is_logged_in(), ..delay })
    }

    /// As for the delay (RFC 2449 section 6.7).
    fn expire(&self) -> Option<Expire> {
        let expire = self.expire.or(self.config.expire)?;
        Some(Expire { per_user: expire.per_user && !self.is_logged_in(), ..expire })
    }
}

/// A line whose text the operator has set: printable ASCII within 512 octets, or `None` if no text remains.
fn operators(tag: &str, text: &str) -> Option<Vec<u8>> {
    let room = MAX_REPLY.saturating_sub(2).saturating_sub(tag.len());
    let text = text.as_bytes().trim_ascii_start().iter().copied();
    let mut text = text.filter(|octet| matches!(octet, b' '..=b'~')).take(room).peekable();
    text.peek()?;
    Some(tag.bytes().chain(text).collect())
}
