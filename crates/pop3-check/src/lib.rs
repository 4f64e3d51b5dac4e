//! Looks at a POP3 server as a client would, and reports what it found: what the server announces, TLS and its
//! certificate, whether a login works, the figures of the maildrop, and what is odd about them.
//!
//! A monitor or a hosting panel calls [`Check::run`] with the URL and the [`Settings`] of an account, and gets a
//! [`Report`]: fields, each [`Finding`] as a value, a page of text (its `Display`), and [JSON](Report::json).
//!
//! ```
//! use pop3_check::{Check, Finding, Runtime, Settings, Source, Url};
//!
//! # use std::io::{BufRead as _, BufReader, Write as _};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let port = listener.local_addr()?.port();
//! # let server = std::thread::spawn(move || -> std::io::Result<()> {
//! #     let (stream, _) = listener.accept()?;
//! #     (&stream).write_all(b"+OK ready\r\n")?;
//! #     for line in BufReader::new(&stream).lines() {
//! #         let reply = match line?.as_str() {
//! #             "CAPA" => "+OK\r\nUSER\r\nTOP\r\nUIDL\r\n.\r\n",
//! #             "STAT" => "+OK 1 17\r\n",
//! #             "LIST" => "+OK\r\n1 17\r\n.\r\n",
//! #             "UIDL" => "+OK\r\n1 a\r\n.\r\n",
//! #             _ => "+OK\r\n",
//! #         };
//! #         (&stream).write_all(reply.as_bytes())?;
//! #     }
//! #     Ok(())
//! # });
//! # let text = format!("pop3://support@127.0.0.1:{port}");
//! // let text = "pop3s://support@mail.example";
//! let url = Url::parse(&text)?;
//! let settings = Settings::new().with_password(Source::given("tanstaaf"));
//! # #[cfg(feature = "tokio")]
//! # {
//! let report = Check::new(&settings, &url)?.run(Runtime::Tokio);
//! assert!(report.error.is_none());
//! assert_eq!(report.maildrop.map(|stat| stat.messages), Some(1));
//! assert_eq!(report.findings, [Finding::NotAnnounced("PIPELINING")]);
//! assert!(report.to_string().ends_with("odd               PIPELINING is not announced before the login\n"));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! With a runtime of your own, [`Check::look`] takes the `connect` of any adapter.
//!
//! # What it does to the server
//!
//! Where TLS begins by STLS there are two connections: on the first one, which is not protected, CAPA and QUIT are sent
//! and nothing secret can be. On the other one the login that the settings name is tried, if the URL names a user;
//! then come STAT, LIST and UIDL. No message is read or marked.
//!
//! The library prints nothing. What a server says is one harmless line in each text and in JSON, whatever it is.
#![cfg(unix)]

mod check;
mod finding;
mod findings;
mod json;
mod report;
mod text;

pub use check::Check;
pub use finding::Finding;
pub use pop3_connect::{Error, ErrorKind, Runtime, Settings, Source, Url};
pub use report::{Announced, Report};
