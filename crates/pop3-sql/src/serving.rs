//! The maildrops of a node for `pop3-serve`.

use std::io;

use bytes::{Buf as _, Bytes};
use pop3_driver::backend::{Context, StoredMessage};
use pop3_proto::server::Extent;
use pop3_proto::{Deletions, MessageNumber};
use pop3_serve::{
    BoxFuture, Committed, MaildropError, MaildropLogin, MaildropMessage, Maildrops, OpenMaildrop,
    OpenedMaildrop,
};

use crate::error::{SqlError, SqlErrorKind};
use crate::maildrop::SqlMaildrop;
use crate::message::SqlMessage;
use crate::node::SqlNode;
use crate::open_options::SqlOpenOptions;

impl Maildrops for SqlNode {
    fn open<'a>(
        &'a self,
        login: MaildropLogin,
        _: &'a Context,
    ) -> BoxFuture<'a, Result<OpenedMaildrop, MaildropError>> {
        Box::pin(async move {
            let options = SqlOpenOptions {
                login_delay: login.login_delay,
                ascii_headers: login.ascii_headers,
                expire: login.expire,
                read_only: login.read_only,
            };
            let mut maildrop = self.open_maildrop(&login.name, options).await?;
            Ok(OpenedMaildrop::new(maildrop.take_snapshot(), maildrop))
        })
    }
}

/// A message that is being sent.
struct Content {
    message: SqlMessage,
    /// What was read and not sent.
    rest: Bytes,
    /// What the last call of `chunk` has returned.
    lent: Bytes,
}

impl StoredMessage for Content {
    fn try_read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.message.try_chunk().map_err(io::Error::other)? {
                Some(octets) if !octets.is_empty() => self.rest = octets,
                _ if self.message.is_at_end() => return Ok(0),
                _ => return Err(io::ErrorKind::WouldBlock.into()),
            }
        }
        let count = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }

    async fn chunk(&mut self) -> io::Result<&[u8]> {
        self.lent = core::mem::take(&mut self.rest);
        if self.lent.is_empty() {
            self.lent = self.message.chunk().await.map_err(io::Error::other)?;
        }
        Ok(&self.lent)
    }
}

fn sent(
    maildrop: &SqlMaildrop,
    number: MessageNumber,
    extent: Extent,
    message: SqlMessage,
) -> MaildropMessage {
    let message = match extent {
        Extent::Top { .. } => message.for_top(),
        Extent::Whole => message,
    };
    let content = Content { message, rest: Bytes::new(), lent: Bytes::new() };
    MaildropMessage::new(content).with_eight_bit_header(maildrop.needs_utf8(number))
}

impl OpenMaildrop for SqlMaildrop {
    fn try_fetch(
        &mut self,
        number: MessageNumber,
        extent: Extent,
    ) -> Option<Result<MaildropMessage, MaildropError>> {
        self.try_message(number).map(|message| Ok(sent(self, number, extent, message)))
    }

    fn expect(&mut self, messages: &[MessageNumber]) {
        Self::expect(self, messages);
    }

    fn fetch<'a>(
        &'a mut self,
        number: MessageNumber,
        extent: Extent,
        _: &'a Context,
    ) -> BoxFuture<'a, Result<MaildropMessage, MaildropError>> {
        Box::pin(async move {
            let message = self.message(number).await?;
            Ok(sent(self, number, extent, message))
        })
    }

    fn commit<'a>(
        self: Box<Self>,
        deletions: &'a Deletions,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<Committed, MaildropError>> {
        let deadline = context.deadline();
        Box::pin(async move {
            match (*self).commit(deletions, deadline).await {
                Ok(done) => {
                    Ok(Committed::new().with_expired(usize::try_from(done.expired).unwrap_or(usize::MAX)))
                }
                // The deadline is near. Then the client is told the truth: that the outcome is unknown.
                Err(error) if error.kind() == SqlErrorKind::UnknownOutcome => core::future::pending().await,
                Err(error) => Err(error.into()),
            }
        })
    }
}

impl From<SqlError> for MaildropError {
    fn from(error: SqlError) -> Self {
        match error.kind() {
            SqlErrorKind::Locked => Self::InUse,
            SqlErrorKind::TooSoon { wait } => Self::TooSoon(wait),
            SqlErrorKind::NoMaildrop | SqlErrorKind::NoUser => Self::Missing,
            SqlErrorKind::NoMessage => Self::Vanished,
            SqlErrorKind::Unusable | SqlErrorKind::Schema | SqlErrorKind::Invalid => {
                Self::Permanent(error.to_string())
            }
            SqlErrorKind::Unreachable
            | SqlErrorKind::Busy
            | SqlErrorKind::Exists
            | SqlErrorKind::LockLost
            | SqlErrorKind::OverQuota
            | SqlErrorKind::UnknownOutcome
            | SqlErrorKind::Database => Self::Temporary(error.to_string()),
        }
    }
}
