//! Fetches all messages of a maildrop into a directory, and leaves them on the server.

use core::error::Error;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use pop3_tokio::Client;
use pop3_tokio::proto::MessageNumber;
use tokio::fs::{File, hard_link, remove_file};
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

#[derive(Parser)]
struct Arguments {
    host: String,
    #[arg(long, default_value_t = 995)]
    port: u16,
    /// Begin TLS by STLS, as on port 110.
    #[arg(long)]
    stls: bool,
    /// Certificate authorities to trust in addition to the system's (PEM).
    #[arg(long)]
    roots: Option<PathBuf>,
    #[arg(long)]
    user: String,
    #[arg(long, env = "POP3_PASSWORD", hide_env_values = true)]
    password: String,
    /// How many seconds each message may take.
    #[arg(long, default_value_t = 30)]
    patience: u64,
    /// The directory for the messages.
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    match fetch(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("client: {}", pop3_tokio::reasons(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn fetch(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let mut client = log_in(arguments).await?;
    if let Some(method) = client.login_method() {
        println!("logged in by {method}");
    }
    for capability in client.known_capabilities().iter().flat_map(|list| list.iter()) {
        println!("capability {capability}");
    }
    let mut missing = 0;
    for (number, octets) in client.list().await? {
        println!("message {number}: {octets} octets");
        let path = arguments.folder.join(format!("{number}.eml"));
        let save = save(&mut client, number, &path);
        let why = match timeout(Duration::from_secs(arguments.patience), save).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) if is_final(&*error) => return Err(error),
            Ok(Err(error)) => pop3_tokio::reasons(&*error),
            Err(_) => format!("it took more than {} s", arguments.patience),
        };
        eprintln!("message {number} is not in {}: {why}", path.display());
        missing += 1;
    }
    if missing > 0 {
        // Some servers delete at QUIT what they have started to send. Without QUIT nothing is deleted.
        return Err(format!("{missing} messages are left on the server").into());
    }
    client.quit().await?;
    Ok(())
}

async fn log_in(arguments: &Arguments) -> Result<Client, pop3_tokio::ClientError> {
    let mut builder = Client::builder(&arguments.host).port(arguments.port);
    if arguments.stls {
        builder = builder.starttls();
    }
    if let Some(roots) = &arguments.roots {
        builder = builder.ca_file(roots);
    }
    builder.login(&arguments.user, arguments.password.as_str()).connect().await
}

/// Whether the session is over. Otherwise only this message failed.
fn is_final(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref().is_some_and(pop3_tokio::ClientError::is_final)
}

/// The file gets its name when the message is complete. A file that already exists is not changed.
async fn save(client: &mut Client, number: MessageNumber, path: &Path) -> Result<(), Box<dyn Error>> {
    let part = path.with_extension("part");
    let mut file = File::create(&part).await?;
    let mut message = client.message(number).await?;
    let size = message.size().unwrap_or_default();
    let mut octets = 0;
    while let Some(chunk) = message.chunk().await? {
        file.write_all(chunk).await?;
        octets += chunk.len();
        eprint!("\rmessage {number}: {octets} of {size} octets");
    }
    eprintln!();
    // `sync_all` does not report whether the last write succeeded.
    file.flush().await?;
    file.sync_all().await?;
    hard_link(&part, path).await?;
    remove_file(&part).await?;
    Ok(())
}
