//! Maildirs: files that are opened in a pool, or on the spot where that needs no wait.

use core::time::Duration;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use pop3_disk::Disk;
use pop3_driver::backend::{Context, LoginAttempt};
use pop3_driver::server::SessionId;
use pop3_driver::store::Maildrop;
use pop3_maildir::{
    EightBitHeaders, InfoSeparator, Maildir, MaildirConfig, MessageFile, OpenError, UniqueIds,
};
use pop3_proto::server::{Accepted, Extent};
use pop3_proto::{Deletions, MessageNumber, Rejection};
use pop3_surrogate::surrogate;
use tracing::{error, warn};

use super::{Admitted, Held, MailStore, not_opened};
use crate::descriptors;
use crate::machine::Machine;
use crate::maildrops::{Committed, MaildropLogin};
use crate::users::{LoggedIn, MaildropPath};

/// The directory of the Maildirs.
#[derive(Debug)]
pub(crate) struct Maildirs {
    folder: PathBuf,
    path: MaildropPath,
    unique_ids: UniqueIds,
    separator: InfoSeparator,
    disk: Arc<dyn Disk>,
}

/// A user's Maildir, open.
#[derive(Debug)]
pub(crate) struct OpenMaildir {
    held: Held,
    maildir: Maildir,
    disk: Arc<dyn Disk>,
    /// Messages that were read and left alone for so many days are removed at QUIT.
    expire: Option<u32>,
}

/// One day.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Maildirs {
    /// Those in this directory on the disk of the machine.
    pub(crate) fn new(folder: PathBuf, machine: &dyn Machine) -> Self {
        Self {
            folder,
            path: MaildropPath::default(),
            unique_ids: UniqueIds::Maildir,
            separator: InfoSeparator::Colon,
            disk: machine.disk(),
        }
    }

    /// Sets where in the directory the Maildir of a user is.
    pub(crate) fn with_path(self, path: MaildropPath) -> Self {
        Self { path, ..self }
    }

    /// Sets where unique-ids come from, and what begins the flags of a file.
    pub(crate) fn with_unique_ids(self, unique_ids: UniqueIds, separator: InfoSeparator) -> Self {
        Self { unique_ids, separator, ..self }
    }

    fn config(&self, login: &MaildropLogin) -> MaildirConfig {
        // Messages that were read must be recognisable as read later on.
        let config = MaildirConfig::new()
            .with_seen_flag(login.expire.is_some_and(|days| days > 0))
            .with_unique_ids(self.unique_ids.clone())
            .with_info_separator(self.separator)
            .with_on_shortage(descriptors::short);
        if login.ascii_headers {
            return config.with_eight_bit_headers(EightBitHeaders::Convert(surrogate));
        }
        config
    }
}

impl MailStore {
    /// Opens the Maildir of a user who is who he says: the gatekeeper has let him in.
    ///
    /// # Errors
    /// What the client is told.
    pub(crate) fn open_maildir(
        &self,
        maildirs: &Maildirs,
        user: &LoggedIn,
        attempt: &LoginAttempt,
        session: SessionId,
    ) -> Result<(Accepted, OpenMaildir), Rejection> {
        let name = user.name.as_str();
        let open = || {
            let path =
                maildirs.path.of(&maildirs.folder, &user.name, user.home.as_deref()).map_err(|why| {
                    error!(%session, user = name, why, "a user has no maildrop");
                    Rejection::permanent("there is no maildrop")
                })?;
            let admitted = self.admit(user, attempt, session, || self.count_full())?;
            let maildir = Maildir::open_on(&maildirs.disk, path, &maildirs.config(&admitted.login))
                .map_err(|error| refuse(name, session, error))?;
            self.opened(maildirs, maildir, admitted)
        };
        open().map_err(|rejection| not_opened(name, session, rejection))
    }

    /// Does the same as [`open_maildir`](Self::open_maildir) without waiting for the disk, if that is possible.
    /// Otherwise, nothing has happened: `open_maildir` tells why not.
    pub(crate) fn try_open_maildir(
        &self,
        maildirs: &Maildirs,
        user: &LoggedIn,
        attempt: &LoginAttempt,
        session: SessionId,
    ) -> Option<(Accepted, OpenMaildir)> {
        let path = maildirs.path.of(&maildirs.folder, &user.name, user.home.as_deref()).ok()?;
        let admitted = self.admit(user, attempt, session, || ()).ok()?;
        let maildir = Maildir::try_open_on(&maildirs.disk, path, &maildirs.config(&admitted.login))?;
        self.opened(maildirs, maildir, admitted).ok()
    }

