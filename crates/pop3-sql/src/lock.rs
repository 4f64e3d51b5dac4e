//! The lock of a maildrop.

use std::sync::Arc;

use crate::error::SqlError;
use crate::held::Hold;
use crate::releases::Release;
use crate::shared::Shared;
use crate::sql;

/// The lock of a maildrop. Dropping it releases it in the background.
pub(crate) struct Lock {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: i64,
    pub(crate) token: i64,
    /// `None`: the database knows already that it is released.
    pub(crate) hold: Option<Hold>,
}

impl Lock {
    /// Releases the lock.
    pub(crate) async fn release(mut self) -> Result<(), SqlError> {
        let Some(hold) = self.hold.take() else { return Ok(()) };
        release(Arc::clone(&self.shared), self.id, self.token, hold).await
    }

    /// The lock is not this session's any more. It may still be this node's.
    pub(crate) fn suspect(&mut self) {
        if let Some(hold) = self.hold.take() {
            self.shared.releases.suspect(hold.name());
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let Some(hold) = self.hold.take() else { return };
        let shared = Arc::clone(&self.shared);
        self.shared.store.handle().spawn(release(shared, self.id, self.token, hold));
    }
}

/// Releases a lock, now or later.
async fn release(shared: Arc<Shared>, maildrop: i64, token: i64, hold: Hold) -> Result<(), SqlError> {
    let call = sql::FREE.with([maildrop.into(), token.into(), shared.incarnation.into()]);
    let freed = shared.store.engine().write_lightly(vec![call]).await;
    match &freed {
        Ok(answers) if answers.first().is_some_and(|answer| answer.changed == 0) => {
            shared.releases.suspect(hold.name());
        }
        Ok(_) => {}
        Err(_) => shared.releases.push(Release::Session { maildrop, token }),
    }
    freed.map(drop)
}
