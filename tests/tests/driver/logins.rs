//! What the tests of the client's logins share.

use core::time::Duration;

use pop3_driver::client::{Client, ClientError, ClientOptions, Credentials, LoginPolicy, Security};
use pop3_driver::{LoginMethod, Transport as _, wait};

use crate::sasl_server::{Change, PASSWORD, USER, sasl_server};
use crate::wire::Wire;

/// The capabilities of a server with all mechanisms that need no channel binding.
pub(crate) const ALL: &str = "SASL PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-512 EXTERNAL \
                              ANONYMOUS XOAUTH2 OAUTHBEARER\r\nUSER";

pub(crate) fn open_with(wire: &Wire, security: &Security, options: ClientOptions) -> Client<Wire> {
    let deadline = wire.now().after(Duration::from_secs(60));
    wait(Client::open(wire.clone(), security, options, deadline)).expect("a greeting")
}

/// A client on a connection that may carry passwords.
pub(crate) fn open(wire: &Wire, options: ClientOptions) -> Client<Wire> {
    open_with(wire, &Security::TrustedPlaintext, options)
}

/// A client of a server that has these capabilities and modifies its replies.
pub(crate) fn client(capabilities: &'static str, change: Change) -> (Client<Wire>, Wire) {
    let wire = Wire::talking("+OK <1.2@h>\r\n", sasl_server(capabilities, change));
    (open(&wire, ClientOptions::new()), wire)
}

pub(crate) fn honest(line: &str) -> String {
    line.to_owned()
}

pub(crate) fn fred() -> Credentials {
    Credentials::new(USER).with_password(PASSWORD)
}

pub(crate) fn login(
    client: &mut Client<Wire>,
    credentials: &Credentials,
) -> Result<LoginMethod, ClientError> {
    wait(client.login_with(credentials, &LoginPolicy::default()))
}

pub(crate) fn auths(wire: &Wire) -> Vec<String> {
    let word = |line: &String| line.split(' ').take(2).collect::<Vec<_>>().join(" ");
    wire.lines()
        .iter()
        .filter(|line| line.starts_with("AUTH") || line.starts_with("USER"))
        .map(word)
        .collect()
}
