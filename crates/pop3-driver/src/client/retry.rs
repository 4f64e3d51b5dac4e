//! Advice after an error.

use std::io;

use pop3_proto::client::ProtocolError;
use pop3_proto::{Advice, Keyword, Reply};
use pop3_sasl::client::{Denial, ExchangeError, Unusable};

use super::{ClientError, Refusal};

/// Whether to try again after an error. Another attempt always needs a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// Immediately. The connection was lost, and nothing suggests that this will happen again. If the next attempt
    /// fails in the same way, wait as for [`Later`](Self::Later).
    Now,
    /// After a while, with the same credentials. The server, the network or the local disk has a temporary problem.
    Later,
    /// With other credentials. The server refuses these, so the user must provide new ones.
    OtherCredentials,
    /// Not before someone changes the settings, the server, or the code of the caller.
    Never,
}

impl ClientError {
    /// Returns whether to try again, and how:
    ///
    /// - [`Network`](Self::Network): [`Now`](Retry::Now) if an open connection broke; [`Later`](Retry::Later) if it
    ///   could not be opened or timed out.
    /// - [`Tls`](Self::Tls): [`Never`](Retry::Never) if the peers do not agree, for example about a certificate;
    ///   otherwise [`Later`](Retry::Later).
    /// - [`Refused`](Self::Refused): as the response code says. Without one: [`Later`](Retry::Later) for a greeting,
    ///   [`OtherCredentials`](Retry::OtherCredentials) for a login if the server has checked the credentials (but
    ///   [`Later`](Retry::Later) if it has announced AUTH-RESP-CODE), otherwise [`Never`](Retry::Never).
    /// - [`Protocol`](Self::Protocol): [`Now`](Retry::Now) if the server closed the connection during a command,
    ///   [`Later`](Retry::Later) if it was too slow or out of step, [`Never`](Retry::Never) if the client does not
    ///   understand it.
    /// - [`Exchange`](Self::Exchange): [`OtherCredentials`](Retry::OtherCredentials) if the server refuses these,
    ///   [`Later`](Retry::Later) if it lacks resources; otherwise [`Never`](Retry::Never), because there may be an
    ///   attacker in between.
    /// - [`Unusable`](Self::Unusable): [`OtherCredentials`](Retry::OtherCredentials), or [`Never`](Retry::Never) if a
    ///   channel binding or a feature is missing.
    /// - [`Store`](Self::Store): [`Later`](Retry::Later).
    /// - [`Interrupted`](Self::Interrupted): [`Now`](Retry::Now).
    /// - All others: [`Never`](Retry::Never).
    ///
    /// The advice does not say how long to wait. Messages that were complete before the error remain complete.
    #[must_use]
    pub fn advice(&self) -> Retry {
        match self {
            Self::Network(error) => of_network(error),
            Self::Tls(error) => of_tls(error),
            Self::Refused(refusal) => of_refusal(refusal),
            Self::Protocol(error) => of_protocol(error),
            Self::Exchange(ExchangeError::Denied(denial)) => of_denial(*denial),
            Self::Unusable(Unusable::NoBinding | Unusable::NotBuilt) => Retry::Never,
            Self::Unusable(_) => Retry::OtherCredentials,
            Self::Store(_) => Retry::Later,
            Self::Interrupted => Retry::Now,
            Self::Settings(_)
            | Self::NotTls(_)
            | Self::Unsendable(_)
            | Self::Argument(_)
            | Self::NoLogin(_)
            | Self::Exchange(_)
            | Self::UnreadableChallenge
            | Self::ServerNotVerified(_)
            | Self::NoTimestamp
            | Self::Stopped
            | Self::Internal => Retry::Never,
        }
    }

    /// Returns whether the connection can no longer be used. If `false`, you can continue to use the client: either
    /// nothing was sent, or the server has answered.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::Settings(_)
            | Self::Network(_)
            | Self::Tls(_)
            | Self::NotTls(_)
            | Self::Protocol(_)
            | Self::ServerNotVerified(_)
            | Self::Interrupted
            | Self::Internal => true,
            Self::Refused(_)
            | Self::Unsendable(_)
            | Self::Argument(_)
            | Self::NoLogin(_)
            | Self::Unusable(_)
            | Self::Exchange(_)
            | Self::UnreadableChallenge
            | Self::NoTimestamp
            | Self::Store(_)
            | Self::Stopped => false,
        }
    }
}

fn of_network(error: &io::Error) -> Retry {
    let broke = [
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::ConnectionAborted,
        io::ErrorKind::ConnectionReset,
        io::ErrorKind::UnexpectedEof,
        io::ErrorKind::WriteZero,
    ];
    if broke.contains(&error.kind()) { Retry::Now } else { Retry::Later }
}

/// What rustls does not like stays; all else is the network's.
fn of_tls(error: &io::Error) -> Retry {
    if crate::tls::is_of_rustls(error) { Retry::Never } else { Retry::Later }
}

