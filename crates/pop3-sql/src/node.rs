//! A node: a process that opens maildrops.

mod chores;
mod failures;
mod presence;

use core::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};

use pop3_serve::UserName;
use tokio::sync::{Mutex as AsyncMutex, watch};

use self::presence::Presence;
use crate::engine::Backoff;
use crate::error::{SqlError, SqlErrorKind, no_maildrop};
use crate::held::{Held, Hold};
use crate::maildrop::SqlMaildrop;
use crate::open_options::SqlOpenOptions;
use crate::random;
use crate::releases::Releases;
use crate::shared::Shared;
use crate::sql;
use crate::statement::{Answer, number};
use crate::store::SqlStore;

/// A process that opens maildrops. It holds a lock in the database by which the others see that it lives, and renews
/// its heartbeat every few seconds. Get one with [`SqlStore::join`].
///
/// A node that ends in any other way than by [`leave`](Self::leave) loses its lock with its connection, and the others
/// take over its maildrops after 3 seconds, or, if its machine is cut off or frozen, after 30. So keep it as long as its
/// maildrops are open.
#[derive(Debug)]
pub struct SqlNode {
    pub(crate) shared: Arc<Shared>,
    presence: Arc<AsyncMutex<Option<Presence>>>,
    /// Ends the background tasks when the node is dropped.
    _alive: watch::Sender<()>,
}

/// How often the lock of a maildrop is asked for if the answer is lost.
const LOCK_TRIES: u32 = 4;

impl SqlStore {
    /// Becomes a node, which can open maildrops. The name is for people; several nodes may have the same.
    ///
    /// # Errors
    /// Returns an error if the database can't be reached.
    pub async fn join(&self, name: &str) -> Result<Arc<SqlNode>, SqlError> {
        self.run(SqlNode::join(self.clone(), name.to_owned())).await
    }
}

impl SqlNode {
    async fn join(store: SqlStore, name: String) -> Result<Arc<Self>, SqlError> {
        let incarnation = random::number()?;
        let presence = Presence::begin(&store, &name, incarnation).await?;
        let profile = crate::users::profile(&store).await?;
        let shared = Arc::new(Shared {
            store,
            incarnation,
            held: Held::default(),
            releases: Releases::default(),
            ready: AtomicBool::new(true),
            interrupted: AtomicBool::new(false),
            profile: Mutex::new(profile),
            failures_seen: AtomicI64::new(0),
        });
        let presence = Arc::new(AsyncMutex::new(Some(presence)));
        let (alive, end) = watch::channel(());
        let beating = beat(Arc::clone(&shared), Arc::clone(&presence), end.clone());
        shared.store.handle().spawn(beating);
        shared.store.handle().spawn(chores::run(Arc::clone(&shared), end));
        Ok(Arc::new(Self { shared, presence, _alive: alive }))
    }

    /// Locks a maildrop and takes its snapshot, in one round trip. It takes another one to find out whether the node that
    /// has it is gone, and to take it over, or why it can't be opened.
    ///
    /// # Errors
    /// `NoMaildrop`, `Locked`, `TooSoon`, and the errors of the database.
    pub async fn open_maildrop(
        &self,
        user: &UserName,
        options: SqlOpenOptions,
    ) -> Result<SqlMaildrop, SqlError> {
        let Some(hold) = self.shared.held.take(user) else { return Err(locked(user)) };
        let shared = Arc::clone(&self.shared);
        // A task of its own: if nobody waits for it any more, the maildrop is dropped there and released.
        self.shared.store.run(async move { lock(shared, hold, options).await }).await
    }

    /// Returns whether the database answers, as far as the last heartbeat tells.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.shared.ready.load(Ordering::Relaxed)
    }

    /// Returns the store.
    #[must_use]
    pub fn store(&self) -> &SqlStore {
        &self.shared.store
    }

    /// Returns the number of maildrops that are open.
    #[must_use]
    pub fn open_maildrops(&self) -> usize {
        self.shared.held.len()
    }

    /// Ends the node: releases its locks and leaves the list of nodes. Call it when all sessions have ended; those that
    /// have not can't commit any more.
    ///
    /// # Errors
    /// Returns an error if the database can't be reached. The others then notice by themselves.
    pub async fn leave(&self) -> Result<(), SqlError> {
        let (shared, presence) = (Arc::clone(&self.shared), Arc::clone(&self.presence));
        self.shared
            .store
            .run(async move {
                shared.ready.store(false, Ordering::Relaxed);
                let Some(presence) = presence.lock().await.take() else { return Ok(()) };
                shared.store.engine().write(vec![sql::FREE_ALL.with([shared.incarnation.into()])]).await?;
                presence.leave().await
            })
            .await
    }
}

