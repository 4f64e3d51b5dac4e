//! Polls a maildrop, and hands each new message to a command of the ticket system, which reads it from its standard
//! input.
//!
//! A message counts as handed over when the command has ended well, and is deleted from the server some days later.
//! The command finds an id of the message in `POP3_ID`: should this program be killed between the end of the command
//! and its own note of it, the same message comes once more, with the same id.

use core::error::Error;
use core::time::Duration;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::SystemTime;

use clap::Parser;
use pop3_seen::{Census, Day, Forgetting, Id, Memory, Note, Seen, SeenEntry, Storage, day};
use pop3_std::Client;
use pop3_std::client::{self, Retry};
use pop3_std::proto::MessageNumber;

#[derive(Parser)]
struct Arguments {
    host: String,
    #[arg(long, default_value_t = 995)]
    port: u16,
    /// Authorities to believe beside the system's (PEM).
    #[arg(long)]
    roots: Option<PathBuf>,
    #[arg(long)]
    user: String,
    #[arg(long, env = "POP3_PASSWORD", hide_env_values = true)]
    password: String,
    /// The file that remembers what was handed over.
    #[arg(long)]
    book: PathBuf,
    /// Delete messages so many days after they were handed over.
    #[arg(long, default_value_t = 7)]
    keep: Day,
    /// Poll every so many seconds; without it once.
    #[arg(long)]
    every: Option<u64>,
    /// The command of the ticket system, with its arguments.
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    loop {
        let result = Book::open(&arguments.book).and_then(|mut seen| poll(&arguments, &mut seen));
        let retry = match &result {
            Ok(()) => Retry::Later,
            Err(error) => {
                eprintln!("ticket_poller: {}", pop3_text::reasons(&**error));
                error.downcast_ref::<client::ClientError>().map_or(Retry::Later, client::ClientError::advice)
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

fn poll(arguments: &Arguments, seen: &mut Seen<Book>) -> Result<(), Box<dyn Error>> {
    let today = seen.storage().today;
    let mut client = log_in(arguments)?;
    let listing = client.uidl()?;
    let sizes: HashMap<_, _> = client.list()?.into_iter().collect();
    let census = Census::of_uids(listing.iter().map(|(_, uid)| uid));
    seen.compare(&census, Some(today))?;
    let (mut deleting, mut failed) = (Vec::new(), 0);
    for (place, &(number, _)) in listing.iter().enumerate() {
        let (Some(id), size) = (census.id(place), sizes.get(&number).copied()) else { continue };
        if seen.is_new(&census, place, size) {
            match hand_over(arguments, &mut client, number, id) {
                Ok(()) => {
                    seen.stored(&[(id, SeenEntry::new(size.unwrap_or_default(), census.count(id.key)))])?;
                }
                Err(error) if error.is_final() => return Err(error.into()),
                Err(error) => {
                    eprintln!("message {number} is left for later: {}", pop3_text::reasons(&error));
                    failed += 1;
                }
            }
        } else if seen.memory().known(id).is_some_and(|entry| entry.may_be_deleted(size))
            && seen.storage().days(id) >= arguments.keep
        {
            client.dele(number)?;
            deleting.push(id);
        }
    }
    if failed > 0 {
        // Some servers delete at QUIT what they have sent: without QUIT nothing is deleted.
        return Err(format!("{failed} messages were not handed over").into());
    }
    seen.deleting(&deleting)?;
    client.quit()?;
    seen.deleted()?;
    seen.forget(&census, Forgetting { today: Some(today), after: 90 }, |_| None)?;
    Ok(())
}

fn log_in(arguments: &Arguments) -> Result<Client, client::ClientError> {
    let mut builder = Client::builder(&arguments.host).port(arguments.port);
    if let Some(roots) = &arguments.roots {
        builder = builder.ca_file(roots);
    }
    builder.login(&arguments.user, arguments.password.as_str()).connect()
}

/// The command sees nothing of a message that is not complete.
fn hand_over(
    arguments: &Arguments,
    client: &mut Client,
    number: MessageNumber,
    id: Id,
) -> Result<(), client::ClientError> {
    let path = arguments.book.with_extension("message");
    let open = File::options().read(true).write(true).create(true).truncate(true).open(path);
    let mut content = open.map_err(client::ClientError::Store)?;
    client.retr(number, &mut content)?;
    let run = || -> io::Result<()> {
        content.rewind()?;
        let [program, rest @ ..] = &arguments.command[..] else { return Err(io::ErrorKind::NotFound.into()) };
        let status =
            Command::new(program).args(rest).env("POP3_ID", id.to_string()).stdin(content).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("{program}: {status}"))) }
    };
    run().map_err(client::ClientError::Store)
}

/// The notes in a file: in each line one, behind the day on which its message was handed over.
struct Book {
    path: PathBuf,
    file: File,
    today: Day,
    days: HashMap<Id, Day>,
    /// Locked: two pollers would hand messages over twice.
    _lock: File,
}

impl Book {
    fn open(path: &Path) -> Result<Seen<Self>, Box<dyn Error>> {
        let lock = File::create(path.with_extension("lock"))?;
        lock.try_lock()?;
        let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let today = day(seconds).ok_or("the clock of this machine is wrong")?;
        let file = File::options().read(true).append(true).create(true).open(path)?;
        sync_folder(path)?;
        let text = io::read_to_string(&file)?;
        // What is behind the last line end was being written when the program was killed.
        let whole = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
        file.set_len(whole.len() as u64)?;
        let (mut days, mut notes) = (HashMap::new(), Vec::new());
        for line in whole.lines() {
            let (day, note) = line.split_once(' ').ok_or("the book has a line without a day")?;
            let note = note.parse()?;
            days.insert(id_of(&note), day.parse()?);
            notes.push(note);
        }
        let book = Self { path: path.to_owned(), file, today, days, _lock: lock };
        Ok(Seen::new(notes.into_iter().collect::<Memory>(), book))
    }

    /// How many days ago the message was handed over.
    fn days(&self, id: Id) -> Day {
        self.days.get(&id).map_or(0, |&day| self.today.saturating_sub(day))
    }

    fn line(&self, note: &Note) -> String {
        format!("{} {note}\n", self.days.get(&id_of(note)).unwrap_or(&self.today))
    }
}

const fn id_of(note: &Note) -> Id {
    match *note {
        Note::Stored(id, _) | Note::Deleting(id) => id,
    }
}

/// Has the name of a file survive a loss of power.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

impl Storage for Book {
    type Error = io::Error;

    fn append(&mut self, notes: &[Note]) -> io::Result<()> {
        let stored = notes.iter().filter(|note| matches!(note, Note::Stored(..)));
        self.days.extend(stored.map(|note| (id_of(note), self.today)));
        let text: String = notes.iter().map(|note| self.line(note)).collect();
        let length = self.file.metadata()?.len();
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        written.inspect_err(|_| drop(self.file.set_len(length)))
    }

    fn replace(&mut self, notes: &mut dyn Iterator<Item = Note>) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let text: String = notes.map(|note| self.line(&note)).collect();
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &self.path)?;
        sync_folder(&self.path)?;
        self.file = File::options().append(true).open(&self.path)?;
        Ok(())
    }
}
