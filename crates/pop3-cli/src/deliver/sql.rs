//! Delivery into a database.

use std::io::{Read, Write as _};
use std::sync::Arc;

use pop3_serve::UserName;
use pop3_sql::{DeliveryOptions, Spool, SqlError, SqlErrorKind, SqlUrl};

use super::Undelivered;
use super::body::BodyHash;
use crate::database::{Database, NoStore};

/// Stores the message. When this returns, it survives a power failure. Returns whether it was stored now, and not by an
/// earlier attempt with the same id.
///
/// The message is read as a whole before the database is used, so that a slow sender holds up nobody.
pub(crate) fn deliver(
    url: &SqlUrl,
    user: &UserName,
    message: &mut dyn Read,
    id: Option<&str>,
) -> Result<bool, Undelivered> {
    let mut spool = Spool::new();
    let kept = |error: std::io::Error| {
        Undelivered::of_disk(
            error.kind(),
            format!("can't write to the directory of temporary files: {error}"),
        )
    };
    let mut body = BodyHash::default();
    super::copy(message, &mut |octets| {
        body.push(octets);
        spool.write_all(octets).map_err(kept)
    })?;
    let spooled = Arc::new(spool.finish().map_err(kept)?);
    let key = id.map(|id| body.key(id));
    let mut options = DeliveryOptions::new();
    options.key = key.as_deref();
    let database = Database::open(url).map_err(|error| match error {
        NoStore::System(error) => Undelivered::later(format!("a thread can't be started: {error}")),
        NoStore::Sql(error) => Undelivered::of_database(user, &error),
    })?;
    let receipt = database.wait(database.store.deliver(user, &spooled, options));
    receipt.map(|receipt| receipt.stored).map_err(|error| Undelivered::of_database(user, &error))
}

impl Undelivered {
    /// An error of the database.
    pub(crate) fn of_database(user: &UserName, error: &SqlError) -> Self {
        let (kind, text) = (error.kind(), pop3_text::reasons(error));
        if matches!(kind, SqlErrorKind::NoMaildrop | SqlErrorKind::NoUser) {
            Self::no_user(user)
        } else if kind == SqlErrorKind::OverQuota {
            Self::full()
        } else if matches!(kind, SqlErrorKind::Unusable | SqlErrorKind::Schema | SqlErrorKind::Invalid) {
            Self::settings(text)
        } else {
            Self::later(text)
        }
    }
}
