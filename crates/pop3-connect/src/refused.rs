//! What a refused login means to the user.

use pop3_driver::client::Refusal;
use pop3_proto::{Advice, Keyword, ResponseCode};
use pop3_sasl::Mechanism;
use pop3_text::Escaped;

use crate::error::{Error, ErrorKind};
use crate::kind::Kind;
use crate::naming::Naming;

/// The error for the reply that refused USER, PASS, APOP or AUTH.
pub(crate) fn explain(place: &str, refusal: &Refusal, kind: Kind, naming: Naming) -> Error {
    let text = Escaped::new(&refusal.text);
    if refusal.unoffered && matches!(refusal.advice(), Advice::Unknown | Advice::OtherCredentials) {
        let what = refusal.mechanism.map(Mechanism::name);
        let what = match (refusal.keyword, what) {
            (Some(Keyword::User), _) => Some("a login by USER and PASS"),
            (_, what) => what.filter(|_| refusal.before_credentials),
        };
        if let Some(what) = what {
            return Error::new(
                ErrorKind::Login,
                format!(
                    "{place} does not offer {what}, and refuses it: {text} ({} names another way)",
                    naming("auth", None)
                ),
            )
            .unoffered();
        }
    }
    let details = refusal.details.as_ref();
    let details = details.map(|told| format!("; it says {}", Escaped::new(told))).unwrap_or_default();
    let advice = match early_advice(refusal, naming) {
        Some(advice) => advice,
        None => advice(refusal, kind).to_owned(),
    };
    let kind = if refusal.advice() == Advice::RetryLater { ErrorKind::Later } else { ErrorKind::Login };
    Error::new(kind, format!("{place} refused the login: {text} ({advice}{details})"))
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
                "before it got a proof of the password: the user may be unknown, or the server can't bind logins to TLS as we do; {} does without, if you trust the line",
                naming("auth", Some(&same.to_ascii_lowercase()))
            );
        }
        if matches!(mechanism, Mechanism::External | Mechanism::Anonymous) {
            return format!("it does not take {name} here; {} names another way", naming("auth", None));
        }
        if matches!(mechanism, Mechanism::OAuthBearer | Mechanism::XOAuth2) {
            return format!("before it got the token, which was not sent: it does not take {name} now");
        }
        let more = if mechanism.exposes_secret() {
            String::new()
        } else {
            format!(" or {}, which show it the password", naming("auth", Some("plain")))
        };
        format!(
            "before it got the password or a proof of it: the user may be unknown, or {name} does not work there; try {}{more}",
            naming("auth", Some("user"))
        )
    })
}

/// What to do about a refused login.
fn advice(refusal: &Refusal, kind: Kind) -> &'static str {
    match (refusal.code(), refusal.blames_credentials()) {
        (Some(ResponseCode::InUse), _) => "another session has the maildrop; try again later",
        (Some(ResponseCode::LoginDelay), _) => "too soon after the last login; try again later",
        (Some(ResponseCode::SysTemp), _) => "a fault of the server that will likely pass; try again later",
        (Some(ResponseCode::SysPerm), _) => "a fault of the server; tell who runs it",
        (_, Some(false)) => "the server would say if it were the credentials: it is something else",
        (_, Some(true)) => match kind {
            Kind::Password => "name or password is wrong",
            Kind::Token => "the token is wrong or has expired",
            Kind::Certificate => "the certificate is not taken for this user",
            Kind::Nothing => "nobody may come in so",
        },
        (_, None) => match kind {
            Kind::Password => "most often the name or the password is wrong",
            Kind::Token => "most often the token is wrong or has expired",
            Kind::Certificate => "most often the certificate is not taken for this user",
            Kind::Nothing => "most often nobody may come in so",
        },
    }
}
