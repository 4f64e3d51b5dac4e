//! An LMTP server (RFC 2033) for the last step of a delivery: mail servers such as Postfix and Exim pass messages to it,
//! and it passes them to [`Mailboxes`] that you write.
//!
//! It supports PIPELINING, 8BITMIME, SMTPUTF8, SIZE and ENHANCEDSTATUSCODES, over TCP and Unix sockets. LMTP has no
//! passwords: only your mail server may reach the socket.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//! use pop3_lmtp::{Envelope, Listener, LmtpConfig, LmtpRefusal, LmtpServer, Mailboxes};
//! use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
//!
//! /// Keeps messages in memory.
//! #[derive(Default)]
//! struct Memory(Mutex<Vec<Vec<u8>>>);
//!
//! impl Mailboxes for Memory {
//!     type Mailbox = ();
//!     type Spool = Vec<u8>;
//!     type Message = Vec<u8>;
//!
//!     async fn find(&self, address: &str) -> Result<(), LmtpRefusal> {
//!         if address == "alice@example.org" { Ok(()) } else { Err(LmtpRefusal::no_mailbox("no such user here")) }
//!     }
//!     fn spool(&self, fields: Vec<u8>) -> std::io::Result<Vec<u8>> {
//!         Ok(fields)
//!     }
//!     fn complete(&self, spool: Vec<u8>) -> std::io::Result<Vec<u8>> {
//!         Ok(spool)
//!     }
//!     async fn deliver(&self, _: &(), _: &Envelope, message: &Vec<u8>) -> Result<(), LmtpRefusal> {
//!         self.0.lock().unwrap().push(message.clone());
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let (stop, stopped) = tokio::sync::watch::channel(false);
//! let mailboxes = Arc::new(Memory::default());
//! let server = LmtpServer::new(LmtpConfig::new("mail.example.org"), Arc::clone(&mailboxes));
//! let server = tokio::spawn(server.serve(vec![Listener::Tcp(listener)], stopped));
//!
//! let (reader, mut writer) = tokio::net::TcpStream::connect(address).await?.into_split();
//! writer.write_all(b"LHLO a\r\nMAIL FROM:<bob@x>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n").await?;
//! writer.write_all(b"Subject: hello\r\n\r\nHello!\r\n.\r\nQUIT\r\n").await?;
//! let mut replies = BufReader::new(reader).lines();
//! let mut delivered = false;
//! while let Some(reply) = replies.next_line().await? {
//!     delivered |= reply.starts_with("250 2.0.0 ");
//! }
//! stop.send(true)?;
//! server.await?;
//! assert!(delivered && mailboxes.0.lock().unwrap()[0].ends_with(b"\r\nSubject: hello\r\n\r\nHello!\r\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises and limits
//!
//! - **Each recipient gets a reply of its own** after the message (RFC 2033 section 4.2), which is 250 only after
//!   [`Mailboxes::deliver`] has returned `Ok`.
//! - **A message ends at CRLF, a dot and CRLF, and nowhere else.** Other line ends are content. So no two servers
//!   disagree on where a message ends, and nobody can hide a second message in one.
//! - **Everything has a limit**: lines, recipients, the size of a message, the time of each step, and the number of
//!   connections. See [`LmtpConfig`].
//! - **When the server is stopped**, a message that is being received is delivered and answered. Clients that wait
//!   between messages are told 421, and connect again later.

#![cfg(unix)]

mod config;
mod connection;
mod content;
mod mailboxes;
mod refusal;
mod request;
mod server;
mod session;

pub use config::LmtpConfig;
pub use mailboxes::{Envelope, Mailboxes};
pub use refusal::LmtpRefusal;
pub use server::{Listener, LmtpServer};
