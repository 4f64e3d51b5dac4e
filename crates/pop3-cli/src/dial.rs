//! From the account on the command line to a client that has been greeted, on any runtime.

use core::future::Future;
use core::net::IpAddr;
use std::net::ToSocketAddrs;

use pop3_driver::Transport;
use pop3_driver::client::{Client, Error, NoLogin, Options, Retry, Security};
use pop3_driver::tls::Connector;
use pop3_proto::client::{Config, Error as ProtocolError, Excerpt};
use pop3_proto::{Advice, Keyword};
use pop3_sasl::client::{Denial, Error as ExchangeError};
use pop3_text::{Escaped, reasons};
use pop3_trust::Refused;
use pop3_url::Url;

use crate::args::{Account, Rate, Runtime, Tls};
use crate::exit::{Exit, Failure};
use crate::login::Kind;
use crate::refused;

/// A server, how it is reached, and how the connection is protected.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    /// The server for people: host and port.
    pub(crate) place: String,
    /// What is dialled, one after the other.
    hosts: Vec<String>,
    port: u16,
    pub(crate) security: Security,
    pub(crate) options: Options,
    runtime: Runtime,
    /// What the login shows.
    pub(crate) kind: Kind,
}

/// What is done with a client, whatever its transport.
pub(crate) trait Session: Send {
    type Output: Send;

    fn run<T: Transport>(self, client: Client<T>) -> impl Future<Output = Self::Output> + Send;
}

impl Dial {
    /// What the command line and the URL say. Without a word on TLS, STLS is required, except where
    /// the server is on this machine.
    ///
    /// # Errors
    /// When the trusted certificates can't be read or the name is none.
    pub(crate) fn new(account: &Account, url: &Url) -> Result<Self, Failure> {
        let place = format!("{}:{}", pop3_url::idn::to_text(url.host()), url.port());
        let loopback = loopback_addresses(url);
        let mut hosts = vec![url.host().to_owned()];
        let connector = || -> Result<Connector, Failure> {
            let config = crate::tls::client(account)?;
            Connector::new(config, url.host()).map_err(|_| {
                Failure::usage(format!(
                    "{} is neither a host name nor an address, so TLS can't check it",
                    url.host()
                ))
            })
        };
        let pinned = !account.tls_fingerprint.is_empty();
        let security = match account.tls {
            Some(Tls::Implicit) => Security::Implicit(connector()?),
            Some(Tls::Starttls) => Security::StartTls(connector()?),
            Some(Tls::Off) if pinned => {
                return Err(Failure::usage("without TLS there is no certificate for --tls-fingerprint"));
            }
            Some(Tls::Off) => Security::TrustedPlaintext,
            None if url.scheme().implicit_tls() => Security::Implicit(connector()?),
            // Who knows the certificate wants to see it.
            None if !loopback.is_empty() && !pinned => {
                // The addresses that were looked at are dialled, not the name: it could mean another by then.
                hosts = loopback.iter().map(ToString::to_string).collect();
                Security::TrustedPlaintext
            }
            None => Security::StartTls(connector()?),
        };
        let rate = account.min_rate.unwrap_or_else(|| Rate::patient_for(account.timeout));
        let config = Config::default()
            .with_strict(account.strict)
            .with_reply_timeout(account.timeout)
            .with_quit_timeout(account.timeout)
            .with_min_octets(rate.octets)
            .with_min_octets_period(rate.period);
        let options = Options::new()
            .with_connect_timeout(account.timeout)
            .with_config(config)
            .with_capabilities(!account.no_capa)
            .with_initial_response(account.initial_response);
        let (port, runtime) = (url.port(), account.runtime);
        Ok(Self { place, hosts, port, security, options, runtime, kind: Kind::default() })
    }

    /// A server in this process, for the demonstration.
    pub(crate) fn to(
        address: core::net::SocketAddr,
        security: Security,
        options: Options,
        runtime: Runtime,
    ) -> Self {
        let hosts = vec![address.ip().to_string()];
        let (place, port, kind) = (address.to_string(), address.port(), Kind::default());
        Self { place, hosts, port, security, options, runtime, kind }
    }

    /// The same with other protection.
    pub(crate) fn with_security(&self, security: Security) -> Self {
        Self { security, ..self.clone() }
    }

