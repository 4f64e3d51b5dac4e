//! Prints all messages of a maildrop on this machine, and leaves them there.
//!
//! `cargo run -p pop3-std --example fetch_all 127.0.0.1 PORT mrose tanstaaf`

use std::io::Write as _;

use pop3_driver::client::{Credentials, LoginPolicy};
use pop3_std::{Options, Security, connect, wait};

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, name, password] = &arguments[..] else {
        return Err("usage: fetch_all HOST PORT NAME PASSWORD".into());
    };
    // Mail goes in clear: only for the loopback interface. See `Security` for TLS.
    let mut client = connect(host, port.parse()?, Security::TrustedPlaintext, Options::new())?;
    // The strongest mechanism that both sides have, here SCRAM: the password itself does not travel.
    let credentials = Credentials::new(name).with_password(password.as_str());
    wait(client.login_with(&credentials, &LoginPolicy::default()))?;
    for (message, _) in wait(client.list())? {
        let mut content = Vec::new();
        wait(client.retr(message, &mut content))?;
        std::io::stdout().write_all(&content)?;
    }
    wait(client.quit())?;
    Ok(())
}
