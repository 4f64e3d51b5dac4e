//! The maildrops of a store, as the server of LMTP needs them.

use std::io::{self, Seek as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use pop3_lmtp::{Envelope, LmtpRefusal, Mailboxes};
use pop3_serve::{NameRule, UserName};
use pop3_sql::{DeliveryOptions, Spool, SpooledMessage, SqlStore};
use sha2::{Digest as _, Sha256};
use tempfile::SpooledTempFile;
use tokio::task::spawn_blocking;
use tracing::info;

use crate::args::store_url::StoreUrl;
use crate::args::{Lmtp, StoreAt};
use crate::database;
use crate::deliver::{Maildirs, Undelivered};
use crate::exit::{Exit, Failure};

/// Octets of a message in memory. Others are in a file.
const IN_MEMORY: usize = 512 * 1024;

/// The maildrops, and how their users are named in addresses.
pub(super) struct Maildrops {
    store: Store,
    names: NameRule,
    strip_domain: bool,
    delimiter: Option<char>,
    recognises_retries: bool,
}

enum Store {
    Maildirs(Arc<Maildirs>),
    Sql(SqlStore),
}

/// A message while it is received.
pub(super) enum Receiving {
    File(SpooledTempFile),
    Sql(Spool, Sha256),
}

/// A message that was received.
pub(super) enum Received {
    File(Arc<Mutex<SpooledTempFile>>),
    /// Also the hash of what the client has sent.
    Sql(Arc<SpooledMessage>, [u8; 32]),
}

impl Maildrops {
    /// Opens the store.
    pub(super) async fn open(options: &Lmtp) -> Result<Self, Failure> {
        let StoreAt { store, names, maildirs } = &options.at;
        let url = store.required()?;
        let store = if let StoreUrl::Maildir(folder) = url {
            Store::Maildirs(Arc::new(Maildirs::new(&folder, maildirs, names)?))
        } else {
            let url = database::url(&url)?.ok_or_else(|| Failure::usage(format!("{url} is no store")))?;
            Store::Sql(SqlStore::open(&url, pop3_sql::SqlConfig::new()).await?)
        };
        if options.recognise_retries && matches!(store, Store::Maildirs(_)) {
            return Err(Failure::usage(
                "--recognise-retries does not work with Maildirs, which do not remember what was delivered",
            ));
        }
        Ok(Self {
            store,
            names: names.rule()?,
            strip_domain: options.strip_domain,
            delimiter: options.recipient_delimiter,
            recognises_retries: options.recognise_retries,
        })
    }

    /// The user with this address.
    fn user(&self, address: &str) -> Option<UserName> {
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let local =
            self.delimiter.map_or(local, |delimiter| local.split(delimiter).next().unwrap_or_default());
        let name = if self.strip_domain || domain.is_empty() {
            local.to_owned()
        } else {
            format!("{local}@{domain}")
        };
        self.names.apply(name.as_bytes())
    }
}

impl Mailboxes for Maildrops {
    type Mailbox = UserName;
    type Spool = Receiving;
    type Message = Received;

    async fn find(&self, address: &str) -> Result<UserName, LmtpRefusal> {
        let user = self.user(address).ok_or_else(|| refusal(&Undelivered::no_user(address)))?;
        match &self.store {
            Store::Maildirs(maildirs) => {
                let (maildirs, name) = (Arc::clone(maildirs), user.clone());
                blocking(move || maildirs.open(&name).map(drop)).await?;
            }
            Store::Sql(store) => {
                let found = store.has_maildrop(&user).await;
                if !found.map_err(|error| refusal(&Undelivered::of_database(&user, &error)))? {
                    return Err(refusal(&Undelivered::no_user(user.as_str())));
                }
            }
        }
        Ok(user)
    }

    fn spool(&self, fields: Vec<u8>) -> io::Result<Receiving> {
        Ok(match &self.store {
            Store::Maildirs(_) => {
                let mut file = SpooledTempFile::new(IN_MEMORY);
                file.write_all(&fields)?;
                Receiving::File(file)
            }
            Store::Sql(_) => {
                let mut spool = Spool::new();
                spool.write_all(&fields)?;
                Receiving::Sql(spool, Sha256::new())
            }
        })
    }

    fn complete(&self, spool: Receiving) -> io::Result<Received> {
        Ok(match spool {
            Receiving::File(file) => Received::File(Arc::new(Mutex::new(file))),
            Receiving::Sql(spool, hash) => Received::Sql(Arc::new(spool.finish()?), hash.finalize().into()),
        })
    }

    async fn deliver(&self, user: &UserName, _: &Envelope, message: &Received) -> Result<(), LmtpRefusal> {
        match (&self.store, message) {
            (Store::Maildirs(maildirs), Received::File(file)) => {
                let (maildirs, user, file) = (Arc::clone(maildirs), user.clone(), Arc::clone(file));
                blocking(move || {
                    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                    let unread = |error: io::Error| {
                        Undelivered::later(format!("the message can't be read any more: {error}"))
                    };
                    file.rewind().map_err(unread)?;
                    // Other programs expect LF in Maildirs.
                    maildirs.store(&user, true, &mut *file)
                })
                .await
            }
            (Store::Sql(store), Received::Sql(message, hash)) => {
                let mut options = DeliveryOptions::new();
                options.key = self.recognises_retries.then_some(&hash[..]);
                let receipt = store.deliver(user, message, options).await;
                let receipt = receipt.map_err(|error| refusal(&Undelivered::of_database(user, &error)))?;
                if !receipt.stored {
                    info!(user = user.as_str(), "an earlier attempt had stored the message");
                }
                Ok(())
            }
            (Store::Maildirs(_), Received::Sql(..)) | (Store::Sql(_), Received::File(_)) => {
                Err(LmtpRefusal::later("the message was received for another store"))
            }
        }
    }
}

/// Does something on a thread where it may block.
async fn blocking(
    work: impl FnOnce() -> Result<(), Undelivered> + Send + 'static,
) -> Result<(), LmtpRefusal> {
    match spawn_blocking(work).await {
        Ok(done) => done.map_err(|undelivered| refusal(&undelivered)),
        Err(_) => Err(LmtpRefusal::later("the delivery has failed")),
    }
}

/// What the client is told.
fn refusal(undelivered: &Undelivered) -> LmtpRefusal {
    let text = undelivered.text();
    match (undelivered.exit(), undelivered.status()) {
        (Exit::NoUser, _) => LmtpRefusal::no_mailbox(text),
        (Exit::NoPermission, _) => LmtpRefusal::full(text),
        (_, "4.3.1") => LmtpRefusal::disk_full(text),
        (_, "4.3.5") => LmtpRefusal::settings(text),
        _ => LmtpRefusal::later(text),
    }
}

impl Write for Receiving {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.write(octets),
            Self::Sql(spool, hash) => {
                let written = spool.write(octets)?;
                hash.update(&octets[..written]);
                Ok(written)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
