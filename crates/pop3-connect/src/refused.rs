//! What a refused login means to the user.

use pop3_driver::client::Refusal;
use pop3_proto::{Advice, Keyword, ResponseCode};
use pop3_sasl::Mechanism;
use pop3_text::Printable;

use crate::error::{ConnectError, ConnectErrorKind};
use crate::kind::CredentialKind;
use crate::naming::Naming;

/// The error for the reply that refused USER, PASS, APOP or AUTH.
pub(crate) fn explain(place: &str, refusal: &Refusal, kind: CredentialKind, naming: Naming) -> ConnectError {
    let text = Printable::new(&refusal.text);
    if refusal.unoffered && matches!(refusal.advice(), Advice::Unknown | Advice::OtherCredentials) {
        let what = refusal.mechanism.map(Mechanism::name);
        let what = match (refusal.keyword, what) {
            (Some(Keyword::User), _) => Some("login with USER and PASS"),
            (_, what) => what.filter(|_| refusal.before_credentials),
        };
        if let Some(what) = what {
            return ConnectError::new(
                ConnectErrorKind::Login,
                format!(
                    "{place} refused {what}, which it does not offer: {text} (choose another login \
                     method with {})",
                    naming("auth", None)
                ),
            )
            .unoffered();
        }
    }
    let details = refusal.details.as_ref();
    let details = details.map(|told| format!("; details: {}", Printable::new(told))).unwrap_or_default();
    let advice = match early_advice(refusal, naming) {
        Some(advice) => advice,
        None => advice(refusal, kind).to_owned(),
    };
    let kind = if refusal.advice() == Advice::RetryLater {
        ConnectErrorKind::Later
    } else {
        ConnectErrorKind::Login
    };
    ConnectError::new(kind, format!("{place} refused the login: {text} ({advice}{details})"))
}

/// What to do where the server has refused AUTH before it could see a secret or a proof. Nothing that shows
/// more is tried unasked.
fn early_advice(refusal: &Refusal, naming: Naming) -> Option<String> {
    let mechanism = refusal.mechanism.filter(|_| refusal.before_credentials)?;
    let undecided = matches!(refusal.advice(), Advice::Unknown | Advice::OtherCredentials);
    undecided.then(|| {
        let name = mechanism.name();
        if let Some(same) = name.strip_suffix("-PLUS") {
            return format!(
                "before any proof of the password was sent: the user may be unknown, or the server may \
                 not support this type of channel binding; if you trust the network, use {}",
                naming("auth", Some(&same.to_ascii_lowercase()))
            );
        }
        if matches!(mechanism, Mechanism::External | Mechanism::Anonymous) {
            return format!(
                "the server does not accept {name} here; choose another login method with \
                {}",
                naming("auth", None)
            );
        }
        if matches!(mechanism, Mechanism::OAuthBearer | Mechanism::XOAuth2) {
            return format!("the token was not sent: the server does not accept {name} now");
        }
        let more = if mechanism.exposes_secret() {
            String::new()
        } else {
            format!(" or {}, which send the password itself", naming("auth", Some("plain")))
        };
        format!(
            "before the password or a proof of it was sent: the user may be unknown, or {name} may not \
             work on this server; try {}{more}",
            naming("auth", Some("user"))
        )
    })
}

/// What to do about a refused login.
fn advice(refusal: &Refusal, kind: CredentialKind) -> &'static str {
    match (refusal.code(), refusal.blames_credentials()) {
        (Some(ResponseCode::InUse), _) => "another session is using the maildrop; try again later",
        (Some(ResponseCode::LoginDelay), _) => "too soon after the last login; try again later",
        (Some(ResponseCode::SysTemp), _) => "a temporary failure of the server; try again later",
        (Some(ResponseCode::SysPerm), _) => "a permanent failure of the server; contact its administrator",
        (_, Some(false)) => "the credentials are not the reason, because this server says so when they are",
        (_, Some(true)) => match kind {
            CredentialKind::Password => "the user name or password is wrong",
            CredentialKind::Token => "the token is wrong or has expired",
            CredentialKind::Certificate => "the certificate is not accepted for this user",
            CredentialKind::Nothing => "anonymous logins are not allowed",
        },
        (_, None) => match kind {
            CredentialKind::Password => "usually the user name or password is wrong",
            CredentialKind::Token => "usually the token is wrong or has expired",
            CredentialKind::Certificate => "usually the certificate is not accepted for this user",
            CredentialKind::Nothing => "usually anonymous logins are not allowed",
        },
    }
}
