//! Connects to a POP3 account and logs in, from a URL and settings, on any runtime. Explains errors in plain
//! language.
//!
//! # When to use it
//!
//! Use this crate for a program whose users configure their accounts, such as a mail client. It chooses TLS and the
//! login method, asks for the password when it is needed, and turns errors into sentences that tell users what to do.
//! If your program knows its server, the `connect` of `pop3-tokio`, `pop3-async-std` or `pop3-std` is simpler.
//!
//! # Example
//!
//! [`Url`] names the account (RFC 2384). [`Settings`] say how to reach the server and how to log in. [`Dial`]
//! connects. [`Login`] holds the login method and the secret. [`Dial::explain`] turns an [error of the
//! client](pop3_driver::client::ClientError) into a [`ConnectError`]. Its text says what happened, at which server,
//! and what to do. Its [kind](ConnectError::kind) is for programs.
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
//! // "mail.example:995 refused the login: no (usually the user name or password is wrong)"
//! let stat = stat.await.map_err(|error| dial.explain(&error))?;
//! assert_eq!(stat.messages, 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! If you have no runtime, or your users choose it, pass a [`ClientRuntime`] and a [`ClientTask`] to [`Dial::run`].
//!
//! # Promises and limits
//!
//! - **By default, no secret is sent to another machine in clear text**: the server must support STLS (RFC 2595
//!   section 4, RFC 8314 section 3). For a server on this machine, its addresses are looked up once, and only those
//!   are used.
//! - **Secrets are kept only as long as needed.** Only the secret that the login uses is read, before the connection
//!   is made. It is zeroed when it is dropped. No error text contains a secret.
//! - **Text from the server is harmless.** In an error text it is always one escaped line.
//! - **It has no side effects on the process.** It prints nothing, prompts for nothing, and reads no environment
//!   variables.
//! - **It needs a Unix.**
#![cfg(unix)]

mod choice;
mod dial;
mod error;
mod explain;
mod kind;
mod login;
mod naming;
mod octets;
mod refused;
mod runtime;
mod secrets;
mod settings;
mod source;
mod tls;
mod way;

pub use dial::Dial;
pub use error::{ConnectError, ConnectErrorKind};
pub use kind::CredentialKind;
pub use login::Login;
pub use naming::Naming;
pub use octets::parse_octets;
pub use pop3_certificates::Fingerprint;
pub use pop3_url::Url;
pub use runtime::{ClientRuntime, ClientTask};
pub use settings::{Rate, Settings, TlsMode};
pub use source::{Source, first_line};
pub use way::Way;
