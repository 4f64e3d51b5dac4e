//! Looks for violations of POP3 in recorded sessions: transcripts, and captures of packets.
//!
//! A [`Linter`] reads a recording, puts TCP connections together where that is a capture, has the
//! [observer](pop3_observer) watch each session, and writes the dialogues with what is wrong in them:
//!
//! ```
//! use pop3_lint::{Form, Level, Linter, Options};
//!
//! let transcript = b"S: +OK hi\nC: QUIT\nS: +ok bye\n<EOF>\n";
//! let mut text = String::new();
//! let mut linter = Linter::new(Options::new().with_form(Form::Violations), |piece| text.push_str(piece));
//! linter.read(&transcript[..])?;
//! let summary = linter.finish();
//! assert_eq!((summary.sessions, summary.violations(Level::Must)), (1, 1));
//! assert!(text.starts_with("MUST server 1939-3.09: a status indicator that is not in upper case [QUIT]\n"));
//! # Ok::<(), pop3_lint::Error>(())
//! ```
//!
//! # Transcripts
//!
//! A transcript has a line for each line that was sent: `C:` by the client, `S:` by the server; `C~` and `S~` are octets
//! without a line end, and `\xHH` is an octet. `# session NAME` begins a session, and so does a line behind the end of
//! one; other lines with `#` are comments. `<EOF>` and `<RESET>` say that the server closed, `<GONE>` that the client
//! did, `<TLS ...>` that what follows is within TLS. `@login` says that a login went before.
//!
//! # Captures
//!
//! pcap and pcapng, over Ethernet, Linux's own headers, or raw IP. Segments may come twice and in any order. What is
//! missing ends the session there.
//!
//! # Limits
//!
//! Whatever the recording is, what is kept of it is bounded: 1 MiB and 4 096 segments that wait for earlier ones, and
//! 4 MiB of text, for each connection; 10 000 connections at one time; a line of a transcript has at most 1 MiB.

mod capture;
mod error;
mod linter;
mod options;
mod report;
mod session;
mod summary;
mod tcp;
mod transcript;

pub use error::Error;
pub use linter::Linter;
pub use options::{Form, Options};
pub use pop3_observer::{Level, Rule, Side};
pub use summary::Summary;
