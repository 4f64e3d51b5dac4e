//! Makes text from a server, and errors, safe to show: one line each that a terminal or a log can take.
//!
//! Use [`Printable`] for octets that another party controls, and [`reasons`] to show an error with its causes.
//!
//! ```
//! use pop3_text::Printable;
//!
//! assert_eq!(Printable::new(b"\x1b]0;owned\x07").to_string(), "\\x1b]0;owned\\x07");
//! ```

mod escape;
mod reasons;

pub use escape::{Printable, escape};
pub use reasons::reasons;
