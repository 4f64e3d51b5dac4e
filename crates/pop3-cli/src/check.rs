//! `pop3 check`: what a server can do, and what is odd about it.

mod findings;

use std::io::{self, Write as _};

use pop3_connect::{Dial, Login, Session};
use pop3_driver::Transport;
use pop3_driver::client::{Client, Error, Security};
use pop3_proto::Capabilities;
use pop3_proto::client::Error as Fault;
use pop3_text::Escaped;
use pop3_trust::Refused;
use rustls::pki_types::CertificateDer;

use crate::account;
use crate::args::Check;
use crate::exit::{Exit, Failure};
use findings::Findings;

/// Checks.
pub(crate) fn run(options: &Check) -> Result<Exit, Failure> {
    let account = &options.account;
    let url = account.url()?;
    let settings = account::settings(account);
    let mut dial = Dial::new(&settings, &url)?;
    let login = Login::new(&settings, &url, dial.place())?;
    if let Some(login) = &login {
        dial = dial.for_login(login);
    }
    let runtime = account.runtime.into();
    let mut page = Page::default();
    page.line("server", dial.place());
    let mut findings = Findings::default();
    if let Security::StartTls(_) = dial.security() {
        // What the server says before TLS is seen on a connection of its own, on which nothing secret
        // can be sent.
        let plain = dial.with_security(Security::Plaintext);
        let list = plain.run(runtime, Before).map_err(|error| dial.explain(&error))?;
        page.capabilities("before TLS", list.as_ref());
        findings.before_tls(list.as_ref());
    }
    let checker = Checker { page: &mut page, findings: &mut findings, login };
    let checked = dial.run(runtime, checker).and_then(|result| result);
    // Who wonders why a certificate is refused wants to see it.
    if let Err(Error::Tls(error)) = &checked
        && let Some(refused) = Refused::find(error)
    {
        page.line("TLS", "the certificate is refused");
        page.certificate(refused.certificate());
    }
    if checked.is_ok() || !findings.lines().is_empty() {
        page.findings(&findings);
    }
    // Who closed the stream does not want to read it.
    let _ = io::stdout().write_all(page.0.as_bytes());
    checked.map(|()| Exit::Done).map_err(|error| dial.explain(&error).into())
}

/// Asks for the capabilities and no more.
struct Before;

impl Session for Before {
    type Output = Option<Capabilities>;

    async fn run<T: Transport>(self, mut client: Client<T>) -> Self::Output {
        let list = client.capabilities().await.ok().flatten();
        // Nothing depends on how this connection ends.
        let _ = client.quit().await;
        list
    }
}

/// The session proper: as far as it goes without a user, or to the end of a maildrop.
struct Checker<'a> {
    page: &'a mut Page,
    findings: &'a mut Findings,
    login: Option<Login>,
}

impl Session for Checker<'_> {
    type Output = Result<(), Error>;

    async fn run<T: Transport>(self, mut client: Client<T>) -> Self::Output {
        let Self { page, findings, login } = self;
        Checker { page, findings: &mut *findings, login }.check(&mut client).await?;
        match client.quit().await {
            // Nothing was marked, so that nothing depends on how the session ends.
            Err(error) if is_hang_up(&error) => {
                findings.hang_up_at_quit();
                Ok(())
            }
            result => result,
        }
    }
}

impl Checker<'_> {
    async fn check<T: Transport>(self, client: &mut Client<T>) -> Result<(), Error> {
        let Self { page, findings, login } = self;
        page.line("greeting", Escaped::new(client.greeting()));
        page.line(
            "APOP",
            if client.offers_apop() { "a timestamp is in the greeting" } else { "not offered" },
        );
        match client.tls() {
            Some(tls) => {
                page.line("TLS", format_args!("{} {}", tls.version, tls.cipher));
                if let Some(certificate) = tls.certificates.first() {
                    page.certificate(certificate);
                }
            }
            None => page.line("TLS", "none"),
        }
        let before = client.capabilities().await?;
        page.capabilities("before the login", before.as_ref());
        findings.before_login(before.as_ref(), client.channel());
        if let Some(login) = login {
            let result = account::log_in(&login, client).await;
            findings.quirks(client.quirks());
            page.line("logged in by", result?);
            let after = client.known_capabilities().cloned();
            page.capabilities("after the login", after.as_ref());
            findings.after_login(before.as_ref(), after.as_ref());
            maildrop(client, page, findings).await?;
        }
        findings.quirks(client.quirks());
        Ok(())
    }
}

/// The figures of the maildrop.
async fn maildrop<T: Transport>(
    client: &mut Client<T>,
    page: &mut Page,
    findings: &mut Findings,
) -> Result<(), Error> {
    let stat = client.stat().await?;
    page.line("maildrop", format_args!("{} messages, {} octets", stat.messages, stat.octets));
    match client.list().await {
        Ok(sizes) => findings.sizes(stat.messages, stat.octets, &sizes),
        Err(Error::Refused(refusal)) => findings.no_list(&refusal.text),
        Err(error) => return Err(error),
    }
    match client.uidl().await {
        Ok(uids) => findings.uids(stat.messages, &uids),
        Err(Error::Refused(refusal)) => findings.no_uidl(&refusal.text),
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Whether the connection has ended where a reply was due, in whatever way.
fn is_hang_up(error: &Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    if let Error::Protocol(fault) = error {
        return matches!(fault, Fault::Closed { .. } | Fault::Truncated { .. });
    }
    // Within TLS an end that was not announced is told as one of the network.
    let Error::Network(error) = error else { return false };
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

/// What will be printed.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, title: &str, text: impl core::fmt::Display) {
        self.0.push_str(&format!("{title:<18}{text}\n"));
    }

    fn certificate(&mut self, certificate: &[u8]) {
        let certificate = &CertificateDer::from(certificate);
        for line in pop3_trust::describe(certificate) {
            self.line("", line);
        }
    }

    fn capabilities(&mut self, when: &str, list: Option<&Capabilities>) {
        let Some(list) = list else {
            return self.line(when, "CAPA is not known");
        };
        for (index, line) in list.lines().enumerate() {
            self.line(if index == 0 { when } else { "" }, Escaped::new(line));
        }
        let mechanisms: Vec<String> = list.mechanisms().map(|name| Escaped::new(name).to_string()).collect();
        let mechanisms = if mechanisms.is_empty() { "none by SASL".to_owned() } else { mechanisms.join(" ") };
        self.line("  mechanisms", mechanisms);
    }

    fn findings(&mut self, findings: &Findings) {
        if findings.lines().is_empty() {
            self.line("odd", "nothing");
        }
        for (index, finding) in findings.lines().iter().enumerate() {
            self.line(if index == 0 { "odd" } else { "" }, finding);
        }
    }
}