    /// Connects on the runtime that was chosen, and has the session run there.
    ///
    /// # Errors
    /// When there is no connection. Nothing but STLS was sent then.
    pub(crate) fn run<S: Session>(&self, session: S) -> Result<S::Output, Error> {
        match self.runtime {
            Runtime::Tokio => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(Error::Network)?;
                let result = runtime.block_on(self.run_with(session, pop3_tokio::connect));
                // A name that is still looked up is of no interest any more.
                runtime.shutdown_background();
                result
            }
            Runtime::AsyncStd => async_std::task::block_on(
                self.run_with(session, pop3_async_std::connect::<pop3_async_std::AsyncStd>),
            ),
            Runtime::Smol => {
                smol::block_on(self.run_with(session, pop3_async_std::connect::<pop3_async_std::Smol>))
            }
            Runtime::Std => {
                // In a thread of its own, as nothing ends a call that connects.
                pop3_std::wait(self.run_with(session, async |host: &str, port, security, options| {
                    let host = host.to_owned();
                    smol::unblock(move || pop3_std::connect(&host, port, security, options)).await
                }))
            }
        }
    }

    async fn run_with<S: Session, T: Transport>(
        &self,
        session: S,
        connect: impl AsyncFn(&str, u16, Security, Options) -> Result<Client<T>, Error>,
    ) -> Result<S::Output, Error> {
        let mut result = Err(Error::Network(std::io::ErrorKind::NotFound.into()));
        for host in &self.hosts {
            let connecting = connect(host, self.port, self.security.clone(), self.options.clone());
            result = match &self.options.stop {
                Some(stop) => stop.race(connecting).await.unwrap_or(Err(Error::Stopped)),
                None => connecting.await,
            };
            // Only where nobody answers, the next address may be the right one.
            if !matches!(result, Err(Error::Network(_))) {
                break;
            }
        }
        Ok(session.run(result?).await)
    }

    /// What the error means to the user.
    pub(crate) fn failure(&self, error: &Error) -> Failure {
        let place = &self.place;
        match error {
            Error::Refused(refusal) => {
                let text = Escaped::new(&refusal.text);
                // Whatever was refused: what the server says will pass is to be tried again as it is.
                let passing = refusal.advice() == Advice::RetryLater;
                let exit = |lasting| if passing { Exit::TryLater } else { lasting };
                match refusal.keyword {
                    None if passing => Failure::new(
                        Exit::TryLater,
                        format!("{place} turns connections away for now: {text} (try again later)"),
                    ),
                    None => Failure::new(Exit::Connect, format!("{place} turns connections away: {text}")),
                    Some(Keyword::Stls) if passing => Failure::new(
                        Exit::TryLater,
                        format!("{place} has no TLS for now: {text} (try again later)"),
                    ),
                    Some(Keyword::Stls) => Failure::new(
                        Exit::Connect,
                        format!(
                            "{place} has no TLS by STLS: {text} (try --tls implicit, or --tls off on a line that you trust)"
                        ),
                    ),
                    Some(Keyword::User | Keyword::Pass | Keyword::Apop | Keyword::Auth) => {
                        refused::failure(place, refusal, self.kind)
                    }
                    Some(keyword) => {
                        let keyword = keyword.as_str();
                        let advice = if passing { " (try again later)" } else { "" };
                        Failure::new(
                            exit(Exit::Protocol),
                            format!("{place} refused {keyword}: {text}{advice}"),
                        )
                    }
                }
            }
            Error::NotTls(_) => Failure::new(
                Exit::Connect,
                format!(
                    "{place} speaks plain text where TLS was tried (pop3:// or --tls starttls begin TLS by STLS; no password was sent)"
                ),
            ),
            Error::Exchange(ExchangeError::WrongSignature) | Error::ServerNotVerified(_) => Failure::new(
                Exit::Login,
                format!(
                    "{place} does not prove that it knows the password: it is a false server, or somebody is in between ({})",
                    reasons(error)
                ),
            ),
            Error::Exchange(ExchangeError::Denied(Denial::ServerDoesSupportChannelBinding)) => Failure::new(
                Exit::Login,
                format!(
                    "{place}: somebody has taken the mechanisms with -PLUS off the list ({})",
                    reasons(error)
                ),
            ),
            Error::Exchange(_) | Error::UnreadableChallenge => {
                Failure::new(Exit::Login, format!("{place}: {}", reasons(error)))
            }
            Error::NoLogin(NoLogin::BindingNotOffered) => Failure::new(
                Exit::Login,
                format!(
                    "{place} offers no mechanism with -PLUS, which --require-binding wants; somebody may have taken it off the list"
                ),
            ),
            Error::NoLogin(_) => Failure::new(
                Exit::Login,
                format!(
                    "{place}: {} (pop3 check lists what it offers; --auth names another)",
                    reasons(error)
                ),
            ),
            Error::Tls(error) => {
                let (what, advice) = match Refused::find(error) {
                    Some(refused) => (refused.to_string(), crate::tls::advice(refused)),
                    None => (reasons(error), tls_advice(error).to_owned()),
                };
                let text = format!("{place}: TLS failed: {what} ({advice}; no password was sent)");
                Failure::new(Exit::Connect, text)
            }
            Error::Protocol(ProtocolError::TimedOut { during: None }) => Failure::new(
                Exit::Connect,
                format!(
                    "{place}: {error} (if the port wants TLS from the first octet, say pop3s:// or --tls implicit)"
                ),
            ),
            Error::Protocol(ProtocolError::TooSlow { .. }) => {
                Failure::new(Exit::Connect, format!("{place}: {error} (--min-rate takes less)"))
            }
            Error::Network(_)
            | Error::Protocol(
                ProtocolError::Closed { .. }
                | ProtocolError::Truncated { .. }
                | ProtocolError::TimedOut { .. },
            ) => Failure::new(Exit::Connect, format!("{place}: {}", reasons(error))),
            Error::Protocol(ProtocolError::OtherProtocol(pop3_proto::client::Protocol::Tls)) => Failure::new(
                Exit::Protocol,
                format!("{place} speaks TLS from the first octet (try pop3s:// or --tls implicit)"),
            ),
            Error::NoTimestamp => Failure::new(
                Exit::Login,
                format!(
                    "{place} offers no APOP: {} (pop3 check lists what it offers; --auth names another way)",
                    reasons(error)
                ),
            ),
            Error::Argument(_) | Error::Unsendable(_) | Error::Unusable(_) => {
                Failure::usage(format!("{place}: {}", reasons(error)))
            }
            Error::Protocol(ProtocolError::Dismissed(line)) if error.advice() == Retry::Later => {
                Failure::new(
                    Exit::TryLater,
                    format!("{place} ended the session: {} (try again later)", shown(line)),
                )
            }
            Error::Protocol(fault) => {
                // For people what the server said is shown in its own letters, not in ASCII.
                let line = fault.excerpt().map(|line| format!(": {}", shown(line))).unwrap_or_default();
                Failure::new(Exit::Protocol, format!("{place}: {fault:#}{line}"))
            }
            Error::Store(_) | Error::Interrupted | Error::Internal | _ => {
                Failure::new(Exit::Protocol, format!("{place}: {}", reasons(error)))
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

/// All addresses of the host, if each is on this machine; else none.
fn loopback_addresses(url: &Url) -> Vec<IpAddr> {
    let Ok(addresses) = (url.host(), url.port()).to_socket_addrs() else { return Vec::new() };
    let addresses: Vec<IpAddr> = addresses.map(|address| address.ip()).collect();
    if addresses.iter().all(|address| address.to_canonical().is_loopback()) { addresses } else { Vec::new() }
}

/// What to do about a handshake that failed.
fn tls_advice(error: &std::io::Error) -> &'static str {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidMessage(_)) => {
            "the port may not speak TLS from the first octet; pop3:// or --tls starttls begin it by STLS"
        }
        _ => "server and client do not agree",
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn a_name_outside_ascii_is_dialled_and_checked_by_its_a_labels() {
        let line = ["pop3", "check", "pop3s://alice@B\u{fc}cher.invalid"];
        let Command::Check(check) = Cli::try_parse_from(line).unwrap().command else { panic!("not check") };
        let dial = Dial::new(&check.account, &check.account.url().unwrap()).unwrap();
        assert_eq!(dial.hosts, ["xn--bcher-kva.invalid"]);
        assert_eq!(dial.place, "b\u{fc}cher.invalid:995");
        let Security::Implicit(connector) = dial.security else { panic!("no TLS") };
        assert_eq!(connector.name(), "xn--bcher-kva.invalid".try_into().unwrap());
    }
}
