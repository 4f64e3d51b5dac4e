//! A POP3 client and a POP3 server for any runtime.
//!
//! [`pop3_proto`] decides what to send and what a reply means. This crate adds the loops around it: it reads, writes,
//! keeps deadlines, checks logins through SASL, and calls your mail store. It depends on no runtime and opens no
//! socket. An adapter supplies the connection.
//!
//! # Which crate to use
//!
//! | You write | Use |
//! |---|---|
//! | a client or a server on tokio | `pop3-tokio`, which re-exports what you need from here |
//! | the same on async-std or smol | `pop3-async-std` |
//! | the same on blocking sockets and threads | `pop3-std` |
//! | a program that fetches new mail, each message once | `pop3-fetch` |
//! | a server over Maildirs | `pop3-serve` |
//! | an adapter for another runtime, or code that works with every adapter | this crate |
//! | a protocol engine with an event loop of its own, or without `std` | [`pop3_proto`] |
//!
//! # Where to start
//!
//! - [`client::Client`] is the client: one method for each command.
//! - [`server::Service`] is the policy of a server. It decides which connections are served, and with which store.
//! - [`store::Store`] is a mail store whose calls block, for example on files or SQLite. One value serves all
//!   sessions.
//! - [`backend::Backend`] is a mail store whose calls are `async`. Each session has its own value.
//! - [`memory::MemoryStore`] is a store in memory for tests and examples. It supports every login method.
//! - [`Transport`] is one connection: octets in, octets out, a clock and a timer. An adapter implements it.
//! - [`Stop`] ends sessions gracefully: it stops a whole server, or one client.
//!
//! # A client and a server
//!
//! Both run over a [`Transport`] called `Socket`, a blocking TCP stream. Its code is the example of [`Transport`].
//! [`wait`] runs a future on the current thread.
//!
//! ```
//! use std::net::TcpListener;
//! use std::sync::Arc;
//!
//! use pop3_driver::client::{Client, ClientOptions, Security};
//! use pop3_driver::memory::MemoryStore;
//! use pop3_driver::server::{Entrance, Peer, SessionReport, Service, Welcome, serve};
//! use pop3_driver::store::{Blocking, Inline};
//! use pop3_driver::{Stop, wait};
//! use pop3_proto::server::ServerConfig;
//! use pop3_proto::{MessageNumber, Rejection};
//! # use std::io::{self, Read as _, Write as _};
//! # use std::net::{Shutdown, TcpStream};
//! #
//! # use pop3_driver::tls::{self, TlsInfo};
//! # use pop3_driver::{Clock, Transport, timed_out};
//! # use pop3_proto::Instant;
//! #
//! # struct Socket {
//! #     stream: TcpStream,
//! #     clock: Clock,
//! # }
//! #
//! # impl Socket {
//! #     fn limit(&self, deadline: Instant) -> io::Result<()> {
//! #         let left = self.clock.until(deadline);
//! #         if left.is_zero() {
//! #             return Err(timed_out());
//! #         }
//! #         self.stream.set_read_timeout(Some(left))?;
//! #         self.stream.set_write_timeout(Some(left))
//! #     }
//! # }
//! #
//! # /// Unix reports a timeout of the socket as `WouldBlock`.
//! # fn named(error: io::Error) -> io::Error {
//! #     if error.kind() == io::ErrorKind::WouldBlock { timed_out() } else { error }
//! # }
//! #
//! # impl Transport for Socket {
//! #     fn now(&self) -> Instant {
//! #         self.clock.now()
//! #     }
//! #
//! #     async fn read(&mut self, buffer: &mut [u8], deadline: Instant) -> io::Result<usize> {
//! #         self.limit(deadline)?;
//! #         self.stream.read(buffer).map_err(named)
//! #     }
//! #
//! #     async fn write(&mut self, octets: &[u8], deadline: Instant) -> io::Result<usize> {
//! #         self.limit(deadline)?;
//! #         self.stream.write(octets).map_err(named)
//! #     }
//! #
//! #     async fn flush(&mut self, _: Instant) -> io::Result<()> {
//! #         Ok(()) // `write` has no buffer.
//! #     }
//! #
//! #     async fn pause(&mut self, until: Instant) {
//! #         std::thread::sleep(self.clock.until(until));
//! #     }
//! #
//! #     async fn close(&mut self, _: Instant) {
//! #         let _ = self.stream.shutdown(Shutdown::Write);
//! #     }
//! #
//! #     async fn secure(self, _: Instant) -> io::Result<Self> {
//! #         Err(tls::unavailable())
//! #     }
//! #
//! #     fn tls(&self) -> Option<Arc<TlsInfo>> {
//! #         None
//! #     }
//! #
//! #     fn is_tls(&self) -> bool {
//! #         false
//! #     }
//! # }
//!
//! struct Mail {
//!     store: Arc<MemoryStore>,
//!     config: Arc<ServerConfig>,
//! }
//!
//! impl Service for Mail {
//!     type Backend = Blocking<MemoryStore, Inline>;
//!
//!     async fn connect(&self, peer: &Peer) -> Result<Welcome<Self::Backend>, Rejection> {
//!         let backend = Blocking::new(Arc::clone(&self.store), Inline::default(), peer.clone());
//!         // Accept passwords without TLS only from this machine.
//!         let trusted = peer.ip().is_some_and(|ip| ip.is_loopback());
//!         Ok(Welcome::new(Arc::clone(&self.config), backend).with_trusted(trusted))
//!     }
//!
//!     fn ended(&self, peer: &Peer, report: &SessionReport) {
//!         println!("{peer}: {:?} after {:?}", report.close, report.duration);
//!     }
//! }
//!
//! let store = MemoryStore::new();
//! store.add_user("mrose", "tanstaaf");
//! store.deliver("mrose", b"Subject: hello\n\nHello!\n");
//! let mail = Mail { store: Arc::new(store.clone()), config: Arc::new(ServerConfig::default()) };
//!
//! let listener = TcpListener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! let server = std::thread::spawn(move || -> io::Result<()> {
//!     let (stream, address) = listener.accept()?;
//!     let peer = Peer::new(address, stream.local_addr()?);
//!     let socket = Socket { stream, clock: Clock::start() };
//!     wait(serve(socket, Entrance::Plain, peer, &mail, &Stop::new()));
//!     Ok(())
//! });
//!
//! wait(async {
//!     let socket = Socket { stream: TcpStream::connect(address)?, clock: Clock::start() };
//!     let options = ClientOptions::new();
//!     let deadline = socket.now().after(options.connect_timeout);
//!     let mut client = Client::open(socket, &Security::TrustedPlaintext, options, deadline).await?;
//!     client.login(b"mrose", b"tanstaaf").await?;
//!     let mut message = client.message(MessageNumber::FIRST).await?;
//!     let mut content = Vec::new();
//!     while let Some(octets) = message.chunk().await? {
//!         content.extend_from_slice(octets);
//!     }
//!     assert_eq!(content, b"Subject: hello\r\n\r\nHello!\r\n");
//!     client.dele(MessageNumber::FIRST).await?;
//!     client.quit().await?; // The server deletes at QUIT, and not before.
//!     Ok::<(), Box<dyn std::error::Error>>(())
//! })?;
//! server.join().unwrap()?;
//! assert!(store.messages("mrose").is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Promises and limits
//!
//! - **No message is lost.** A client deletes only at [`quit`](client::Client::quit), and a server only when it has
//!   received QUIT (RFC 1939 section 6).
//! - **Nothing received before TLS is believed after it.** The driver discards it (RFC 2595 section 4).
//! - **Passwords need TLS.** Without it, a client sends none and a server accepts none, unless the caller declares
//!   the connection trusted ([`client::Security::TrustedPlaintext`], [`server::Welcome::trusted`]).
//! - **Waiting for a peer has a deadline**, and what a peer sends is limited. The limits are settings: see
//!   [`client::ClientOptions`], [`pop3_proto::client::ClientConfig`] and [`pop3_proto::server::Limits`].
//! - **Futures can be dropped.** The documentation of each call says what a dropped call means; see
//!   [`Client`](client::Client#dropping-a-call).
//! - **A future is `Send`** if the transport and the store are. It is pending only while one of them is. The same
//!   code therefore serves blocking sockets, where [`wait`] runs it.
//!
//! # RFCs
//!
//! | RFC | Subject | Where |
//! |---|---|---|
//! | 1939 | POP3 | [`client`], [`server`] |
//! | 2449 | CAPA, response codes | [`Client::capabilities`](client::Client::capabilities) |
//! | 2595, 8314 | STLS, TLS from the first octet | [`client::Security`], [`server::Entrance`] |
//! | 5034 | AUTH with SASL | [`Client::login_with`](client::Client::login_with), [`backend::LoginAttempt`] |
//! | 6856 | UTF8, LANG | [`Client::utf8`](client::Client::utf8), [`Client::lang`](client::Client::lang) |
//!
//! # Features
//!
//! All are on by default.
//!
//! - `rustls`: TLS with rustls. Without this feature, a transport can still be a TLS stream that the caller made.
//! - `ring`: adds ring as the cryptography of rustls, used if the process has not installed another provider.
//! - `proxy`: reads the headers of the PROXY protocol, in which HAProxy and other proxies name the real client.
//! - `md5`: APOP and CRAM-MD5. MD5 is weak (RFC 6151): neither is used unless you ask for it.

pub mod backend;
mod boxed;
mod buffer;
pub mod client;
mod login_method;
pub mod memory;
mod panics;
mod scratch;
pub mod server;
mod stop;
pub mod store;
mod sync;
pub mod tls;
mod transport;
mod wait;

pub use login_method::LoginMethod;
pub use stop::{OnStop, Stop};
pub use transport::{Clock, Room, Transport, timed_out};
pub use wait::{pause, wait};