/// Renews the heartbeat until the node ends, and at once when its connection was lost.
async fn beat(
    shared: Arc<Shared>,
    presence: Arc<AsyncMutex<Option<Presence>>>,
    mut end: watch::Receiver<()>,
) {
    let mut backoff = Backoff::new(Duration::from_secs(2));
    let Some((lost, rhythm)) = presence.lock().await.as_ref().map(|own| (own.end(), own.rhythm())) else {
        return;
    };
    let mut wait = rhythm;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = lost.notified() => {}
            _ = end.changed() => return,
        }
        let mut presence = presence.lock().await;
        let Some(presence) = &mut *presence else { return };
        let beaten = presence.beat().await;
        let was_ready = shared.ready.swap(beaten.is_ok(), Ordering::Relaxed);
        match beaten {
            Ok(is_new) => {
                if is_new {
                    shared.interrupted.store(true, Ordering::Relaxed);
                }
                if !was_ready {
                    tracing::info!("the database answers again");
                }
                backoff.reset();
                wait = rhythm;
            }
            Err(error) => {
                if was_ready {
                    tracing::error!(%error, "the database does not answer; trying again until it does");
                }
                wait = backoff.next();
            }
        }
    }
}

/// Locks a maildrop and reads its messages: in one round trip if it is free, else in two.
async fn lock(shared: Arc<Shared>, hold: Hold, options: SqlOpenOptions) -> Result<SqlMaildrop, SqlError> {
    let (user, node) = (hold.name().as_str(), shared.incarnation);
    let delay = number(u64::try_from(options.login_delay.as_millis()).unwrap_or(u64::MAX)).min(MAX_DELAY);
    let mut backoff = Backoff::new(Duration::from_secs(1));
    let read_only = i64::from(options.read_only);
    let (mut tries, mut is_taken) = (0, false);
    let answers = loop {
        let repeated = i64::from(tries > 0);
        let values = [user.into(), node.into(), delay.into(), repeated.into(), read_only.into()];
        let both = || [user.into(), node.into()];
        let calls = if is_taken {
            vec![sql::TAKE_OVER.with(values), sql::SNAPSHOT.with(both()), sql::WHY_NOT.with(both())]
        } else {
            vec![sql::LOCK.with(values), sql::SNAPSHOT.with(both())]
        };
        match shared.store.engine().write(calls).await {
            // Whether the node that has it lives, and what else may be the reason, is asked for only now.
            Ok(answers) if !is_taken && answers.first().is_some_and(|locked| locked.rows.is_empty()) => {
                is_taken = true;
            }
            Ok(answers) => break answers,
            Err(error) => {
                let unknown = error.kind() == SqlErrorKind::UnknownOutcome;
                tries += 1;
                if unknown && tries < LOCK_TRIES {
                    tokio::time::sleep(backoff.next()).await;
                    continue;
                }
                if unknown || tries > 1 {
                    shared.releases.suspect(hold.name());
                }
                return Err(error.of_lost(SqlErrorKind::Unreachable));
            }
        }
    };
    let mut answers = answers.into_iter();
    let mut next = || answers.next().unwrap_or_default();
    let (locked_row, snapshot, why_not) = (next().first(), next(), next());
    if tries > 0 {
        // The statement whose answer was lost may still be under way.
        shared.releases.suspect(hold.name());
    }
    match locked_row {
        Some(row) => {
            let (id, token) = (row.number(0)?, row.number(1)?);
            if let Some(node) = row.maybe(2)? {
                shared.store.engine().counted().took_over();
                tracing::warn!(user, node, "the maildrop was taken over from a node that is gone");
            }
            SqlMaildrop::new(shared, hold, (id, token), snapshot, options)
        }
        None => Err(refusal(hold.name(), why_not, options.login_delay)?),
    }
}

/// The longest delay between logins that is computed with: a century, in milliseconds.
const MAX_DELAY: i64 = 100 * 366 * 24 * 60 * 60 * 1000;

/// Why there is no lock.
fn refusal(user: &UserName, why_not: Answer, delay: Duration) -> Result<SqlError, SqlError> {
    let Some(row) = why_not.first() else { return Ok(no_maildrop(user)) };
    let since = row.maybe(1)?.and_then(|since| u64::try_from(since).ok());
    let wait = since.and_then(|since| delay.checked_sub(Duration::from_millis(since)));
    Ok(match wait {
        Some(wait) if row.number(0)? == 0 && !wait.is_zero() => {
            let text = format!("the last login of {user} was too short a time ago");
            SqlError::new(SqlErrorKind::TooSoon { wait }, text)
        }
        // If it is free by now, it was not a moment ago.
        _ => locked(user),
    })
}

fn locked(user: &UserName) -> SqlError {
    SqlError::new(SqlErrorKind::Locked, format!("the maildrop of {user} is open in another session"))
}
