//! Maildrops that a store of one's own opens: nothing blocks, everything is awaited.

use core::fmt;

use pop3_driver::backend::{Context, LoginAttempt};
use pop3_driver::server::SessionId;
use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use tracing::error;

use super::{Held, MailStore, not_opened};
use crate::maildrops::MaildropError;
use crate::maildrops::{HeaderFault, MaildropMessage, Maildrops, OpenMaildrop, OpenedMaildrop, Outgoing};
use crate::users::LoggedIn;

/// A user's maildrop, open.
pub(crate) struct OpenOther {
    held: Held,
    maildrop: Box<dyn OpenMaildrop>,
    ascii_headers: bool,
    /// A message that was opened on the spot, but whose header was not there yet.
    begun: Option<(MessageNumber, Outgoing)>,
}

impl MailStore {
    /// Opens the maildrop of a user who is who he says: the gatekeeper has let him in.
    ///
    /// # Errors
    /// What the client is told.
    pub(crate) async fn open_other(
        &self,
        maildrops: &dyn Maildrops,
        user: &LoggedIn,
        attempt: &LoginAttempt,
        session: SessionId,
        context: &Context,
    ) -> Result<(Accepted, OpenOther), Rejection> {
        let name = user.name.as_str();
        let open = async {
            let admitted = self.admit(user, attempt, session, || self.count_full())?;
            let opened = maildrops.open(admitted.login.clone(), context).await;
            let OpenedMaildrop { snapshot, maildrop } = opened.map_err(|error| {
                if error.is_fault() {
                    error!(%session, user = name, %error, "a maildrop can't be opened");
                }
                error.of_login()
            })?;
            self.note_login(&admitted.login, snapshot.len(), 0)?;
            let ascii_headers = admitted.login.ascii_headers;
            let (accepted, held) = self.accept(admitted, snapshot);
            Ok((accepted, OpenOther { held, maildrop, ascii_headers, begun: None }))
        };
        open.await.map_err(|rejection| not_opened(name, session, rejection))
    }
}

impl OpenOther {
    /// See [`Backend::try_fetch`](pop3_driver::backend::Backend::try_fetch).
    pub(crate) fn try_fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
    ) -> Option<Result<Outgoing, Rejection>> {
        let mut outgoing = match self.maildrop.try_fetch(message, extent)? {
            Ok(opened) => self.outgoing(opened),
            Err(error) => return Some(Err(self.unsent(message, &error))),
        };
        match outgoing.try_convert() {
            Ok(true) => Some(Ok(outgoing)),
            Ok(false) => {
                self.begun = Some((message, outgoing));
                None
            }
            Err(fault) => Some(Err(self.not_converted(message, &fault))),
        }
    }

    /// See [`Backend::expect`](pop3_driver::backend::Backend::expect).
    pub(crate) fn expect(&mut self, messages: &[MessageNumber]) {
        self.maildrop.expect(messages);
    }

    /// See [`Backend::fetch`](pop3_driver::backend::Backend::fetch).
    pub(crate) async fn fetch(
        &mut self,
        message: MessageNumber,
        extent: Extent,
        context: &Context,
    ) -> Result<Outgoing, Rejection> {
        let mut outgoing = match self.begun.take().filter(|(number, _)| *number == message) {
            Some((_, outgoing)) => outgoing,
            None => {
                let opened = self.maildrop.fetch(message, extent, context).await;
                self.outgoing(opened.map_err(|error| self.unsent(message, &error))?)
            }
        };
        outgoing.convert().await.map_err(|fault| self.not_converted(message, &fault))?;
        Ok(outgoing)
    }

    /// See [`Backend::commit`](pop3_driver::backend::Backend::commit).
    pub(crate) async fn commit(self, deletions: &Deletions, context: &Context) -> usize {
        let Self { held, maildrop, .. } = self;
        if held.refuses(deletions) {
            // The lock is released, and nothing else happens.
            drop(maildrop);
            return deletions.len();
        }
        match maildrop.commit(deletions, context).await {
            Ok(committed) => held.settle(deletions, &committed),
            Err(error) => {
                let (session, user, messages) = (held.session, held.user(), deletions.len());
                error!(%session, user, messages, %error, "the messages were not removed");
                messages
            }
        }
    }

    fn outgoing(&self, message: MaildropMessage) -> Outgoing {
        Outgoing::new(message, self.ascii_headers)
    }

    fn unsent(&self, message: MessageNumber, error: &MaildropError) -> Rejection {
        self.held.log_unsent(message, &error.to_string());
        error.of_message()
    }

    fn not_converted(&self, message: MessageNumber, fault: &HeaderFault) -> Rejection {
        match fault {
            HeaderFault::TooLong => {
                self.held.log_unsent(message, "its header is not ASCII and too long to be converted");
                Rejection::utf8()
            }
            HeaderFault::Io(error) => self.unsent(message, &MaildropError::Temporary(error.to_string())),
        }
    }
}

impl fmt::Debug for OpenOther {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOther").field("held", &self.held).finish_non_exhaustive()
    }
}
