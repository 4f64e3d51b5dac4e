//! What an error of the client means to people.

use pop3_driver::client::{self, NoLogin, Retry};
use pop3_proto::client::{Excerpt, ProtocolError, SendError};
use pop3_proto::{Advice, Keyword};
use pop3_sasl::client::{Denial, ExchangeError};
use pop3_text::{Printable, reasons};
use pop3_trust::Refused;

use crate::dial::Dial;
use crate::error::{ConnectError, ConnectErrorKind};
use crate::{refused, tls as tls_words};

impl Dial {
    /// Explains a client error to people.
    #[must_use]
    pub fn explain(&self, error: &client::ClientError) -> ConnectError {
        self.meaning(error).with_retry(error.advice())
    }

    fn meaning(&self, error: &client::ClientError) -> ConnectError {
        let (place, naming) = (self.place(), self.naming);
        let name = |key| naming(key, None);
        let tls = |value| naming("tls", Some(value));
        match error {
            client::ClientError::Refused(refusal) => {
                let text = Printable::new(&refusal.text);
                // Whatever was refused: if the server calls it temporary, try again without changes.
                let passing = refusal.advice() == Advice::RetryLater;
                let kind = |lasting| if passing { ConnectErrorKind::Later } else { lasting };
                match refusal.keyword {
                    None if passing => ConnectError::new(
                        ConnectErrorKind::Later,
                        format!("{place} temporarily rejected the connection: {text} (try again later)"),
                    ),
                    None => ConnectError::new(
                        ConnectErrorKind::Connection,
                        format!("{place} rejected the connection: {text}"),
                    ),
                    Some(Keyword::Stls) if passing => ConnectError::new(
                        ConnectErrorKind::Later,
                        format!("{place} temporarily refused STLS: {text} (try again later)"),
                    ),
                    Some(Keyword::Stls) => ConnectError::new(
                        ConnectErrorKind::Connection,
                        format!(
                            "{place} refused STLS: {text} (try {}, or {} on a network that you trust)",
                            tls("implicit"),
                            tls("off")
                        ),
                    ),
                    Some(Keyword::User | Keyword::Pass | Keyword::Apop | Keyword::Auth) => {
                        refused::explain(place, refusal, self.kind, naming)
                    }
                    Some(keyword) => {
                        let keyword = keyword.as_str();
                        let advice = if passing { " (try again later)" } else { "" };
                        ConnectError::new(
                            kind(ConnectErrorKind::Protocol),
                            format!("{place} refused {keyword}: {text}{advice}"),
                        )
                    }
                }
            }
            client::ClientError::NotTls(_) => ConnectError::new(
                ConnectErrorKind::Connection,
                format!(
                    "{place} answered in plain text instead of TLS (use pop3:// or {} for STLS; no \
                     password was sent)",
                    tls("starttls")
                ),
            ),
            client::ClientError::Exchange(ExchangeError::WrongSignature)
            | client::ClientError::ServerNotVerified(_) => ConnectError::new(
                ConnectErrorKind::Login,
                format!(
                    "{place} did not prove that it knows the password: it may be an impostor, or an \
                         attacker may be intercepting the connection ({})",
                    reasons(error)
                ),
            ),
            client::ClientError::Exchange(ExchangeError::Denied(Denial::ServerDoesSupportChannelBinding)) => {
                ConnectError::new(
                    ConnectErrorKind::Login,
                    format!(
                        "{place}: someone between here and the server has removed the -PLUS mechanisms \
                         from its list ({})",
                        reasons(error)
                    ),
                )
            }
            client::ClientError::Exchange(_) | client::ClientError::UnreadableChallenge => {
                ConnectError::new(ConnectErrorKind::Login, format!("{place}: {}", reasons(error)))
            }
            client::ClientError::NoLogin(NoLogin::BindingNotOffered) => ConnectError::new(
                ConnectErrorKind::Login,
                format!(
                    "{place} offers no -PLUS mechanism, which {} requires; an attacker may have removed \
                     it from the list",
                    name("require_binding")
                ),
            ),
            client::ClientError::NoLogin(_) => ConnectError::new(
                ConnectErrorKind::Login,
                format!("{place}: {} (choose another login method with {})", reasons(error), name("auth")),
            )
            .unoffered(),
            client::ClientError::Tls(error) => {
                let (what, advice) = match Refused::find(error) {
                    Some(refused) => (refused.to_string(), tls_words::advice(refused, naming)),
                    None => (reasons(error), tls_words::handshake_advice(error, naming)),
                };
                let text = format!("{place}: TLS failed: {what} ({advice}; no password was sent)");
                ConnectError::new(ConnectErrorKind::Connection, text)
            }
            client::ClientError::Protocol(ProtocolError::TimedOut { during: None }) => ConnectError::new(
                ConnectErrorKind::Connection,
                format!(
                    "{place}: {error} (if the port expects TLS from the start, use pop3s:// or {})",
                    tls("implicit")
                ),
            ),
            client::ClientError::Protocol(ProtocolError::TooSlow { .. }) => ConnectError::new(
                ConnectErrorKind::Connection,
                format!("{place}: {error} (lower {} to accept this rate)", name("min_rate")),
            ),
            client::ClientError::Network(_)
            | client::ClientError::Protocol(
                ProtocolError::Closed { .. }
                | ProtocolError::Truncated { .. }
                | ProtocolError::TimedOut { .. },
            ) => ConnectError::new(ConnectErrorKind::Connection, format!("{place}: {}", reasons(error))),
            client::ClientError::Protocol(ProtocolError::OtherProtocol(
                pop3_proto::client::Protocol::Tls,
            )) => ConnectError::new(
                ConnectErrorKind::Protocol,
                format!("{place} expects TLS from the start (use pop3s:// or {})", tls("implicit")),
            ),
            client::ClientError::NoTimestamp => ConnectError::new(
                ConnectErrorKind::Login,
                format!(
                    "{place} does not offer APOP: {} (choose another login method with \
                    {})",
                    reasons(error),
                    name("auth")
                ),
            )
            .unoffered(),
            client::ClientError::Unsendable(SendError::NotAscii) => ConnectError::settings(format!(
                "{place}: {} ({} sends it as it is)",
                reasons(error),
                name("raw_password")
            )),
            client::ClientError::Argument(_)
            | client::ClientError::Unsendable(_)
            | client::ClientError::Unusable(_) => {
                ConnectError::settings(format!("{place}: {}", reasons(error)))
            }
            client::ClientError::Protocol(ProtocolError::Dismissed(line))
                if error.advice() == Retry::Later =>
            {
                ConnectError::new(
                    ConnectErrorKind::Later,
                    format!("{place} ended the session: {} (try again later)", shown(line)),
                )
            }
            client::ClientError::Protocol(fault) => {
                // Show people the text of the server in its own script, not in ASCII.
                let line = fault.excerpt().map(|line| format!(": {}", shown(line))).unwrap_or_default();
                ConnectError::new(ConnectErrorKind::Protocol, format!("{place}: {fault:#}{line}"))
            }
            client::ClientError::Store(_)
            | client::ClientError::Interrupted
            | client::ClientError::Internal
            | _ => ConnectError::new(ConnectErrorKind::Protocol, format!("{place}: {}", reasons(error))),
        }
    }
}

/// A line of the server's, between quotation marks.
fn shown(line: &Excerpt) -> String {
    let text = Printable::new(line.octets()).to_string();
    let dots = if line.is_cut() && !text.ends_with("...") { "..." } else { "" };
    format!("\"{text}{dots}\"")
}
