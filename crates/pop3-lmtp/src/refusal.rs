//! Replies.

use core::fmt;

/// Why a recipient or a message is refused: a reply code (RFC 5321 section 4.2), a status code (RFC 3463), and a text for
/// the log of the client, which may become part of a report to the sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LmtpRefusal {
    code: u16,
    status: &'static str,
    text: String,
}

impl LmtpRefusal {
    /// There is no such mailbox. The message goes back to the sender.
    #[must_use]
    pub fn no_mailbox(text: impl Into<String>) -> Self {
        Self::new(550, "5.1.1", text)
    }

    /// The mailbox is full. The message goes back to the sender.
    #[must_use]
    pub fn full(text: impl Into<String>) -> Self {
        Self::new(552, "5.2.2", text)
    }

    /// The disk is full. The client tries again later.
    #[must_use]
    pub fn disk_full(text: impl Into<String>) -> Self {
        Self::new(452, "4.3.1", text)
    }

    /// The server must be configured in another way. The client tries again later.
    #[must_use]
    pub fn settings(text: impl Into<String>) -> Self {
        Self::new(451, "4.3.5", text)
    }

    /// Anything that may pass. The client tries again later.
    #[must_use]
    pub fn later(text: impl Into<String>) -> Self {
        Self::new(451, "4.3.0", text)
    }

    /// Returns whether the client tries again.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        self.code < 500
    }

    pub(crate) fn new(code: u16, status: &'static str, text: impl Into<String>) -> Self {
        Self { code, status, text: text.into() }
    }
}

impl fmt::Display for LmtpRefusal {
    /// The reply without its line end: one line of ASCII, whatever the text contains.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Room for the line of a reply, of which a client need not take more than 512 octets.
        const MOST: usize = 400;

        write!(f, "{} {} ", self.code, self.status)?;
        let printable =
            |character: char| if character == ' ' || character.is_ascii_graphic() { character } else { '?' };
        self.text.chars().take(MOST).try_for_each(|character| write!(f, "{}", printable(character)))
    }
}

impl core::error::Error for LmtpRefusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_one_line() {
        let refusal = LmtpRefusal::later("a\r\n250 b\u{e9}".to_owned() + &"x".repeat(1000));
        let line = refusal.to_string();
        assert!(line.starts_with("451 4.3.0 a??250 b?xx") && line.len() < 500, "{line}");
        assert!(refusal.is_temporary() && !LmtpRefusal::full("").is_temporary());
    }
}
