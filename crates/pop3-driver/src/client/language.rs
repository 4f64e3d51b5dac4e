//! UTF-8 and languages (RFC 6856).

use pop3_proto::client::ReplyItem;
use pop3_proto::{Capability, Command, LanguageRange};

use super::{Client, ClientError};
use crate::transport::Transport;

/// A language in which the server can send the texts of its replies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OfferedLanguage {
    /// The language tag, such as `de-AT`.
    pub tag: String,
    /// The name of the language, usually in that language. Octets that are not UTF-8 are replaced.
    pub description: String,
}

impl<T: Transport> Client<T> {
    /// Enters UTF8 mode if the server announces it (RFC 6856 section 2.1). Messages may then have UTF-8 in their
    /// headers. Returns whether the mode is on. If it is not, the session continues without it.
    ///
    /// Call this before the login, and after STLS.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// Returns [`ClientError::Unsendable`] after the login. For other errors, see [`ClientError`].
    pub async fn utf8(&mut self) -> Result<bool, ClientError> {
        self.learn_capabilities().await?;
        if !self.has(Capability::Utf8 { user: true }) && !self.has(Capability::Utf8 { user: false }) {
            return Ok(false);
        }
        match self.call(&Command::Utf8, |_| Ok(())).await {
            Ok(()) => Ok(true),
            Err(ClientError::Refused(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Chooses the language for the texts of replies (LANG, RFC 6856 section 3). Returns the tag of the language that
    /// the server has chosen, or the requested range if the server does not name one.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// Returns [`ClientError::Refused`] if the server does not have such a language. For other errors, see
    /// [`ClientError`].
    pub async fn lang(&mut self, range: LanguageRange<'_>) -> Result<String, ClientError> {
        let text = self.call_for_text(&Command::Lang(Some(range)), |_| Ok(())).await?;
        let word = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        let tag = LanguageRange::parse(word).map_or(range.as_str(), LanguageRange::as_str);
        Ok(tag.to_owned())
    }

    /// Returns the languages that the server supports (LANG, RFC 6856 section 3).
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// Returns [`ClientError::Refused`] if the server does not list its languages. For other errors, see
    /// [`ClientError`].
    pub async fn languages(&mut self) -> Result<Vec<OfferedLanguage>, ClientError> {
        self.listing(&Command::Lang(None), |entry| {
            let ReplyItem::Language(listing) = entry else { return None };
            let description = String::from_utf8_lossy(listing.description).into_owned();
            Some(OfferedLanguage { tag: listing.tag.to_owned(), description })
        })
        .await
    }
}
