//! Lists a maildrop and saves its new messages in a Maildir.

use pop3_fetch::{FetchOptions, Target};
use pop3_tokio::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn core::error::Error>> {
    let (host, password) = (std::env::var("POP3_HOST")?, std::env::var("POP3_PASSWORD")?);
    let login = Client::builder(&host).login("mrose", password);
    let mut client = login.connect().await?;
    for (number, octets) in client.list().await? {
        println!("message {number}: {octets} octets");
    }
    let inbox = Target::Maildir("inbox".into());
    let mut fetch = FetchOptions::new().open(&inbox, &format!("mrose@{host}"))?;
    println!("{}", fetch.run(client).await?);
    Ok(())
}
