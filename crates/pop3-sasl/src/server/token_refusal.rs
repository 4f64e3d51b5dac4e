//! What a client is told whose token is refused.

use alloc::format;
use alloc::string::String;

use crate::{Mechanism, Secret};

/// Why a token is refused, in the words of OAuth 2.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenStatus {
    /// It is expired, revoked, malformed, or not for this user: `invalid_token`, or 401.
    #[default]
    InvalidToken,
    /// It does not allow to read mail: `insufficient_scope`, or 403.
    InsufficientScope,
    /// The request is not understood: `invalid_request`, or 400.
    InvalidRequest,
}

/// What a client is told whose token is refused (RFC 7628 section 3.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRefusal {
    status: TokenStatus,
    scope: Option<String>,
    openid_configuration: Option<String>,
}

impl TokenRefusal {
    /// A refusal for this reason.
    #[must_use]
    pub const fn new(status: TokenStatus) -> Self {
        Self { status, scope: None, openid_configuration: None }
    }

    /// Adds the scope that a token needs.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Adds the https URL of the OpenID configuration that tells where to get a token. XOAUTH2 has no
    /// place for it.
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
