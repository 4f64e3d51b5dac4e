//! UTF-8 and languages (RFC 6856).

use pop3_proto::client::ReplyItem;
use pop3_proto::{Capability, Command, LanguageRange};

use super::{Client, ClientError};
use crate::transport::Transport;

/// A language that the server has for the texts of its replies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OfferedLanguage {
    /// Its tag, as `de-AT`.
    pub tag: String,
    /// Its name, as a rule in itself. What is no UTF-8 is replaced.
    pub description: String,
}

impl<T: Transport> Client<T> {
    /// Enters UTF8 mode, if the server announces it: messages may then come with UTF-8 in their headers.
    /// It is for before the login and behind STLS. Says whether the mode is on: a server that does not
    /// have it, or refuses, serves its messages otherwise, and nothing is lost for the session.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// [`ClientError::Unsendable`] after the login; else see [`ClientError`].
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

    /// Chooses the language of the texts of replies, and returns the tag of the one that the server has
    /// chosen: the range's own, if the server does not tell.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the server has no such language; see [`ClientError`].
    pub async fn lang(&mut self, range: LanguageRange<'_>) -> Result<String, ClientError> {
        let text = self.call_for_text(&Command::Lang(Some(range)), |_| Ok(())).await?;
        let word = text.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        let tag = LanguageRange::parse(word).map_or(range.as_str(), LanguageRange::as_str);
        Ok(tag.to_owned())
    }

    /// The languages that the server has.
    ///
    /// The future may be dropped: see [there](Client#dropping-a-call).
    ///
    /// # Errors
    /// [`ClientError::Refused`] when it does not tell; see [`ClientError`].
    pub async fn languages(&mut self) -> Result<Vec<OfferedLanguage>, ClientError> {
        self.listing(&Command::Lang(None), |entry| {
            let ReplyItem::Language(listing) = entry else { return None };
            let description = String::from_utf8_lossy(listing.description).into_owned();
            Some(OfferedLanguage { tag: listing.tag.to_owned(), description })
        })
        .await
    }
}
