//! What a node does now and then.

use core::time::Duration;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use crate::error::SqlError;
use crate::random;
use crate::releases::Release;
use crate::shared::Shared;
use crate::sql;

/// How often locks are released that could not be released at once.
const RELEASES: Duration = Duration::from_millis(500);

/// How often the common properties of the users are read again.
const PROFILE: Duration = Duration::from_secs(60);

/// How often what is old is removed. Each node waits for a random part of it first.
const CLEANING: Duration = Duration::from_secs(600);

/// Does it until the node ends.
pub(super) async fn run(shared: Arc<Shared>, mut end: watch::Receiver<()>) {
    let now = Instant::now();
    let (mut profile, mut cleaning) = (now + PROFILE, now + CLEANING.mul_f64(random::fraction()));
    loop {
        tokio::select! {
            () = tokio::time::sleep(RELEASES) => {}
            _ = end.changed() => return,
        }
        for release in shared.releases.due() {
            give_back(&shared, release).await;
        }
        let now = Instant::now();
        if now >= profile {
            profile = now + PROFILE;
            match crate::users::profile(&shared.store).await {
                Ok(new) => *shared.profile.lock().unwrap_or_else(PoisonError::into_inner) = new,
                Err(error) => tracing::debug!(%error, "the kinds of users could not be read"),
            }
        }
        if now >= cleaning {
            cleaning = now + CLEANING;
            if let Err(error) = clean(&shared).await {
                tracing::debug!(%error, "old rows could not be removed");
            }
        }
    }
}

/// Releases a lock, or leaves it for later.
async fn give_back(shared: &Arc<Shared>, release: Release) {
    let node = shared.incarnation;
    let call = match &release {
        Release::Session { maildrop, token } => {
            sql::FREE.with([(*maildrop).into(), (*token).into(), node.into()])
        }
        Release::User { name, .. } => {
            // Who has it open needs its lock. It is looked at again when that session has ended.
            let Some(hold) = shared.held.take(name) else {
                let at = Instant::now() + Duration::from_secs(5);
                let Release::User { name, tries, .. } = release else { return };
                return shared.releases.push(Release::User { name, tries, at });
            };
            let call = sql::FREE_USER.with([name.as_str().into(), node.into()]);
            let done = shared.store.engine().write(vec![call]).await;
            drop(hold);
            return match done {
                Ok(_) => release.again().into_iter().for_each(|again| shared.releases.push(again)),
                Err(_) => shared.releases.push(release),
            };
        }
    };
    if shared.store.engine().write(vec![call]).await.is_err() {
        shared.releases.push(release);
    }
}

async fn clean(shared: &Shared) -> Result<(), SqlError> {
    for statement in [&sql::OLD_COMMITS, &sql::OLD_DELIVERIES, &sql::OLD_NODES, &sql::OLD_FAILURES] {
        shared.store.engine().write(vec![statement.with([])]).await?;
    }
    Ok(())
}
