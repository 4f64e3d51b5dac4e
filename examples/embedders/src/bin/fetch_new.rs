//! Fetches new mail into a Maildir, and shows the progress.
//!
//! A message appears in the Maildir when it is complete and on the disk. Only then may it be deleted on the server. If
//! a run ends early, by a lost connection or a `kill`, no message is lost, and the next run stores none twice.

use core::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pop3_fetch::{Fetch, FetchEvent, FetchOptions, FetchReport, Target, default_state};
use pop3_tokio::Client;

#[derive(Parser)]
struct Arguments {
    host: String,
    #[arg(long, default_value_t = 995)]
    port: u16,
    /// Certificate authorities to trust in addition to the system's (PEM).
    #[arg(long)]
    roots: Option<PathBuf>,
    #[arg(long)]
    user: String,
    #[arg(long, env = "POP3_PASSWORD", hide_env_values = true)]
    password: String,
    /// Delete messages on the server when they are stored.
    #[arg(long)]
    delete: bool,
    /// The Maildir. It is created if it does not exist.
    maildir: PathBuf,
}

// This is the only task, so it may block on the disk.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let account = format!("{}@{}:{}", arguments.user, arguments.host, arguments.port);
    match fetch(&arguments, &account).await {
        Ok(report) => {
            println!("{account}: {report}");
            if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("fetch_new: {account}: {}", pop3_tokio::reasons(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn fetch(arguments: &Arguments, account: &str) -> Result<FetchReport, Box<dyn Error>> {
    let target = Target::Maildir(arguments.maildir.clone());
    // The state file remembers which messages are stored.
    let state = default_state(account, &target)?;
    let options = FetchOptions::new().with_delete(arguments.delete);
    let mut progress = Progress::default();
    let mut fetch =
        Fetch::open(&target, &state, account, options)?.on_event(move |event| progress.show(event));
    let mut builder = Client::builder(&arguments.host).port(arguments.port);
    if let Some(roots) = &arguments.roots {
        builder = builder.ca_file(roots);
    }
    let client = builder.login(&arguments.user, arguments.password.as_str()).connect().await?;
    Ok(fetch.run(client).await?)
}

/// What has arrived so far, and what the server has listed.
#[derive(Default)]
struct Progress {
    /// The number of the message on the server, and its size.
    current: u32,
    size: u64,
    number: usize,
    messages: usize,
    octets_of_message: u64,
    octets: u64,
    listed: u64,
}

impl Progress {
    fn show(&mut self, event: FetchEvent<'_>) {
        match event {
            FetchEvent::Planned { messages, octets } => (self.messages, self.listed) = (messages, octets),
            FetchEvent::Octets(octets) => {
                self.octets_of_message += octets;
                self.octets += octets;
                let Self { current, size, number, messages, octets_of_message, octets, listed } = self;
                eprint!(
                    "\rmessage {current} ({number} of {messages}): {octets_of_message} of {size} octets, in all {octets} of {listed}"
                );
            }
            // The next message begins, or it was refused.
            FetchEvent::Message { message, octets, .. } => {
                self.end_line();
                self.number += 1;
                (self.current, self.size) = (message.number(), octets.unwrap_or_default());
            }
            FetchEvent::Finished => self.end_line(),
            FetchEvent::Notice(notice) => eprintln!("{notice}"),
            _ => {}
        }
    }

    fn end_line(&mut self) {
        if self.octets_of_message > 0 {
            eprintln!();
        }
        self.octets_of_message = 0;
    }
}
