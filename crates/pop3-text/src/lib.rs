//! Text for people: what the other side of a connection said, and why something failed, each in one line that a
//! terminal or a log can take.
//!
//! ```
//! use pop3_text::Escaped;
//!
//! assert_eq!(Escaped::new(b"\x1b]0;owned\x07").to_string(), "\\x1b]0;owned\\x07");
//! ```

mod escape;
mod reasons;

pub use escape::{Escaped, escape};
pub use reasons::reasons;
