//! The SQLite file: its tables, users and messages.

use core::error::Error;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pop3_tokio::proto::dots::WireSize;
use pop3_tokio::sasl::saslprep::{StringKind, prepare};
use pop3_tokio::sasl::scram::{Hash, Keys, SALT_OCTETS};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

pub(crate) type Result<T> = core::result::Result<T, Box<dyn Error + Send + Sync>>;

/// How often SCRAM iterates the hash of a password (RFC 7677 section 4). If you change this, set all passwords again:
/// users who do not exist seem to have this number.
pub(crate) const ITERATIONS: u32 = 15_000;

/// How many octets each part of a message has. Only the last part is shorter. It may be empty.
pub(crate) const PART: u64 = 64 * 1024;

const TABLES: &str = "
    PRAGMA journal_mode = WAL;
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS users (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        keys BLOB NOT NULL
    );
    -- The unique-id is the id. AUTOINCREMENT does not use it again after the message is deleted.
    CREATE TABLE IF NOT EXISTS messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user INTEGER NOT NULL REFERENCES users,
        octets INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS messages_of_user ON messages (user);
    CREATE TABLE IF NOT EXISTS parts (
        message INTEGER NOT NULL REFERENCES messages ON DELETE CASCADE,
        number INTEGER NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (message, number)
    );
    CREATE TABLE IF NOT EXISTS decoy (id INTEGER PRIMARY KEY CHECK (id = 1), key BLOB NOT NULL);
    COMMIT;";

/// The file. A new connection is opened only while all others are in use.
pub(crate) struct Database {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Database {
    pub(crate) fn open(path: PathBuf) -> Result<Self> {
        create_private(&path)?;
        let database = Self { path, idle: Mutex::default() };
        database.with(|connection| Ok(connection.execute_batch(TABLES)?))?;
        Ok(database)
    }

    /// Makes a call with a connection that nobody else is using. If the call fails, the connection is closed.
    fn with<T>(&self, call: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle().pop();
        let mut connection = idle.map_or_else(|| connect(&self.path), Ok)?;
        let value = call(&mut connection)?;
        self.idle().push(connection);
        Ok(value)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores keys made from a password, and creates the user if necessary.
    pub(crate) fn set_password(&self, name: &str, password: &str) -> Result<()> {
        // The driver prepares the names of clients in the same way.
        let name = prepare(name, StringKind::Stored)?;
        let mut salt = [0; SALT_OCTETS];
        getrandom::fill(&mut salt)?;
        let keys = Keys::derive(Hash::Sha256, password.as_bytes(), &salt, ITERATIONS)?;
        let sql = "INSERT INTO users (name, keys) VALUES (?1, ?2)
            ON CONFLICT (name) DO UPDATE SET keys = excluded.keys";
        self.with(|connection| {
            connection.execute(sql, (&*name, keys.to_text().expose()))?;
            Ok(())
        })
    }

    /// Returns the id and the keys of a user.
    pub(crate) fn user(&self, name: &str) -> Result<Option<(i64, Keys)>> {
        let sql = "SELECT id, keys FROM users WHERE name = ?1";
        let row = self.with(|connection| {
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, Vec<u8>>(1)?));
            Ok(connection.query_row(sql, [name], row).optional()?)
        })?;
        row.map(|(id, keys)| Ok((id, Keys::parse(&keys)?))).transpose()
    }

    /// Returns the secret behind the salts of users who do not exist. It is created once, so that a restart does not
    /// change these salts.
    pub(crate) fn decoy_key(&self) -> Result<[u8; 32]> {
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh)?;
        self.with(|connection| {
            connection.execute("INSERT OR IGNORE INTO decoy VALUES (1, ?1)", [fresh])?;
            Ok(connection.query_row("SELECT key FROM decoy", [], |row| row.get(0))?)
        })
    }

    /// Stores a message, with the size that it will have when it is sent.
    pub(crate) fn deliver(&self, name: &str, path: &Path) -> Result<()> {
        let (user, _) = self
            .user(&prepare(name, StringKind::Stored)?)?
            .ok_or_else(|| format!("there is no user {name}"))?;
        let mut file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute("INSERT INTO messages (user, octets) VALUES (?1, 0)", [user])?;
            let id = transaction.last_insert_rowid();
            let mut size = WireSize::new();
            for number in 0.. {
                let mut part = Vec::new();
                let octets = file.by_ref().take(PART).read_to_end(&mut part)?;
                size.update(&part);
                transaction.execute("INSERT INTO parts VALUES (?1, ?2, ?3)", (id, number, part))?;
                if (octets as u64) < PART {
                    break;
                }
            }
            transaction.execute("UPDATE messages SET octets = ?2 WHERE id = ?1", (id, size.finish()))?;
            Ok(transaction.commit()?)
        })
    }

    /// Returns the ids and sizes of a user's messages.
    pub(crate) fn messages(&self, user: i64) -> Result<Vec<(i64, u64)>> {
        self.with(|connection| {
            let mut rows =
                connection.prepare("SELECT id, octets FROM messages WHERE user = ?1 ORDER BY id")?;
            let rows = rows.query_map([user], |row| Ok((row.get(0)?, row.get(1)?)))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Returns a part of a message, or nothing if somebody else has deleted the message.
    pub(crate) fn part(&self, message: i64, number: u64) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT content FROM parts WHERE message = ?1 AND number = ?2";
        self.with(|connection| {
            Ok(connection.query_row(sql, (message, number), |row| row.get(0)).optional()?)
        })
    }

    /// Deletes all of these messages or, if this fails, none.
    pub(crate) fn delete(&self, messages: &[i64]) -> Result<()> {
        self.with(|connection| {
            // Rolled back if it is dropped before its end.
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for message in messages {
                transaction.execute("DELETE FROM messages WHERE id = ?1", [message])?;
            }
            Ok(transaction.commit()?)
        })
    }
}

/// Opens a connection. If another process is writing, its calls wait for up to 5 seconds (the default of rusqlite).
fn connect(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    // A deletion that the client knows of survives a power failure.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    Ok(connection)
}

/// Creates the file so that nobody else can read it. SQLite creates its other files with the same permissions.
fn create_private(path: &Path) -> Result<()> {
    let mut options = File::options();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    Ok(())
}
