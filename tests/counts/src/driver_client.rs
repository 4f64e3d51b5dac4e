//! The client of the driver, over a transport in memory.

use core::hint::black_box;

use pop3_driver::client::{Client, ClientError, ClientOptions, Security, from_fn};
use pop3_driver::wait;
use pop3_proto::{Instant, MessageNumber};

use crate::wire::{Replies, Wire};
use crate::{MESSAGES, Scenario, mail_on_the_wire};

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario::new("driver/client stat", 100, stat),
    Scenario::new("driver/client noop", 100, noop),
    Scenario::new("driver/client list and uidl", 10, list_and_uidl).allocating(6),
    Scenario::new("driver/client retr", 50, retr),
    Scenario::new("driver/client retr all", 5, retr_all).allocating(6),
    Scenario::new("driver/client dele", 100, dele),
];

type Connected = Client<Wire<Replies>>;

fn stat(times: u32) {
    run(async |client| {
        for _ in 0..times {
            black_box(client.stat().await?);
        }
        Ok(())
    });
}

fn noop(times: u32) {
    run(async |client| {
        for _ in 0..times {
            client.noop().await?;
        }
        Ok(())
    });
}

fn list_and_uidl(times: u32) {
    run(async |client| {
        for _ in 0..times {
            client
                .list_and_uidl_each(|row| _ = black_box(row))
                .await?
                .into_iter()
                .for_each(|listed| listed.expect("a listing"));
        }
        Ok(())
    });
}

fn retr(times: u32) {
    run(async |client| {
        for _ in 0..times {
            let mut message = client.message(MessageNumber::FIRST).await?;
            while let Some(octets) = message.chunk().await? {
                black_box(octets);
            }
        }
        Ok(())
    });
}

/// A window after the other.
fn retr_all(times: u32) {
    let messages: Vec<MessageNumber> = (1..=MESSAGES).filter_map(MessageNumber::new).collect();
    run(async |client| {
        for _ in 0..times {
            client
                .retr_all(
                    &messages,
                    &mut from_fn(|octets| {
                        black_box(octets);
                        Ok(())
                    }),
                )
                .await?;
        }
        Ok(())
    });
}

fn dele(times: u32) {
    run(async |client| {
        for _ in 0..times {
            client.dele(MessageNumber::FIRST).await?;
        }
        Ok(())
    });
}

/// Does this with a client that is logged in.
fn run(work: impl AsyncFnOnce(&mut Connected) -> Result<(), ClientError>) {
    let rows = |row: &dyn Fn(u32) -> String| {
        let rows: String = (1..=MESSAGES).map(row).collect();
        format!("+OK\r\n{rows}.\r\n").into_bytes()
    };
    let replies = Replies::new(vec![
        (b"CAPA", b"+OK\r\nUSER\r\nUIDL\r\nTOP\r\nPIPELINING\r\n.\r\n".to_vec()),
        (b"STAT", b"+OK 100 409600\r\n".to_vec()),
        (b"LIST", rows(&|number| format!("{number} 4096\r\n"))),
        (b"UIDL", rows(&|number| format!("{number} uid-{number}\r\n"))),
        (b"RETR", [&b"+OK 4096 octets\r\n"[..], &mail_on_the_wire()].concat()),
    ]);
    wait(async {
        let options = ClientOptions::new();
        let deadline = Instant::EPOCH.after(options.connect_timeout);
        let mut client = Client::open(Wire(replies), &Security::TrustedPlaintext, options, deadline).await?;
        client.login(b"mrose", b"tanstaaf").await?;
        work(&mut client).await?;
        client.quit().await
    })
    .expect("no errors");
}
