//! From the URL of a POP3 account to a client that is logged in, on any runtime, and what an error means to people.
//!
//! [`Settings`] say how the server is reached and how to log in. A [`Dial`] connects, and knows what an
//! [error of the client](pop3_driver::client::Error) means: an [`Error`] has a text for people, which says what happened,
//! to which server, and what to do, and a [kind](Error::kind) for programs. A [`Login`] has the way and the secret.
//!
//! ```
//! use pop3_connect::{Dial, Login, Settings, Source, Url};
//!
//! # use std::io::{BufRead as _, BufReader, Write as _};
//! # let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
//! # let port = listener.local_addr()?.port();
//! # let server = std::thread::spawn(move || -> std::io::Result<()> {
//! #     let (stream, _) = listener.accept()?;
//! #     (&stream).write_all(b"+OK\r\n")?;
//! #     for line in BufReader::new(&stream).lines() {
//! #         let line = line?;
//! #         let reply = if line == "CAPA" { "-ERR\r\n" } else if line == "STAT" { "+OK 2 320\r\n" } else { "+OK\r\n" };
//! #         (&stream).write_all(reply.as_bytes())?;
//! #     }
//! #     Ok(())
//! # });
//! # let text = format!("pop3://support@127.0.0.1:{port}");
//! // let text = "pop3s://support@mail.example";
//! let url = Url::parse(&text)?;
//! let settings = Settings::new().with_password(Source::given("tanstaaf"));
//! let dial = Dial::new(&settings, &url)?;
//! let login = Login::new(&settings, &url, dial.place())?.ok_or("the URL names no user")?;
//! let dial = dial.for_login(&login);
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let stat = async {
//!     let mut client = dial.connect(pop3_tokio::connect).await?;
//!     login.log_in(&mut client).await?;
//!     let stat = client.stat().await?;
//!     client.quit().await?;
//!     Ok(stat)
//! };
//! // "mail.example:995 refused the login: no (most often the name or the password is wrong)"
//! let stat = stat.await.map_err(|error| dial.explain(&error))?;
//! assert_eq!(stat.messages, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Who has no runtime, or leaves the choice to others, gives [`Dial::run`] a [`Runtime`] and a [`Session`].
//!
//! # What is promised
//!
//! - **Without a word on TLS, nothing secret goes in the clear** to another machine: STLS is required then. Where the
//!   server is on this machine, its addresses are looked up once, and those are dialled.
//! - **Secrets are asked for late and kept short**: only that which the login takes, before anything is connected, and
//!   it is zeroed when it is dropped. No text for people holds one.
//! - **What a server says is one harmless line** in the text of an error, whatever it is.
//!
//! The library prints nothing, asks nobody, and reads no variable of the environment.
#![cfg(unix)]

mod choice;
mod dial;
mod dialogue;
mod error;
mod explain;
mod kind;
mod login;
mod naming;
mod refused;
mod runtime;
mod secrets;
mod settings;
mod source;
mod tls;
mod way;

pub use dial::Dial;
pub use dialogue::Dialogue;
pub use error::{Error, ErrorKind};
pub use kind::Kind;
pub use login::Login;
pub use naming::Naming;
pub use pop3_certificates::Fingerprint;
pub use pop3_url::Url;
pub use runtime::{Runtime, Session};
pub use settings::{Rate, Settings, Tls};
pub use source::{Source, first_line};
pub use way::Way;