    fn opened(
        &self,
        maildirs: &Maildirs,
        mut maildir: Maildir,
        admitted: Admitted,
    ) -> Result<(Accepted, OpenMaildir), Rejection> {
        let summary = maildir.summary();
        self.note_login(&admitted.login, summary.messages, summary.measured)?;
        let (session, user) = (admitted.login.session, admitted.login.name.as_str());
        for skipped in maildir.skipped() {
            let file = Path::new(skipped.folder.name()).join(&skipped.name);
            let (file, why) = (file.to_string_lossy(), skipped.reason);
            warn!(%session, user, file = &*file, %why, "skipped a file");
        }
        if let Some(error) = maildir.cache_error() {
            warn!(%session, user, %error, "the sizes could not be remembered for the next login");
        }
        if let Some(error) = maildir.unrecorded() {
            error!(%session, user, %error, "the unique-ids of new messages can't be recorded, so they are not shown");
        }
        let expire = admitted.login.expire;
        let (accepted, held) = self.accept(admitted, maildir.take_snapshot());
        let disk = Arc::clone(&maildirs.disk);
        Ok((accepted, OpenMaildir { held, maildir, disk, expire }))
    }
}

/// Logs why the Maildir can't be opened; the client is told less.
fn refuse(user: &str, session: SessionId, error: OpenError) -> Rejection {
    if !matches!(error, OpenError::Locked { .. }) {
        error!(%session, user, error = pop3_text::reasons(&error), "a Maildir can't be opened");
    }
    error.into()
}

impl OpenMaildir {
    /// What has expired and is to be removed, though the client did not say so.
    fn expired(&self, deletions: &Deletions) -> Vec<MessageNumber> {
        let mut expired = match self.expire {
            None => Vec::new(),
            Some(0) => deletions.retrieved().collect(),
            Some(days) => {
                let before = self.disk.now().checked_sub(DAY * days).unwrap_or(SystemTime::UNIX_EPOCH);
                self.maildir.expired(before, deletions.retrieved())
            }
        };
        expired.retain(|&message| !deletions.contains(message));
        expired
    }
}

impl Maildrop for OpenMaildir {
    type Message = MessageFile;

    fn try_fetch(
        &mut self,
        message: MessageNumber,
        _extent: Extent,
    ) -> Option<Result<MessageFile, Rejection>> {
        self.maildir.try_message(message).map(Ok)
    }

    fn try_read(message: &mut MessageFile, buffer: &mut [u8]) -> io::Result<usize> {
        message.try_read(buffer)
    }

    fn fetch(
        &mut self,
        message: MessageNumber,
        _extent: Extent,
        _context: &Context,
    ) -> Result<MessageFile, Rejection> {
        self.maildir.message(message).map_err(|error| {
            self.held.log_unsent(message, &pop3_text::reasons(&error));
            error.into()
        })
    }

    fn commits_on_the_spot(&self, deletions: &Deletions) -> bool {
        // What has expired is removed, too.
        deletions.is_empty() && self.expire.is_none() && self.maildir.releases_on_the_spot()
    }

    fn commit(self, deletions: &Deletions, _context: &Context) -> usize {
        if self.held.refuses(deletions) {
            return deletions.len();
        }
        let expired = self.expired(deletions);
        let committed = Committed::new().with_expired(expired.len());
        let report = self.maildir.remove(deletions.iter().chain(expired), deletions.retrieved());
        let failures = report.failures().iter().map(|failure| (failure.number, failure.reason.to_string()));
        let failed = self.held.settle(deletions, &committed.with_failures(failures.collect()));
        match report.unsynced() {
            Some(error) => {
                let (session, user) = (self.held.session, self.held.user());
                error!(%session, user, %error, "the removals may not survive a power failure");
                failed.max(usize::from(!deletions.is_empty()))
            }
            None => failed,
        }
    }
}
