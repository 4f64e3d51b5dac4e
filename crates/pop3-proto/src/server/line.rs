//! The first line of a reply.

use alloc::borrow::Cow;
use core::fmt;

use bytes::BytesMut;

use crate::reply::put_filled_reply;
use crate::{CommandError, Rejection, ResponseCode, Status, TextId};

/// The first line of a reply, before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Whether the reply is positive or negative.
    pub status: Status,
    /// The response code.
    pub code: Option<ResponseCode<'static>>,
    /// The id of the text, or `None` if the store supplied the text.
    pub(super) id: Option<TextId>,
    /// The text. Each `{}` stands for one of the numbers.
    pub(super) text: Cow<'static, str>,
    numbers: Numbers,
    /// Whether the text may be UTF-8, because the client has selected a language (RFC 6856 section 3).
    pub(super) utf8: bool,
}

/// The numbers of a [`Line`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    /// No numbers: `{}` in the text has no special meaning.
    None,
    One([u64; 1]),
    Two([u64; 2]),
}

impl Numbers {
    const fn as_slice(&self) -> &[u64] {
        match self {
            Self::None => &[],
            Self::One(numbers) => numbers,
            Self::Two(numbers) => numbers,
        }
    }
}

impl Line {
    /// Appends the line with CRLF. Characters that can't be sent become `?`, and a line that is too long is cut (RFC
    /// 1939 section 3). A text can't end the line early or be mistaken for a response code.
    pub fn write(&self, out: &mut BytesMut) {
        put_filled_reply(out, self.status, self.code, &self.text, self.numbers.as_slice(), self.utf8);
    }

    pub(super) const fn positive(id: TextId) -> Self {
        Self::new(Status::Positive, None, Some(id), Cow::Borrowed(id.english()))
    }

    pub(super) const fn negative(id: TextId) -> Self {
        Self::new(Status::Negative, None, Some(id), Cow::Borrowed(id.english()))
    }

    pub(super) const fn with_numbers(mut self, numbers: Numbers) -> Self {
        self.numbers = numbers;
        self
    }

    const fn new(
        status: Status,
        code: Option<ResponseCode<'static>>,
        id: Option<TextId>,
        text: Cow<'static, str>,
    ) -> Self {
        Self { status, code, id, text, numbers: Numbers::None, utf8: false }
    }
}

impl From<CommandError> for Line {
    fn from(error: CommandError) -> Self {
        Self::negative(error.text_id())
    }
}

impl From<Rejection> for Line {
    fn from(rejection: Rejection) -> Self {
        let code = rejection.code();
        let (id, text) = rejection.into_text();
        Self::new(Status::Negative, code, id, text)
    }
}

/// Shows the line for logs and tests. Octets that can't be sent in a reply are not removed.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.status == Status::Positive { "+OK " } else { "-ERR " })?;
        if let Some(code) = self.code {
            write!(f, "{code} ")?;
        }
        let numbers = self.numbers.as_slice();
        let mut parts = self.text.splitn(numbers.len().saturating_add(1), "{}");
        f.write_str(parts.next().unwrap_or_default())?;
        for (part, number) in parts.zip(numbers) {
            write!(f, "{number}{part}")?;
        }
        Ok(())
    }
}
