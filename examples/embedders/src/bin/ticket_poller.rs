//! Polls a maildrop and creates exactly one ticket for each message, even if it is killed at any point.
//!
//! The tickets and the record of unique-ids are in one SQLite database. One transaction creates a ticket and records
//! the unique-id of its message. Only then may the message be deleted on the server.

use core::error::Error;
use core::time::Duration;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use pop3_seen::{Census, Day, Forgetting, Id, Memory, Note, Seen, SeenEntry, Storage, day};
use pop3_std::client::{self, Retry};
use pop3_std::proto::MessageNumber;
use pop3_std::proto::client::ClientConfig;
use pop3_std::{Client, ClientOptions};
use rusqlite::{Connection, Transaction};

#[derive(Parser)]
struct Arguments {
    host: String,
    #[arg(long, default_value_t = 995)]
    port: u16,
    /// Certificate authorities to trust in addition to the system's (PEM).
    #[arg(long)]
    roots: Option<PathBuf>,
    #[arg(long)]
    user: String,
    #[arg(long, env = "POP3_PASSWORD", hide_env_values = true)]
    password: String,
    /// The SQLite database. It is created if it does not exist.
    #[arg(long)]
    database: PathBuf,
    /// Delete messages on the server this many days after their tickets were created.
    #[arg(long, default_value_t = 7)]
    keep: Day,
    /// Leave larger messages on the server (octets).
    #[arg(long, default_value_t = 50_000_000)]
    max_size: u64,
    /// Poll at this interval, in seconds. By default, poll once.
    #[arg(long)]
    every: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    loop {
        let result = Tickets::open(&arguments.database).and_then(|mut seen| poll(&arguments, &mut seen));
        let retry = match &result {
            Ok(()) => Retry::Later,
            Err(error) => {
                let of_client = error.downcast_ref::<client::ClientError>();
                let place =
                    of_client.map_or(arguments.database.display().to_string(), |_| arguments.host.clone());
                eprintln!("ticket_poller: {place}: {}", pop3_std::reasons(&**error));
                of_client.map_or(Retry::Later, client::ClientError::advice)
            }
        };
        match arguments.every {
            Some(seconds) if !matches!(retry, Retry::Never | Retry::OtherCredentials) => {
                std::thread::sleep(Duration::from_secs(seconds));
            }
            _ => return if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        }
    }
}

fn poll(arguments: &Arguments, seen: &mut Seen<Tickets>) -> Result<(), Box<dyn Error>> {
    let today = seen.storage().today;
    let mut client = log_in(arguments)?;
    let listing = client.uidl()?;
    let sizes: HashMap<_, _> = client.list()?.into_iter().collect();
    let census = Census::of_uids(listing.iter().map(|(_, uid)| uid));
    // The last session may have ended without a reply to QUIT. Find out which of its messages were deleted.
    seen.compare(&census, Some(today))?;
    let mut due = HashMap::new();
    for (place, &(number, _)) in listing.iter().enumerate() {
        let (Some(id), size) = (census.id(place), sizes.get(&number).copied()) else { continue };
        if seen.is_new(&census, place, size) {
            let Some(message) = fetch(arguments, &mut client, number, size)? else { continue };
            seen.storage_mut().message = Some(message);
            seen.stored(&[(id, SeenEntry::new(size.unwrap_or_default(), census.count(id.key)))])?;
        }
        if seen.memory().known(id).is_some_and(|entry| entry.may_be_deleted(size))
            && seen.storage().age(id)? >= arguments.keep
        {
            due.insert(number, id);
        }
    }
    let numbers: Vec<MessageNumber> = due.keys().copied().collect();
    for (number, refusal) in client.dele_all(&numbers)? {
        eprintln!("message {number} is not deleted on {}: {refusal}", arguments.host);
        due.remove(&number);
    }
    // The server deletes at QUIT. Its reply may be lost, so record the attempt before.
    seen.deleting(&due.into_values().collect::<Vec<_>>())?;
    client.quit()?;
    seen.deleted()?;
    seen.forget(&census, Forgetting { today: Some(today), after: 90 }, |_| None)?;
    Ok(())
}

