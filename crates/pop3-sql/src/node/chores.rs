//! What a node does now and then.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use crate::error::SqlError;
use crate::random;
use crate::releases::Release;
use crate::shared::Shared;
use crate::sql;
use crate::store::user_name;

/// How often locks are released that could not be released at once.
const RELEASES: Duration = Duration::from_millis(500);

/// How many maildrops are looked at in one query.
const RANGE: i64 = 100_000;

/// How many locks are released at once.
const BATCH: usize = 100;

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
        if shared.interrupted.swap(false, Ordering::Relaxed) && find_left_locks(&shared).await.is_err() {
            shared.interrupted.store(true, Ordering::Relaxed);
        }
        give_back(&shared, shared.releases.due()).await;
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

/// Finds the maildrops that this node has in the database. If no session has them, they are to be released: a crash of
/// the database may have taken back their release.
async fn find_left_locks(shared: &Shared) -> Result<(), SqlError> {
    let engine = shared.store.engine();
    let last = engine.read_one(sql::LAST_MAILDROP.with([])).await?.first();
    let last = last.map_or(Ok(0), |row| row.number(0))?;
    let mut from = 0;
    while from < last {
        let to = from.saturating_add(RANGE);
        let call = sql::OWN.with([shared.incarnation.into(), from.into(), to.into()]);
        for mut row in engine.read_one(call).await?.rows {
            let name = user_name(&row.text(0)?)?;
            if shared.held.take(&name).is_some() {
                shared.releases.suspect(&name);
            }
        }
        from = to;
    }
    Ok(())
}

/// Releases locks, or leaves them for later.
async fn give_back(shared: &Shared, due: Vec<Release>) {
    let (sessions, users): (Vec<_>, Vec<_>) =
        due.into_iter().partition(|release| matches!(release, Release::Session { .. }));
    for batch in sessions.chunks(BATCH) {
        let call = |release: &Release| match release {
            Release::Session { maildrop, token } => {
                Some(sql::FREE.with([(*maildrop).into(), (*token).into(), shared.incarnation.into()]))
            }
            Release::User { .. } => None,
        };
        if shared.store.engine().write_lightly(batch.iter().filter_map(call).collect()).await.is_err() {
            batch.iter().for_each(|release| shared.releases.push(release.clone()));
        }
    }
    for release in users {
        give_back_user(shared, release).await;
    }
}

/// Releases the maildrop of a user if this node has it, and no session.
async fn give_back_user(shared: &Shared, release: Release) {
    let Release::User { name, tries, .. } = &release else { return };
    // Who has it open needs its lock. It is looked at again when that session has ended.
    let Some(hold) = shared.held.take(name) else {
        let at = Instant::now() + Duration::from_secs(5);
        return shared.releases.push(Release::User { name: name.clone(), tries: *tries, at });
    };
    let call = sql::FREE_USER.with([name.as_str().into(), shared.incarnation.into()]);
    let done = shared.store.engine().write_lightly(vec![call]).await;
    drop(hold);
    match done {
        Ok(_) => release.again().into_iter().for_each(|again| shared.releases.push(again)),
        Err(_) => shared.releases.push(release),
    }
}

async fn clean(shared: &Shared) -> Result<(), SqlError> {
    for statement in [&sql::OLD_COMMITS, &sql::OLD_DELIVERIES, &sql::OLD_NODES, &sql::OLD_FAILURES] {
        shared.store.engine().write(vec![statement.with([])]).await?;
    }
    Ok(())
}
