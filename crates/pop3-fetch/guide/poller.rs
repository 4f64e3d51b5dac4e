//! Polls a maildrop, saves its messages in a Maildir, and deletes them on the server.

use core::{error::Error, time::Duration};
use std::{env, process::ExitCode, thread};

use pop3_fetch::{Fetch, FetchError, FetchEvent, FetchOptions, FetchReport, Target};
use pop3_std::{Builder, Client, client::Retry, reasons, wait};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (host, password) = (env::var("POP3_HOST")?, env::var("POP3_PASSWORD")?);
    let login = Client::builder(&host).login("mrose", password);
    let account = format!("mrose@{host}");
    let inbox = Target::Maildir("inbox".into());
    // A message is deleted on the server when it is on the disk, and not before.
    let fetch = FetchOptions::new()
        .with_delete(true)
        .open(&inbox, &account)?;
    let mut fetch = fetch.on_event(|event| {
        if let FetchEvent::Notice(notice) = event {
            eprintln!("{notice}");
        }
    });
    loop {
        let pause = match poll(&login, &mut fetch) {
            Ok(report) => {
                println!("{account}: {report}");
                60
            }
            Err(error) => {
                eprintln!("{account}: {}", reasons(&error));
                match error.advice() {
                    Retry::Now => 5,
                    Retry::Later => 300,
                    Retry::OtherCredentials | Retry::Never | _ => return Ok(ExitCode::FAILURE),
                }
            }
        };
        thread::sleep(Duration::from_secs(pause));
    }
}

fn poll(login: &Builder, fetch: &mut Fetch) -> Result<FetchReport, FetchError> {
    let client = login.clone().connect()?;
    wait(fetch.run(client.into()))
}
