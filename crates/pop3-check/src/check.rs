//! One look at a server.

use pop3_connect::{ClientTask, ConnectError, Dial, Login, Settings, Url};
use pop3_driver::Transport;
use pop3_driver::client::{self, Client, ClientOptions, Security};
use pop3_proto::Capabilities;
use pop3_proto::client::ProtocolError as Fault;
use pop3_trust::Refused;

use crate::finding::Finding;
use crate::report::{Announced, CheckReport};

/// A prepared check of a server. The secret has been read, but nothing has been sent.
#[derive(Clone, Debug)]
pub struct Check {
    dial: Dial,
    login: Option<Login>,
}

impl Check {
    /// Prepares a check from the settings and the URL. If the URL names no user and the login method needs one, the
    /// check does not log in. This may block, like [`Dial::new`] and [`Login::new`].
    ///
    /// # Errors
    /// Returns an error if a setting or a file named there cannot be used, or if the secret cannot be read.
    pub fn new(settings: &Settings, url: &Url) -> Result<Self, ConnectError> {
        let dial = Dial::new(settings, url)?;
        let login = Login::new(settings, url, dial.place())?;
        let dial = login.iter().fold(dial, |dial, login| dial.for_login(login));
        Ok(Self { dial, login })
    }

    /// Runs the check on this runtime. Blocks until it has ended, so do not call it from within a runtime. It always
    /// returns a report of what was found. If the check could not be completed, [`CheckReport::error`] says why.
    #[cfg(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads"))]
    #[must_use]
    pub fn run(&self, runtime: pop3_connect::ClientRuntime) -> CheckReport {
        let mut report = self.begin();
        if let Some(plain) = self.before_tls() {
            match plain.run(runtime, Before) {
                Ok(list) => report.hear_before_tls(list),
                Err(error) => return self.end(report, Err(error)),
            }
        }
        let looked = self.dial.run(runtime, Looker { report: &mut report, login: self.login.as_ref() });
        self.end(report, looked.and_then(|result| result))
    }

    /// Runs the check with the `connect` function of an adapter, such as `pop3_tokio::connect`. Otherwise like
    /// [`run`](Self::run).
    ///
    /// You may drop the future. There is then no report.
    pub async fn look<T: Transport>(
        &self,
        connect: impl AsyncFn(&str, u16, Security, ClientOptions) -> Result<Client<T>, client::ClientError>,
    ) -> CheckReport {
        let mut report = self.begin();
        if let Some(plain) = self.before_tls() {
            match plain.connect(&connect).await {
                Ok(client) => report.hear_before_tls(Before.run(client).await),
                Err(error) => return self.end(report, Err(error)),
            }
        }
        let looked = match self.dial.connect(&connect).await {
            Ok(client) => Looker { report: &mut report, login: self.login.as_ref() }.run(client).await,
            Err(error) => Err(error),
        };
        self.end(report, looked)
    }

    fn begin(&self) -> CheckReport {
        CheckReport { server: self.dial.place().to_owned(), ..CheckReport::default() }
    }

    /// What the server says before TLS that begins by STLS is seen on a connection of its own, on which nothing secret
    /// can be sent.
    fn before_tls(&self) -> Option<Dial> {
        matches!(self.dial.security(), Security::StartTls(_))
            .then(|| self.dial.with_security(Security::Plaintext))
    }

    fn end(&self, mut report: CheckReport, looked: Result<(), client::ClientError>) -> CheckReport {
        let Err(error) = looked else { return report };
        if let client::ClientError::Tls(error) = &error {
            report.refused_certificate = Refused::find(error).map(|refused| refused.certificate().to_vec());
        }
        report.error = Some(self.dial.explain(&error));
        report
    }
}

/// Asks for the capabilities and no more.
struct Before;

impl ClientTask for Before {
    type Output = Option<Capabilities>;

    async fn run<T: Transport>(self, mut client: Client<T>) -> Self::Output {
        let list = client.capabilities().await.ok().flatten();
        // The end of this connection does not matter.
        let _ = client.quit().await;
        list
    }
}

/// The session proper: as far as it goes without a user, or to the end of a maildrop.
struct Looker<'a> {
    report: &'a mut CheckReport,
    login: Option<&'a Login>,
}

impl ClientTask for Looker<'_> {
    type Output = Result<(), client::ClientError>;

    async fn run<T: Transport>(self, mut client: Client<T>) -> Self::Output {
        let Self { report, login } = self;
        report.look(&mut client, login).await?;
        match client.quit().await {
            // No message was marked, so the end of the session does not matter.
            Err(error) if is_hang_up(&error) => {
                report.find(Finding::HangUpAtQuit);
                Ok(())
            }
            result => result,
        }
    }
}

impl CheckReport {
    fn hear_before_tls(&mut self, list: Option<Capabilities>) {
        self.find_before_tls(list.as_ref());
        self.before_tls = list.into();
    }

    async fn look<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        login: Option<&Login>,
    ) -> Result<(), client::ClientError> {
        self.greeting = Some(client.greeting().to_vec());
        self.offers_apop = client.offers_apop();
        self.tls = client.tls();
        let before = client.capabilities().await?;
        self.before_login = before.clone().into();
        self.find_before_login(before.as_ref(), client.channel());
        if let Some(login) = login {
            let result = login.log_in(client).await;
            self.find_quirks(client.quirks());
            let method = result?;
            (self.login, self.warning) = (Some(method), login.warning(client, method));
            let after = client.capabilities().await?.or_else(|| client.known_capabilities().cloned());
            self.find_after_login(before.as_ref(), after.as_ref());
            self.after_login = Announced::from(after);
            self.look_at_maildrop(client).await?;
        }
        self.find_quirks(client.quirks());
        Ok(())
    }

    /// The figures of the maildrop.
    async fn look_at_maildrop<T: Transport>(
        &mut self,
        client: &mut Client<T>,
    ) -> Result<(), client::ClientError> {
        let stat = client.stat().await?;
        let (messages, octets) = (stat.messages, stat.octets);
        self.maildrop = Some(stat);
        match client.list().await {
            Ok(sizes) => self.find_in_sizes(messages, octets, &sizes),
            Err(client::ClientError::Refused(refusal)) => self.find(Finding::NoList(refusal.text.to_vec())),
            Err(error) => return Err(error),
        }
        match client.uidl().await {
            Ok(uids) => self.find_in_uids(messages, &uids),
            Err(client::ClientError::Refused(refusal)) => self.find(Finding::NoUidl(refusal.text.to_vec())),
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whether the connection has ended where a reply was due, in whatever way.
fn is_hang_up(error: &client::ClientError) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if let client::ClientError::Protocol(fault) = error {
        return matches!(fault, Fault::Closed { .. } | Fault::Truncated { .. });
    }
    // Within TLS, an unannounced end is reported as a network error.
    let client::ClientError::Network(error) = error else { return false };
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}
