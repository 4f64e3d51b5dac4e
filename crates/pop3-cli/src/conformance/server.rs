//! A server under test: from the account on the command line to the report.

use pop3_conformance::server::RunError;
use pop3_conformance::{ConformanceReport, Connect, Selection, TestedServer, TestedTls};
use pop3_connect::Dial;
use pop3_driver::client::Security;
use rustls_pki_types::ServerName;

use crate::account;
use crate::args::Conformance;
use crate::exit::{Exit, Failure};

/// Tries the rows.
///
/// # Errors
/// When the server can't be reached, or there is no login: then no row was tried.
pub(super) fn run(options: &Conformance, selection: &Selection) -> Result<ConformanceReport, Failure> {
    let account = &options.account;
    let url = account.url()?;
    let settings = account::settings(account, false);
    let dial = Dial::new(&settings, &url)?;
    let place = dial.place();
    let Some(user) = url.user() else {
        return Err(Failure::usage(format!(
            "the URL contains no user name for {place}: the tests need a \
            maildrop"
        )));
    };
    let password = settings.read_password(&format!("{}@{place}", user.escape_ascii()))?;
    let addresses =
        dial.addresses().map_err(|error| Failure::new(Exit::Connect, format!("{place}: {error}")))?;
    let mut connect = Connect::new(addresses, user, password.expose()).with_timeout(account.timeout);
    let tls = match dial.security() {
        Security::Implicit(_) => TestedTls::Implicit,
        Security::StartTls(_) => TestedTls::StartTls,
        Security::Plaintext | Security::TrustedPlaintext | _ => TestedTls::Off,
    };
    // In clear text too: STLS is tried where it is offered.
    if let (Ok(config), Ok(name)) = (settings.tls_config(), ServerName::try_from(url.host().to_owned())) {
        connect = connect.with_tls(tls, config, name);
    }
    let target = TestedServer::new(connect).destructive(options.destructive);
    target.run(selection, &mut super::progress).map_err(|error| {
        let exit = match error {
            RunError::Login(_) => Exit::Login,
            RunError::Later(_) => Exit::TryLater,
            RunError::Connect(_) | _ => Exit::Connect,
        };
        Failure::new(exit, format!("{place}: {error}"))
    })
}
