//! Fetches new mail from a POP3 server, each message exactly once, even if a run is interrupted.
//!
//! # When to use it
//!
//! Use this crate for a program that polls a maildrop: it stores new mail in files, or passes each message to a
//! function of yours. It keeps a state file to know what it has already fetched. If you want to send single commands
//! yourself, use the client of `pop3-tokio`, `pop3-async-std` or `pop3-std`. If you have a database for the state,
//! see `pop3-seen`. To get a logged-in client from a URL, see `pop3-connect`.
//!
//! # A client
//!
//! This program lists a maildrop, and saves the messages that are new since its last run in a Maildir. It uses
//! `pop3-tokio`, and tokio with the features `macros` and `rt-multi-thread`.
//!
//! ```no_run
#![doc = include_str!("../guide/client.rs")]
//! ```
//!
//! # A program that polls
//!
//! This program saves new messages every minute, and deletes them on the server. It blocks: it uses `pop3-std` and no
//! runtime. It may be killed at any time.
//!
//! ```no_run
#![doc = include_str!("../guide/poller.rs")]
//! ```
//!
//! # Messages for a function
//!
//! [`Fetch::open`] stores messages in a [`Target`]: a Maildir, an mbox or a directory. [`Fetch::deliver_to`] passes them
//! to a function. [`Fetch::run`] takes a client that is logged in, on any runtime, and does one complete run: it
//! lists the maildrop, fetches and stores new messages, deletes them on the server if you [want
//! that](FetchOptions::with_delete), and ends the session.
//!
//! ```
//! use std::io::Read as _;
//!
//! use pop3_fetch::{Fetch, FetchOptions};
//! use pop3_tokio::{Security, connect};
//!
//! # use std::io::{BufRead as _, BufReader, Write as _};
//! # fn serve(listener: std::net::TcpListener) -> std::io::Result<()> {
//! #     let (stream, _) = listener.accept()?;
//! #     (&stream).write_all(b"+OK\r\n")?;
//! #     for line in BufReader::new(&stream).lines() {
//! #         let reply = match &*line? {
//! #             "LIST" => "+OK\r\n1 23\r\n.\r\n",
//! #             "UIDL" => "+OK\r\n1 abc\r\n.\r\n",
//! #             "RETR 1" => "+OK\r\nSubject: help\r\n\r\nme!\r\n.\r\n",
//! #             "CAPA" => "-ERR\r\n",
//! #             "STAT" => "+OK 1 23\r\n",
//! #             _ => "+OK\r\n",
//! #         };
//! #         (&stream).write_all(reply.as_bytes())?;
//! #     }
//! #     Ok(())
//! # }
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let port = listener.local_addr()?.port();
//! # std::thread::spawn(move || serve(listener));
//! # let folder = tempfile::tempdir()?;
//! # let state = folder.path().join("support.state");
//! # let (tickets, new) = std::sync::mpsc::channel();
//! # let open_ticket = move |text: String| tickets.send(text).map_err(std::io::Error::other);
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let options = FetchOptions::new().with_delete(true);
//! let mut fetch = Fetch::deliver_to(
//!     move |message| {
//!         let mut octets = Vec::new();
//!         message.read_to_end(&mut octets)?;
//!         // Return only when the ticket is in the database: then the message may be deleted on the server.
//!         open_ticket(String::from_utf8_lossy(&octets).into_owned())
//!     },
//!     &state,
//!     "support@mail.example",
//!     options,
//! )?;
//! // Use TLS for any other host: see `Security`.
//! let mut client = connect("127.0.0.1", port, Security::TrustedPlaintext, Default::default()).await?;
//! client.login(b"support", b"secret").await?;
//! let report = fetch.run(client).await?;
//! assert_eq!((report.fetched, report.deleted), (1, 1));
//! # assert_eq!(new.recv()?, "Subject: help\r\n\r\nme!\r\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises and limits
//!
//! - **No message is lost.** A message is stored only when it was received completely. DELE is sent only after the
//!   message and the state file are on the disk. QUIT is sent only if the target has every message that RETR has
//!   sent, because some servers delete such messages at QUIT (RFC 1939 section 8).
//! - **No message is stored twice**, whenever the process is killed. The state file records a message before it
//!   appears in the target, and the next [`Fetch::open`] checks whether it did appear. A function of yours cannot be
//!   checked in this way. After a crash, it may receive the last message a second time, but no other.
//! - **A reply to the wrong command is not believed.** Messages are fetched in groups. After each group, the crate
//!   verifies that replies and commands are in step. Messages in doubt are fetched again and compared.
//! - **A broken listing does no harm.** An account keeps the way in which its messages are
//!   [recognised](RecognisedBy). Messages that are missing from a listing are remembered for
//!   [weeks](FetchOptions::with_forget_after).
//! - **It leaves the process alone.** The library prints nothing, installs no signal handlers, and never exits. It
//!   reports [events](Fetch::on_event) and [errors](FetchError) to the caller. A [`Stop`](pop3_driver::Stop) ends a
//!   run early.
//! - **A thread stores messages** in groups, while the session receives the next group. Messages of up to 1 MiB wait in
//!   memory, 16 MiB together at most. The state file is read and rewritten with blocking calls at the beginning and at
//!   the end of a run, and messages that are too large for memory are written between the reads of the session. On a
//!   runtime with other tasks, give the fetch its own thread.
//! - **It needs a Unix.**
//!
//! # RFCs
//!
//! RFC 1939 sections 5 (RETR, DELE), 6 (QUIT), 7 (UIDL) and 8 (mail left on the server).
#![cfg(unix)]
#![cfg_attr(test, expect(clippy::disallowed_methods, reason = "tests look at the files themselves"))]

mod error;
mod fetch;
mod journal;
mod lock;
mod notice;
mod options;
mod report;
mod sink;
mod spot;
mod sync;
mod target;

pub use error::{FetchError, ListingError};
pub use fetch::{Fetch, account, default_state};
pub use journal::RecognisedBy;
pub use notice::{FetchEvent, Notice};
pub use options::FetchOptions;
pub use report::FetchReport;
pub use sink::FetchedMessage;
pub use target::Target;
