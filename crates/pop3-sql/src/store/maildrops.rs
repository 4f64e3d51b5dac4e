//! Maildrops, and how much they may hold.

use pop3_proto::Octets;
use pop3_serve::UserName;

use super::SqlStore;
use crate::error::{SqlError, SqlErrorKind, no_maildrop};
use crate::sql;
use crate::statement::number;

/// How much the maildrop of a user may hold, or holds. Only deliveries are refused; imports are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// The number of messages. `None`: no limit.
    pub messages: Option<u64>,
    /// Their sizes on the wire together. `None`: no limit.
    pub octets: Option<Octets>,
}

impl Quota {
    /// Creates a quota.
    #[must_use]
    pub const fn new(messages: Option<u64>, octets: Option<Octets>) -> Self {
        Self { messages, octets }
    }
}

/// The most names that are returned at once.
pub(crate) const PAGE: i64 = 1_000;

impl SqlStore {
    /// Creates an empty maildrop, for users whom another program checks. Returns `false` if there is one.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn create_maildrop(&self, name: &UserName) -> Result<bool, SqlError> {
        let (store, name) = (self.clone(), name.clone());
        self.run(async move {
            let call = sql::ADD_MAILDROP.with([name.as_str().into()]);
            let answers = store.engine().write(vec![call]).await?;
            Ok(answers.first().is_some_and(|answer| answer.changed > 0))
        })
        .await
    }

    /// Returns whether there is a maildrop with this name. Does not look at its messages.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn has_maildrop(&self, name: &UserName) -> Result<bool, SqlError> {
        let (store, name) = (self.clone(), name.clone());
        self.run(async move {
            let answer = store.engine().read_one(sql::MAILDROP.with([name.as_str().into()])).await?;
            Ok(answer.first().is_some())
        })
        .await
    }

    /// Removes a maildrop with all its messages, and returns their number. Without `with_messages`, one that has
    /// messages stays, and this returns their number, too.
    ///
    /// # Errors
    /// `NoMaildrop`, `Locked`, and the errors of the database.
    pub async fn remove_maildrop(&self, name: &UserName, with_messages: bool) -> Result<u64, SqlError> {
        let (store, name) = (self.clone(), name.clone());
        self.run(async move {
            let mut transaction = store.engine().begin().await?;
            let found = transaction.run_one(sql::HOLD_MAILDROP.with([name.as_str().into()])).await?.first();
            let found = found.ok_or_else(|| no_maildrop(&name))?;
            let (id, locked, messages) = (found.number(0)?, found.number(1)?, found.count(2)?);
            if locked != 0 {
                transaction.roll_back().await;
                let text = format!("the maildrop of {name} is open in a session");
                return Err(SqlError::new(SqlErrorKind::Locked, text));
            }
            if messages > 0 && !with_messages {
                transaction.roll_back().await;
                return Ok(messages);
            }
            let calls = vec![sql::EMPTY_MAILDROP.with([id.into()]), sql::REMOVE_MAILDROP.with([id.into()])];
            let answers = transaction.run(calls).await?;
            transaction.commit().await?;
            Ok(answers.first().map_or(0, |answer| answer.changed))
        })
        .await
    }

    /// Returns the maildrops after this one, sorted by the octets of their names, at most 1,000 at once.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn maildrops(&self, after: Option<&UserName>) -> Result<Vec<UserName>, SqlError> {
        let (store, after) = (self.clone(), after.map_or("", UserName::as_str).to_owned());
        self.run(async move {
            let call = sql::MAILDROPS.with([(&*after).into(), PAGE.into()]);
            let rows = store.engine().read_one(call).await?.rows;
            rows.into_iter().map(|mut row| user_name(&row.text(0)?)).collect()
        })
        .await
    }

    /// Sets how much a maildrop may hold. One that holds more keeps it.
    ///
    /// # Errors
    /// `NoMaildrop`, and the errors of the database.
    pub async fn set_quota(&self, name: &UserName, quota: Quota) -> Result<(), SqlError> {
        let (store, name) = (self.clone(), name.clone());
        self.run(async move {
            let (messages, octets) = (quota.messages.map(number), quota.octets.map(number));
            let call = sql::SET_QUOTA.with([name.as_str().into(), messages.into(), octets.into()]);
            let answers = store.engine().write(vec![call]).await?;
            let changed = answers.first().is_some_and(|answer| answer.changed > 0);
            changed.then_some(()).ok_or_else(|| no_maildrop(&name))
        })
        .await
    }

    /// Returns how much a maildrop may hold, and what it holds.
    ///
    /// # Errors
    /// `NoMaildrop`, and the errors of the database.
    pub async fn quota(&self, name: &UserName) -> Result<(Quota, Quota), SqlError> {
        let (store, name) = (self.clone(), name.clone());
        self.run(async move {
            let found = store.engine().read_one(sql::QUOTA.with([name.as_str().into()])).await?.first();
            let found = found.ok_or_else(|| no_maildrop(&name))?;
            let limit =
                |column| Ok::<_, SqlError>(found.maybe(column)?.and_then(|limit| u64::try_from(limit).ok()));
            let quota = Quota::new(limit(0)?, limit(1)?);
            Ok((quota, Quota::new(Some(found.count(2)?), Some(found.count(3)?))))
        })
        .await
    }
}

/// A name in a table.
pub(crate) fn user_name(text: &str) -> Result<UserName, SqlError> {
    UserName::parse(text.as_bytes()).ok_or_else(|| {
        SqlError::invalid(format!("the database contains {text:?} as the name of a user: {}", UserName::RULE))
    })
}