fn of_refusal(refusal: &Refusal) -> Retry {
    match (refusal.advice(), refusal.keyword) {
        (Advice::RetryLater, _) | (Advice::Unknown, None) => Retry::Later,
        (Advice::OtherCredentials, _) => Retry::OtherCredentials,
        (Advice::Unknown, Some(Keyword::User | Keyword::Pass | Keyword::Apop | Keyword::Auth))
            if !refusal.unoffered && !refusal.before_credentials =>
        {
            // With AUTH-RESP-CODE, the server would have said if the credentials were wrong.
            if refusal.auth_resp_code { Retry::Later } else { Retry::OtherCredentials }
        }
        _ => Retry::Never,
    }
}

fn of_protocol(error: &ProtocolError) -> Retry {
    match error {
        ProtocolError::Closed { during: Some(_) } | ProtocolError::Truncated { .. } => Retry::Now,
        ProtocolError::Dismissed(line) => {
            let code = Reply::parse(line.octets()).and_then(|reply| reply.code);
            match code.map(|code| code.advice()) {
                None | Some(Advice::Unknown) => Retry::Now,
                Some(Advice::RetryLater) => Retry::Later,
                Some(_) => Retry::Never,
            }
        }
        ProtocolError::Closed { during: None }
        | ProtocolError::TimedOut { .. }
        | ProtocolError::TooSlow { .. }
        | ProtocolError::OutOfStep(_)
        | ProtocolError::Unsolicited(_) => Retry::Later,
        ProtocolError::OtherProtocol(_)
        | ProtocolError::Quirk(_)
        | ProtocolError::LineTooLong(_)
        | ProtocolError::TooManyEntries
        | ProtocolError::BodyTooLong
        | ProtocolError::Entry(_)
        | ProtocolError::WrongNumber(_)
        | ProtocolError::Injected
        | _ => Retry::Never,
    }
}

const fn of_denial(denial: Denial) -> Retry {
    match denial {
        Denial::InvalidProof | Denial::UnknownUser | Denial::InvalidUsernameEncoding => {
            Retry::OtherCredentials
        }
        Denial::NoResources => Retry::Later,
        Denial::InvalidEncoding
        | Denial::ExtensionsNotSupported
        | Denial::ChannelBindingsDontMatch
        | Denial::ServerDoesSupportChannelBinding
        | Denial::ChannelBindingNotSupported
        | Denial::UnsupportedChannelBindingType
        | Denial::Other
        | _ => Retry::Never,
    }
}

#[cfg(all(test, feature = "rustls"))]
mod tests {
    use pop3_proto::ResponseCode;

    use super::*;

    fn refused(keyword: Option<Keyword>, text: &str) -> Refusal {
        Refusal::new(keyword, Reply::parse(format!("-ERR {text}").as_bytes()).unwrap())
    }

    #[test]
    fn a_refusal_is_judged_by_its_code_and_without_one_by_what_was_refused() {
        for (keyword, text, retry) in [
            (None, "too many connections", Retry::Later),
            (None, "[SYS/PERM] banned", Retry::Never),
            (Some(Keyword::Pass), "no", Retry::OtherCredentials),
            (Some(Keyword::Pass), "[IN-USE] locked", Retry::Later),
            (Some(Keyword::Pass), "[AUTH] no", Retry::OtherCredentials),
            (Some(Keyword::Pass), "[SYS/PERM] no", Retry::Never),
            (Some(Keyword::Stls), "no", Retry::Never),
            (Some(Keyword::Stls), "[SYS/TEMP] no", Retry::Later),
            (Some(Keyword::Retr), "no such message", Retry::Never),
            (Some(Keyword::Retr), "[SYS/TEMP] disk", Retry::Later),
        ] {
            let error = ClientError::Refused(refused(keyword, text));
            assert_eq!(error.advice(), retry, "{error}");
            assert!(!error.is_final());
        }
        assert_eq!(ResponseCode::of_text(b"[IN-USE] x").unwrap().advice(), Advice::RetryLater);
    }

    #[test]
    fn a_login_that_the_server_has_not_looked_at_is_not_about_the_credentials() {
        let refusal = || refused(Some(Keyword::Auth), "no");
        let advice = |refusal| ClientError::Refused(refusal).advice();
        assert_eq!(advice(refusal()), Retry::OtherCredentials);
        assert_eq!(advice(Refusal { unoffered: true, ..refusal() }), Retry::Never);
        assert_eq!(advice(Refusal { before_credentials: true, ..refusal() }), Retry::Never);
        assert_eq!(advice(Refusal { auth_resp_code: true, ..refusal() }), Retry::Later);
    }

    #[test]
    fn a_handshake_that_broke_is_not_one_that_was_refused() {
        let refused = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert_eq!(ClientError::Tls(refused).advice(), Retry::Never);
        let slow = io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake timed out");
        assert_eq!(ClientError::Tls(slow).advice(), Retry::Later);
        assert_eq!(ClientError::Network(io::ErrorKind::ConnectionRefused.into()).advice(), Retry::Later);
        assert_eq!(ClientError::Network(io::ErrorKind::ConnectionReset.into()).advice(), Retry::Now);
        assert!(ClientError::Network(io::ErrorKind::ConnectionReset.into()).is_final());
    }
}