fn log_in(arguments: &Arguments) -> Result<Client, client::ClientError> {
    // The message is kept in memory. The listed size may be an estimate, so twice as much is allowed.
    let mut config = ClientConfig::default();
    config.max_body = Some(arguments.max_size.saturating_mul(2));
    let mut builder = Client::builder(&arguments.host).port(arguments.port);
    if let Some(roots) = &arguments.roots {
        builder = builder.ca_file(roots);
    }
    let options = ClientOptions::new().with_config(config);
    builder.options(options).login(&arguments.user, arguments.password.as_str()).connect()
}

/// Fetches a message, or says why it stays on the server.
fn fetch(
    arguments: &Arguments,
    client: &mut Client,
    number: MessageNumber,
    size: Option<u64>,
) -> Result<Option<Vec<u8>>, client::ClientError> {
    if let Some(size) = size.filter(|&size| size > arguments.max_size) {
        eprintln!("message {number} is left on {}: it has {size} octets", arguments.host);
        return Ok(None);
    }
    let mut message = Vec::new();
    match client.retr(number, &mut message) {
        Ok(_) => Ok(Some(message)),
        Err(client::ClientError::Refused(refusal)) => {
            eprintln!("message {number} is left on {}: {refusal}", arguments.host);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The tickets, and the record of the messages that they were created from.
struct Tickets {
    database: Connection,
    today: Day,
    /// The message for the next note.
    message: Option<Vec<u8>>,
    /// Locked, because two pollers would create two tickets for each message.
    _lock: File,
}

/// With EXTRA, a commit survives a power failure as soon as it returns.
const SCHEMA: &str = "
    PRAGMA synchronous = EXTRA;
    CREATE TABLE IF NOT EXISTS tickets
        (number INTEGER PRIMARY KEY, id TEXT NOT NULL, day INTEGER NOT NULL, message BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS ids ON tickets (id);
    CREATE TABLE IF NOT EXISTS notes (place INTEGER PRIMARY KEY, note TEXT NOT NULL);
";

impl Tickets {
    fn open(path: &Path) -> Result<Seen<Self>, Box<dyn Error>> {
        let lock = File::create(path.with_extension("lock"))?;
        lock.try_lock().map_err(|error| format!("another poller has the database ({error})"))?;
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let today = day(seconds).ok_or("the clock of this machine is wrong")?;
        let database = Connection::open(path)?;
        database.execute_batch(SCHEMA)?;
        let memory = notes(&database)?;
        Ok(Seen::new(memory, Self { database, today, message: None, _lock: lock }))
    }

    /// How many days ago the ticket was created.
    fn age(&self, id: Id) -> rusqlite::Result<Day> {
        let query = "SELECT coalesce(max(day), ?) FROM tickets WHERE id = ?";
        let day: Day = self.database.query_row(query, (self.today, id.to_string()), |row| row.get(0))?;
        Ok(self.today.saturating_sub(day))
    }
}

fn notes(database: &Connection) -> Result<Memory, Box<dyn Error>> {
    let mut select = database.prepare("SELECT note FROM notes ORDER BY place")?;
    let notes = select.query_map((), |row| row.get::<_, String>(0))?;
    notes.map(|note| Ok(note?.parse::<Note>()?)).collect()
}

fn add(transaction: &Transaction<'_>, note: &Note) -> rusqlite::Result<usize> {
    transaction.execute("INSERT INTO notes (note) VALUES (?)", (note.to_string(),))
}

impl Storage for Tickets {
    type Error = rusqlite::Error;

    /// Records that a message is stored, together with its ticket. Either both are stored, or neither is.
    fn append(&mut self, notes: &[Note]) -> rusqlite::Result<()> {
        let transaction = self.database.transaction()?;
        for note in notes {
            if let Note::Stored(id, _) = note {
                // Without a message this fails, because the column is NOT NULL.
                let ticket = (id.to_string(), self.today, self.message.take());
                transaction.execute("INSERT INTO tickets (id, day, message) VALUES (?, ?, ?)", ticket)?;
            }
            add(&transaction, note)?;
        }
        transaction.commit()
    }

    fn replace(&mut self, notes: &mut dyn Iterator<Item = Note>) -> rusqlite::Result<()> {
        let transaction = self.database.transaction()?;
        transaction.execute("DELETE FROM notes", ())?;
        for note in notes {
            add(&transaction, &note)?;
        }
        transaction.commit()
    }
}
