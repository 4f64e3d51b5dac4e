//! What an error of the client means to people.

use pop3_driver::client::{self, NoLogin, Retry};
use pop3_proto::client::{Error as ProtocolError, Excerpt};
use pop3_proto::{Advice, Keyword};
use pop3_sasl::client::{Denial, Error as ExchangeError};
use pop3_text::{Escaped, reasons};
use pop3_trust::Refused;

use crate::dial::Dial;
use crate::error::{Error, ErrorKind};
use crate::{refused, tls as tls_words};

impl Dial {
    /// What the error means to people.
    #[must_use]
    pub fn explain(&self, error: &client::Error) -> Error {
        self.meaning(error).with_retry(error.advice())
    }

    fn meaning(&self, error: &client::Error) -> Error {
        let (place, naming) = (self.place(), self.naming);
        let name = |key| naming(key, None);
        let tls = |value| naming("tls", Some(value));
        match error {
            client::Error::Refused(refusal) => {
                let text = Escaped::new(&refusal.text);
                // Whatever was refused: what the server says will pass is to be tried again as it is.
                let passing = refusal.advice() == Advice::RetryLater;
                let kind = |lasting| if passing { ErrorKind::Later } else { lasting };
                match refusal.keyword {
                    None if passing => Error::new(
                        ErrorKind::Later,
                        format!("{place} temporarily rejected the connection: {text} (try again later)"),
                    ),
                    None => {
                        Error::new(ErrorKind::Connection, format!("{place} rejected the connection: {text}"))
                    }
                    Some(Keyword::Stls) if passing => Error::new(
                        ErrorKind::Later,
                        format!("{place} temporarily refused STLS: {text} (try again later)"),
                    ),
                    Some(Keyword::Stls) => Error::new(
                        ErrorKind::Connection,
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
                        Error::new(
                            kind(ErrorKind::Protocol),
                            format!("{place} refused {keyword}: {text}{advice}"),
                        )
                    }
                }
            }
            client::Error::NotTls(_) => Error::new(
                ErrorKind::Connection,
                format!(
                    "{place} answered in plain text instead of TLS (use pop3:// or {} for STLS; no \
                     password was sent)",
                    tls("starttls")
                ),
            ),
            client::Error::Exchange(ExchangeError::WrongSignature) | client::Error::ServerNotVerified(_) => {
                Error::new(
                    ErrorKind::Login,
                    format!(
                        "{place} did not prove that it knows the password: it may be an impostor, or an \
                         attacker may be intercepting the connection ({})",
                        reasons(error)
                    ),
                )
            }
            client::Error::Exchange(ExchangeError::Denied(Denial::ServerDoesSupportChannelBinding)) => {
                Error::new(
                    ErrorKind::Login,
                    format!(
                        "{place}: someone between here and the server has removed the -PLUS mechanisms \
                         from its list ({})",
                        reasons(error)
                    ),
                )
            }
            client::Error::Exchange(_) | client::Error::UnreadableChallenge => {
                Error::new(ErrorKind::Login, format!("{place}: {}", reasons(error)))
            }
            client::Error::NoLogin(NoLogin::BindingNotOffered) => Error::new(
                ErrorKind::Login,
                format!(
                    "{place} offers no -PLUS mechanism, which {} requires; an attacker may have removed \
                     it from the list",
                    name("require_binding")
                ),
            ),
            client::Error::NoLogin(_) => Error::new(
                ErrorKind::Login,
                format!("{place}: {} (choose another login method with {})", reasons(error), name("auth")),
            )
            .unoffered(),
            client::Error::Tls(error) => {
                let (what, advice) = match Refused::find(error) {
                    Some(refused) => (refused.to_string(), tls_words::advice(refused, naming)),
                    None => (reasons(error), tls_words::handshake_advice(error, naming)),
                };
                let text = format!("{place}: TLS failed: {what} ({advice}; no password was sent)");
                Error::new(ErrorKind::Connection, text)
            }
            client::Error::Protocol(ProtocolError::TimedOut { during: None }) => Error::new(
                ErrorKind::Connection,
                format!(
                    "{place}: {error} (if the port expects TLS from the start, use pop3s:// or {})",
                    tls("implicit")
                ),
            ),
            client::Error::Protocol(ProtocolError::TooSlow { .. }) => Error::new(
                ErrorKind::Connection,
                format!("{place}: {error} (lower {} to accept this rate)", name("min_rate")),
            ),
            client::Error::Network(_)
            | client::Error::Protocol(
                ProtocolError::Closed { .. }
                | ProtocolError::Truncated { .. }
                | ProtocolError::TimedOut { .. },
            ) => Error::new(ErrorKind::Connection, format!("{place}: {}", reasons(error))),
            client::Error::Protocol(ProtocolError::OtherProtocol(pop3_proto::client::Protocol::Tls)) => {
                Error::new(
                    ErrorKind::Protocol,
                    format!("{place} expects TLS from the start (use pop3s:// or {})", tls("implicit")),
                )
            }
            client::Error::NoTimestamp => Error::new(
                ErrorKind::Login,
                format!(
                    "{place} does not offer APOP: {} (choose another login method with \
                    {})",
                    reasons(error),
                    name("auth")
                ),
            )
            .unoffered(),
            client::Error::Argument(_) | client::Error::Unsendable(_) | client::Error::Unusable(_) => {
                Error::settings(format!("{place}: {}", reasons(error)))
            }
            client::Error::Protocol(ProtocolError::Dismissed(line)) if error.advice() == Retry::Later => {
                Error::new(
                    ErrorKind::Later,
                    format!("{place} ended the session: {} (try again later)", shown(line)),
                )
            }
            client::Error::Protocol(fault) => {
                // For people what the server said is shown in its own letters, not in ASCII.
                let line = fault.excerpt().map(|line| format!(": {}", shown(line))).unwrap_or_default();
                Error::new(ErrorKind::Protocol, format!("{place}: {fault:#}{line}"))
            }
            client::Error::Store(_) | client::Error::Interrupted | client::Error::Internal | _ => {
                Error::new(ErrorKind::Protocol, format!("{place}: {}", reasons(error)))
            }
        }
    }
}

/// A line of the server's, between quotation marks.
fn shown(line: &Excerpt) -> String {
    let text = Escaped::new(line.octets()).to_string();
    let dots = if line.is_cut() && !text.ends_with("...") { "..." } else { "" };
    format!("\"{text}{dots}\"")
}
