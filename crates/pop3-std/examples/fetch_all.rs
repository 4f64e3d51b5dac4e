//! Prints all messages of a maildrop on this machine, and leaves them there.
//!
//! `cargo run -p pop3-std --example fetch_all 127.0.0.1 PORT mrose tanstaaf`

use pop3_std::Client;

fn main() -> Result<(), Box<dyn core::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, name, password] = &arguments[..] else {
        return Err("usage: fetch_all HOST PORT NAME PASSWORD".into());
    };
    // Mail goes in clear: only for the loopback interface. Without this word it is TLS, and port 995.
    let builder = Client::builder(host).port(port.parse()?).trusted_plaintext();
    // The strongest mechanism that both sides have, here SCRAM: the password itself does not travel.
    let mut client = builder.login(name, password.as_str()).connect()?;
    for (message, _) in client.list()? {
        std::io::copy(&mut client.message(message)?, &mut std::io::stdout())?;
    }
    client.quit()?;
    Ok(())
}
