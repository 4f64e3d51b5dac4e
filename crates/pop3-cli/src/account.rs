//! From the options of an account to the settings that the library knows.

use pop3_connect::{Login, Naming, Settings};
use pop3_driver::client::{Client, ClientError};
use pop3_driver::{LoginMethod, Transport};

use crate::args::Account;
use crate::tell::tell;
use crate::{dialogue, interrupt, password};

/// The settings that the options stand for. The switch that a signal throws is among them, if somebody watches for
/// signals by now. If `verbose`, the dialogue is shown.
pub(crate) fn settings(account: &Account, verbose: bool) -> Settings {
    let token = account.token_command.as_ref().map(|line| password::command(line));
    Settings::new()
        .with_tls(account.tls)
        .with_ca_file(account.ca_file.clone())
        .with_tls_fingerprint(account.tls_fingerprint.clone())
        .with_client_cert(account.client_cert.clone().zip(account.client_key.clone()))
        .with_auth(account.auth)
        .with_password(password::source(account))
        .with_token(token)
        .with_require_binding(account.require_binding)
        .with_utf8(account.utf8)
        .with_strict(account.strict)
        .with_capabilities(!account.no_capa)
        .with_initial_response(account.initial_response)
        .with_timeout(account.timeout)
        .with_min_rate(account.min_rate)
        .with_raw_password(account.raw_password)
        .with_tracer(verbose.then(dialogue::on_stderr))
        .with_stop(interrupt::stop())
        .with_naming(NAMING)
}

/// The option for a setting.
const NAMING: Naming = |key, value| {
    let key = if key == "token" { "token-command" } else { key };
    let value = value.map(|value| format!(" {value}")).unwrap_or_default();
    format!("--{}{value}", key.replace('_', "-"))
};

/// Logs in, and says how. Warns where the server's words about binding do not hold.
pub(crate) async fn log_in<T: Transport>(
    login: &Login,
    client: &mut Client<T>,
) -> Result<LoginMethod, ClientError> {
    let method = login.log_in(client).await?;
    if let Some(warning) = login.warning(client, method) {
        tell(format_args!("pop3: warning: {warning}"));
    }
    Ok(method)
}
