//! The store: a database, and what is done with it.

use std::sync::Arc;
use std::time::SystemTime;

use pop3_proto::Octets;
use pop3_serve::{User, UserName};

use crate::config::SqlConfig;
use crate::error::SqlError;
use crate::node::SqlNode;
use crate::spool::SpooledMessage;
use crate::url::SqlUrl;

/// The maildrops and users in one database. Clones share their connections.
///
/// Open it on a tokio runtime that outlives it: all its work is done there, so the calls may be awaited anywhere, also
/// on other runtimes. A call that changes something is finished even if its future is dropped.
#[derive(Clone, Debug)]
pub struct SqlStore {}

/// What [`SqlStore::deliver`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeliveryReceipt {
    /// The unique-id of the message. That of the first delivery if this is a retry.
    pub unique_id: String,
    /// Whether the message was stored. `false`: a message with this key was stored in the last week.
    pub stored: bool,
}

/// How much the maildrop of a user may hold. Only deliveries are refused; imports are not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// The maximum number of messages. `None`: no limit.
    pub messages: Option<u64>,
    /// The maximum of their sizes on the wire together. `None`: no limit.
    pub octets: Option<Octets>,
}

/// Options of a delivery.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct DeliveryOptions<'a> {
    /// Recognises a retry of the same delivery for a week: any octets, at most 128. Default: none.
    pub key: Option<&'a [u8]>,
}

/// A message to import: with the unique-id that clients know.
#[derive(Debug)]
#[non_exhaustive]
pub struct ImportedMessage<'a> {
    /// The unique-id.
    pub unique_id: &'a str,
    /// When it was delivered. Default: now.
    pub received: Option<SystemTime>,
    /// Whether it was read. With expiry, its days begin now.
    pub seen: bool,
    /// The content.
    pub content: &'a SpooledMessage,
}

/// What the schema was before [`SqlStore::migrate`], and is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Migration {
    /// The version before. 0: there were no tables.
    pub from: u32,
    /// The version now.
    pub to: u32,
}

const LATER: &str = "not implemented yet";

impl SqlStore {
    /// Opens a database, which must have the tables of this version. A new SQLite file is created with them; nobody
    /// but its owner may read it.
    ///
    /// # Errors
    /// Returns an error if the database can't be reached, or has no tables or those of another version.
    pub async fn open(url: &SqlUrl, config: SqlConfig) -> Result<Self, SqlError> {
        let _ = (url, config);
        Err(SqlError::unusable(LATER))
    }

    /// Creates the tables, or brings them to this version. Does nothing if they have it. Stop the nodes of an older
    /// version before.
    ///
    /// # Errors
    /// Returns an error if the database can't be reached, or if a newer version has made its tables.
    pub async fn migrate(url: &SqlUrl, config: SqlConfig) -> Result<Migration, SqlError> {
        let _ = (url, config);
        Err(SqlError::unusable(LATER))
    }

    /// Becomes a node, which can open maildrops.
    ///
    /// # Errors
    /// Returns an error if the database can't be reached.
    pub async fn join(&self, name: &str) -> Result<Arc<SqlNode>, SqlError> {
        let _ = name;
        Err(SqlError::unusable(LATER))
    }

    /// Asks the database for an answer.
    ///
    /// # Errors
    /// Returns why there is none.
    pub async fn ping(&self) -> Result<(), SqlError> {
        Err(SqlError::unusable(LATER))
    }

    /// Delivers a message. It is durable when this returns. Does not need a lock: a session that is open does not see
    /// the message.
    ///
    /// # Errors
    /// `NoMaildrop`, `OverQuota`, and the errors of the database. After `UnknownOutcome`, which is only possible
    /// without a key, the message may have been stored.
    pub async fn deliver(
        &self,
        user: &UserName,
        message: &Arc<SpooledMessage>,
        options: DeliveryOptions<'_>,
    ) -> Result<DeliveryReceipt, SqlError> {
        let _ = (user, message, options);
        Err(SqlError::unusable(LATER))
    }

