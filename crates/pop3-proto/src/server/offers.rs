//! What a session offers at the moment. One function per command decides both whether it is announced and whether it
//! is accepted.
//!
//! CAPA, the greeting and AUTH without an argument announce what these functions allow, and the rules accept what
//! they allow, so the two can't differ. `Err` is the reply to a client that sends the command anyway.
//!
//! Commands that are offered before the login are also announced after it, although it is too late to use them (RFC
//! 5034 section 3, RFC 6856 section 2). The exception is STLS, whose announcement means that it can be used now (RFC
//! 2595 section 4).

use alloc::vec::Vec;

use super::language::Language;
use super::line::Line;
use super::mechanism::OfferedMechanism;
use super::session::ServerSession;
use super::state::ServerState;
use crate::TextId;
use crate::apop::Timestamp;
use crate::{CommandError, MechanismName};

impl ServerSession {
    /// USER and PASS.
    pub(super) const fn offers_user(&self) -> Result<(), Line> {
        if self.channel.carries_secrets() { Ok(()) } else { Err(Line::negative(TextId::NeedsTls)) }
    }

    /// APOP, with the timestamp that the greeting announces it by.
    pub(super) fn offers_apop(&self) -> Result<&Timestamp, Line> {
        self.timestamp.as_ref().ok_or(const { Line::negative(TextId::ApopUnavailable) })
    }

    /// STLS (RFC 2595 section 4).
    pub(super) fn offers_stls(&self) -> Result<(), Line> {
        if !matches!(self.state, ServerState::Authorization) {
            Err(Line::negative(TextId::TlsTooLate))
        } else if self.channel.is_tls() {
            Err(Line::negative(TextId::TlsActive))
        } else if !self.config.starttls {
            Err(Line::negative(TextId::TlsUnavailable))
        } else if self.utf8 {
            // RFC 6856 section 2.1 forbids the client to do so.
            Err(Line::negative(TextId::TlsAfterUtf8))
        } else {
            Ok(())
        }
    }

    /// AUTH with this mechanism.
    pub(super) fn offers_mechanism(&self, name: MechanismName) -> Result<(), Line> {
        match self.all_mechanisms().iter().find(|offered| offered.name == name) {
            Some(offered) if offered.works_on(self.channel) => Ok(()),
            Some(_) => Err(const { Line::negative(TextId::NeedsTls) }),
            None => Err(const { Line::negative(TextId::UnknownMechanism) }),
        }
    }

    /// Returns the mechanisms of this connection, whatever its channel.
    fn all_mechanisms(&self) -> &[OfferedMechanism] {
        self.own_mechanisms.as_deref().unwrap_or(&self.config.mechanisms)
    }

    /// Returns the mechanisms that AUTH accepts on this channel, in the order in which they are announced.
    pub(super) fn mechanisms(&self) -> impl Iterator<Item = &OfferedMechanism> {
        self.all_mechanisms().iter().filter(|offered| self.offers_mechanism(offered.name).is_ok())
    }

    /// AUTH without an argument, which is in no RFC.
    pub(super) fn offers_auth_list(&self) -> Result<Vec<MechanismName>, Line> {
        if self.config.auth_listing && !self.all_mechanisms().is_empty() {
            Ok(self.mechanisms().map(|offered| offered.name).collect())
        } else {
            Err(CommandError::Missing.into())
        }
    }

    /// UTF8 (RFC 6856 section 2).
    pub(super) fn offers_utf8(&self) -> Result<(), Line> {
        if self.config.utf8 { Ok(()) } else { Err(CommandError::Unknown.into()) }
    }

    /// LANG (RFC 6856 section 3), with its languages.
    pub(super) fn offers_lang(&self) -> Result<&[Language], Line> {
        match &*self.config.languages {
            [] => Err(CommandError::Unknown.into()),
            languages => Ok(languages),
        }
    }

    /// LAST of RFC 1460. It is never announced.
    pub(super) fn offers_last(&self) -> Result<(), Line> {
        if self.config.last { Ok(()) } else { Err(CommandError::Unknown.into()) }
    }

    /// XCLIENT, which the greeting announces to the proxy.
    pub(super) fn offers_xclient(&self) -> Result<(), Line> {
        if self.trusted_proxy { Ok(()) } else { Err(CommandError::Unknown.into()) }
    }

    /// Returns whether the server accepts AUTH now, whose argument may be longer than those of other commands.
    pub(super) fn offers_auth(&self) -> bool {
        !self.is_logged_in() && self.mechanisms().next().is_some()
    }
}
