//! Prints all messages of a maildrop on this machine, and leaves them there.
//!
//! `cargo run -p pop3-async-std --example fetch_all 127.0.0.1 PORT mrose tanstaaf`

use std::io::Write as _;

use pop3_async_std::{AsyncStd, Client};

#[async_std::main]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [host, port, name, password] = &arguments[..] else {
        return Err("usage: fetch_all HOST PORT NAME PASSWORD".into());
    };
    // Mail goes in clear: only for the loopback interface. Without this word it is TLS, and port 995.
    let builder = Client::<AsyncStd>::builder(host).port(port.parse()?).trusted_plaintext();
    // The strongest mechanism that both sides have, here SCRAM: the password itself does not travel.
    let mut client = builder.login(name, password.as_str()).connect().await?;
    for (message, _) in client.list().await? {
        let mut message = client.message(message).await?;
        while let Some(octets) = message.chunk().await? {
            std::io::stdout().write_all(octets)?;
        }
    }
    client.quit().await?;
    Ok(())
}
