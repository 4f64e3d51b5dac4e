//! Checks a POP3 server as a client sees it. The report covers the capabilities, TLS and the certificate, the login,
//! the numbers of the maildrop, and anything unusual about them.
//!
//! Use this crate in a monitor or a hosting panel. Call [`Check::run`] with the URL and the [`Settings`] of an
//! account. The [`CheckReport`] has fields, each [`Finding`] as a value, a page of text (its `Display`), and
//! [JSON](CheckReport::json).
//!
//! ```
//! use pop3_check::{Check, Finding, ClientRuntime, Settings, Source, Url};
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
//! let report = Check::new(&settings, &url)?.run(ClientRuntime::Tokio);
//! assert!(report.error.is_none());
//! assert_eq!(report.maildrop.map(|stat| stat.messages), Some(1));
//! assert_eq!(report.findings, [Finding::NotAnnounced("PIPELINING")]);
//! assert!(report.to_string().ends_with("odd               PIPELINING is not announced before the login\n"));
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If you have a runtime of your own, [`Check::look`] takes the `connect` of any adapter.
//!
//! # Promises and limits
//!
//! With STLS (RFC 2595 section 4) there are two connections. The first one is unprotected: the check sends only CAPA
//! (RFC 2449 section 5) and QUIT there, and no secret. On the second one it logs in, if the URL names a user, and
//! sends STAT, LIST and UIDL (RFC 1939 sections 5 and 7). It does not read or mark messages.
//!
//! The library prints nothing. Text from the server is always one escaped line, in the text and in JSON.
#![cfg(unix)]

mod check;
mod finding;
mod findings;
mod json;
mod report;
mod text;

pub use check::Check;
pub use finding::Finding;
pub use pop3_connect::{ClientRuntime, ConnectError, ConnectErrorKind, Settings, Source, Url};
pub use report::{Announced, CheckReport};
