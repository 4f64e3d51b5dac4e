//! What a client is told whose token is refused.

use alloc::format;
use alloc::string::String;

use crate::{Mechanism, Secret};

/// Why a token is refused, as OAuth 2.0 error codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenStatus {
    /// `invalid_token`, or 401: the token is expired, revoked, malformed, or not valid for this user.
    #[default]
    InvalidToken,
    /// `insufficient_scope`, or 403: the token does not permit reading mail.
    InsufficientScope,
    /// `invalid_request`, or 400: the request cannot be understood.
    InvalidRequest,
}

/// The error that a client receives if its token is refused (RFC 7628 section 3.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRefusal {
    status: TokenStatus,
    scope: Option<String>,
    openid_configuration: Option<String>,
}

impl TokenRefusal {
    /// Creates a refusal with this reason.
    #[must_use]
    pub const fn new(status: TokenStatus) -> Self {
        Self { status, scope: None, openid_configuration: None }
    }

    /// Adds the scope that the client needs.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Adds the https URL of the OpenID configuration, from which the client learns where to get a token. XOAUTH2
    /// cannot transmit it.
    #[must_use]
    pub fn with_openid_configuration(mut self, url: impl Into<String>) -> Self {
        self.openid_configuration = Some(url.into());
        self
    }

    pub(super) fn to_json(&self, mechanism: Mechanism) -> Secret {
        let old = mechanism == Mechanism::XOAuth2;
        let mut json = String::from("{\"status\":");
        quote(&mut json, self.status.name(old));
        if old {
            json.push_str(",\"schemes\":\"bearer\"");
        }
        let url = self.openid_configuration.as_ref().filter(|_| !old);
        for (key, value) in [("scope", self.scope.as_ref()), ("openid-configuration", url)] {
            if let Some(value) = value {
                json.push_str(",\"");
                json.push_str(key);
                json.push_str("\":");
                quote(&mut json, value);
            }
        }
        json.push('}');
        Secret::from(json)
    }
}

impl TokenStatus {
    const fn name(self, old: bool) -> &'static str {
        match (self, old) {
            (Self::InvalidToken, false) => "invalid_token",
            (Self::InvalidToken, true) => "401",
            (Self::InsufficientScope, false) => "insufficient_scope",
            (Self::InsufficientScope, true) => "403",
            (Self::InvalidRequest, false) => "invalid_request",
            (Self::InvalidRequest, true) => "400",
        }
    }
}

/// Writes a JSON string.
fn quote(json: &mut String, value: &str) {
    json.push('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => {
                json.push('\\');
                json.push(character);
            }
            '\0'..='\x1f' => json.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => json.push(character),
        }
    }
    json.push('"');
}
