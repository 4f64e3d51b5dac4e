//! Fetches a POP3 maildrop: each message once, whatever interrupts a run.
//!
//! A [`Fetch`] holds a [`Target`] (a Maildir, an mbox, a folder) or [a function of the caller's](Fetch::deliver_to), and
//! a state file. [`Fetch::run`] takes a client that is logged in, on any runtime, and does the rest: it lists the
//! maildrop, plans what to fetch, proves that each reply belongs to its command, stores, notes, deletes if
//! [that is wanted](Options::with_delete), and ends the session.
//!
//! ```
//! use std::io::Read as _;
//!
//! use pop3_fetch::{Fetch, Options};
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
//! let options = Options::new().with_delete(true);
//! let mut fetch = Fetch::deliver_to(
//!     move |message| {
//!         let mut octets = Vec::new();
//!         message.read_to_end(&mut octets)?;
//!         // The ticket is in the database when this returns: then the message may go from the server.
//!         open_ticket(String::from_utf8_lossy(&octets).into_owned())
//!     },
//!     &state,
//!     "support@mail.example",
//!     options,
//! )?;
//! // TLS is for lines that others can read: see `Security`.
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
//! # What is promised
//!
//! - **No message is lost.** A message is stored when its terminator has come, and only then, after it is on the disk
//!   and in the state file, DELE is sent for it. QUIT is sent only when the target has all that RETR has sent, as some
//!   servers delete at QUIT what they have sent.
//! - **No message is stored twice**, whenever the process is killed: what was about to appear in the target is noted
//!   before, and the next [`Fetch::open`] finds out whether it did. A function of the caller's can't be asked, so after
//!   a crash it may get the message it got last once more, and no other.
//! - **A wrong reply is not believed.** Messages come in chunks, and behind each it is proved that replies and commands
//!   are in step; what is in doubt is fetched once more and compared.
//! - **A listing that is broken harms nothing.** An account stays with how its messages are
//!   [recognised](RecognisedBy), and what is not listed is remembered for [weeks](Options::with_forget_after).
//!
//! The library prints nothing, installs no signal handlers, and exits never: [events](Fetch::on_event) and
//! [errors](Error) go to the caller, and a [`Stop`](pop3_driver::Stop) ends a run early.
//!
//! Files are written with blocking calls, between the reads of the session. On a runtime that other tasks share, give
//! the fetch a thread of its own.
#![cfg(unix)]
#![cfg_attr(
    test,
    expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "tests look at the files themselves"
    )
)]

mod error;
mod fetch;
mod journal;
mod lock;
mod notice;
mod options;
mod report;
mod sink;
mod spot;
mod target;

pub use error::{Error, ListingError};
pub use fetch::{Fetch, account, default_state};
pub use journal::RecognisedBy;
pub use notice::{Event, Notice};
pub use options::Options;
pub use report::Report;
pub use sink::Message;
pub use target::Target;
