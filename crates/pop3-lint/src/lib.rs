//! Finds violations of the POP3 RFCs in recorded sessions: transcripts and packet captures.
//!
//! Use this crate to check recordings. To check a connection while it runs, use `pop3-observer`.
//!
//! A [`Linter`] reads a recording, reassembles the TCP connections of a capture, passes each session to the
//! [observer](pop3_observer), and writes the dialogues with the violations. Each [`Rule`] names its RFC.
//!
//! ```
//! use pop3_lint::{Form, Severity, Linter, LintOptions};
//!
//! let transcript = b"S: +OK hi\nC: QUIT\nS: +ok bye\n<EOF>\n";
//! let mut text = String::new();
//! let mut linter = Linter::new(LintOptions::new().with_form(Form::Violations), |piece| text.push_str(piece));
//! linter.read(&transcript[..])?;
//! let summary = linter.finish();
//! assert_eq!((summary.sessions, summary.violations(Severity::Must)), (1, 1));
//! assert!(text.starts_with("MUST server 1939-3.09: a status indicator that is not in upper case [QUIT]\n"));
//! # Ok::<(), pop3_lint::LintError>(())
//! ```
//!
//! # Transcripts
//!
//! A transcript has a line for each line that was sent:
//!
//! - `C:` is a line of the client, `S:` a line of the server. `C~` and `S~` are octets without a line end. `\xHH` is
//!   one octet.
//! - `# session NAME` starts a session. A line after the end of a session also starts one. Other lines with `#` are
//!   comments.
//! - `<EOF>` and `<RESET>`: the server closed the connection. `<GONE>`: the client closed it.
//! - `<TLS ...>`: what follows is within TLS.
//! - `@login`: the client has already logged in.
//!
//! # Captures
//!
//! Captures are pcap or pcapng files of Ethernet, Linux cooked or raw IP packets. Segments may be repeated and in
//! any order. A missing segment ends the session at that point.
//!
//! # Limits
//!
//! The memory is bounded. For each connection, the linter keeps at most 1 MiB and 4,096 segments that wait for
//! earlier ones, and 4 MiB of text. It follows at most 10,000 connections at a time. A line of a transcript has at
//! most 1 MiB.

mod capture;
mod error;
mod linter;
mod options;
mod report;
mod session;
mod summary;
mod tcp;
mod transcript;

pub use error::LintError;
pub use linter::Linter;
pub use options::{Form, LintOptions};
pub use pop3_observer::{Rule, Severity, Side};
pub use summary::LintSummary;