    /// Imports messages into a maildrop, all or none. Those whose unique-id is there already, or was there and has
    /// been deleted, are left out. Returns how many were stored.
    ///
    /// # Errors
    /// `NoMaildrop`, `Invalid` for a unique-id that breaks the rule, and the errors of the database.
    pub async fn import(&self, user: &UserName, messages: &[ImportedMessage<'_>]) -> Result<u64, SqlError> {
        let _ = (user, messages);
        Err(SqlError::unusable(LATER))
    }

    /// Returns the user with this name.
    ///
    /// # Errors
    /// Returns the errors of the database, and `Invalid` if the forms of the user cannot be parsed.
    pub async fn find_user(&self, name: &UserName) -> Result<Option<Arc<User>>, SqlError> {
        let _ = name;
        Err(SqlError::unusable(LATER))
    }

    /// Adds a user with these forms, as they follow the name in a [users file](pop3_serve#the-users-file), and an
    /// empty maildrop, if there is none.
    ///
    /// # Errors
    /// `Exists`, `Invalid` for a form that cannot be parsed, and the errors of the database.
    pub async fn add_user(&self, name: &UserName, forms: &[impl AsRef<[u8]>]) -> Result<(), SqlError> {
        let _ = (name, forms);
        Err(SqlError::unusable(LATER))
    }

    /// Replaces the password of a user, in all its forms. Certificates, tokens and settings remain.
    ///
    /// # Errors
    /// `NoUser`, `Invalid` for a form that is no password, and the errors of the database.
    pub async fn set_password(&self, name: &UserName, forms: &[impl AsRef<[u8]>]) -> Result<(), SqlError> {
        let _ = (name, forms);
        Err(SqlError::unusable(LATER))
    }

    /// Replaces all forms of a user.
    ///
    /// # Errors
    /// As [`set_password`](Self::set_password).
    pub async fn replace_user(&self, name: &UserName, forms: &[impl AsRef<[u8]>]) -> Result<(), SqlError> {
        let _ = (name, forms);
        Err(SqlError::unusable(LATER))
    }

    /// Removes a user with all settings. The maildrop stays.
    ///
    /// # Errors
    /// `NoUser`, and the errors of the database.
    pub async fn remove_user(&self, name: &UserName) -> Result<(), SqlError> {
        let _ = name;
        Err(SqlError::unusable(LATER))
    }

    /// Returns users after this one, sorted by the octets of their names, at most 1,000 at once, and in a few words
    /// what each has: `hash`, `SCRAM-SHA-256`, `token`.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn users(&self, after: Option<&UserName>) -> Result<Vec<(UserName, String)>, SqlError> {
        let _ = after;
        Err(SqlError::unusable(LATER))
    }

    /// Creates an empty maildrop, for users whom another program checks. Returns `false` if there is one.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn create_maildrop(&self, name: &UserName) -> Result<bool, SqlError> {
        let _ = name;
        Err(SqlError::unusable(LATER))
    }

    /// Removes a maildrop with all its messages, and returns their number. Without `with_messages`, one that has
    /// messages stays, and this returns their number, too.
    ///
    /// # Errors
    /// `NoMaildrop`, `Locked`, and the errors of the database.
    pub async fn remove_maildrop(&self, name: &UserName, with_messages: bool) -> Result<u64, SqlError> {
        let _ = (name, with_messages);
        Err(SqlError::unusable(LATER))
    }

    /// Returns the maildrops after this one, sorted by the octets of their names, at most 1,000 at once.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn maildrops(&self, after: Option<&UserName>) -> Result<Vec<UserName>, SqlError> {
        let _ = after;
        Err(SqlError::unusable(LATER))
    }

    /// Sets how much a maildrop may hold.
    ///
    /// # Errors
    /// `NoMaildrop`, and the errors of the database.
    pub async fn set_quota(&self, name: &UserName, quota: Quota) -> Result<(), SqlError> {
        let _ = (name, quota);
        Err(SqlError::unusable(LATER))
    }

    /// Returns how much a maildrop may hold, and what it holds.
    ///
    /// # Errors
    /// `NoMaildrop`, and the errors of the database.
    pub async fn quota(&self, name: &UserName) -> Result<(Quota, Quota), SqlError> {
        let _ = name;
        Err(SqlError::unusable(LATER))
    }

    /// Examines the tables, and calls the function with each thing that is wrong. Changes nothing, and does not need
    /// the nodes to be stopped. Reads every message, so it takes a while.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn check(&self, report: impl FnMut(Finding) + Send) -> Result<(), SqlError> {
        let _ = report;
        Err(SqlError::unusable(LATER))
    }
}

impl<'a> ImportedMessage<'a> {
    /// Creates a message that was delivered now and not read.
    #[must_use]
    pub const fn new(unique_id: &'a str, content: &'a SpooledMessage) -> Self {
        Self { unique_id, received: None, seen: false, content }
    }
}

impl<'a> DeliveryOptions<'a> {
    /// Creates options without a key.
    #[must_use]
    pub const fn new() -> Self {
        Self { key: None }
    }

    /// Sets [`key`](Self::key).
    #[must_use]
    pub const fn with_key(self, key: &'a [u8]) -> Self {
        Self { key: Some(key) }
    }
}

impl Quota {
    /// Creates a quota.
    #[must_use]
    pub const fn new(messages: Option<u64>, octets: Option<Octets>) -> Self {
        Self { messages, octets }
    }
}

/// Something that [`SqlStore::check`] has found wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The user whose maildrop it is in, if it is in one.
    pub user: Option<String>,
    /// The unique-id of the message, if it is one.
    pub unique_id: Option<String>,
    /// What is wrong, and what to do.
    pub text: String,
}
