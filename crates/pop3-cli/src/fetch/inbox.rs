//! Storing and remembering in one: a target and its journal.

use core::time::Duration;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::plan::Task;
use crate::args::Target;
use crate::exit::Failure;
use crate::journal::{Census, Content, Day, Entry, Id, Intent, Journal, Key, Memory, Traits};
use crate::sink::{self, Receiving, Sink};

/// How many messages are sealed before they are published together: bringing names and notes to the
/// disk costs as much for all as for one.
const BATCH: usize = 32;

/// How many octets are sealed before they are published.
const BATCH_OCTETS: u64 = 8 << 20;

/// A target together with the memory of what is in it.
pub(crate) struct Inbox {
    journal: Journal,
    sink: Box<dyn Sink>,
    batch: Vec<(Box<dyn Receiving>, Intent)>,
    batch_octets: u64,
    /// How often each content was met in this run, for messages without a unique-id.
    met: HashMap<Key, u32>,
    remember: bool,
}

/// A message that is being received: write it, then [`Inbox::keep`] it. Dropped before that, it
/// leaves nothing.
pub(crate) struct Incoming {
    receiving: Box<dyn Receiving>,
    content: Content,
    octets: u64,
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It will be stored with the next [commit](Inbox::commit).
    New(Id),
    /// An earlier run has stored this content: under the same unique-id, or of a message without one.
    Known(Id),
}

impl Inbox {
    /// Opens target and state file, and puts in order what an interrupted run has left. With `all`,
    /// messages that are remembered are stored again.
    ///
    /// # Errors
    /// When one of the two can't be used.
    pub(crate) fn open(
        target: &Target,
        state: &Path,
        account: &str,
        target_name: &str,
        all: bool,
    ) -> Result<Self, Failure> {
        let mut journal = Journal::open(state, account, target_name)?;
        let mut sink = sink::open(target, journal.name())?;
        recover(&mut journal, sink.as_mut()).map_err(|error| {
            Failure::usage(format!(
                "what an interrupted fetch left in {target} and {} can't be put in order: {error}",
                state.display()
            ))
        })?;
        Ok(Self { journal, sink, batch: Vec::new(), batch_octets: 0, met: HashMap::new(), remember: !all })
    }

    /// Compares the memory with a new listing. Call it before the [plan](super::plan) is made.
    pub(crate) fn reconcile(&mut self, census: &Census<'_>) -> io::Result<()> {
        self.journal.reconcile(census)
    }

    /// What is remembered.
    pub(crate) const fn memory(&self) -> &Memory {
        self.journal.memory()
    }

    /// What is known of the account, beside its messages.
    pub(crate) const fn traits(&self) -> Traits {
        self.journal.traits()
    }

    /// Notes what is known of the account. It is on the disk when this returns.
    pub(crate) fn set_traits(&mut self, traits: Traits) -> io::Result<()> {
        self.journal.set_traits(traits)
    }

    /// Begins to receive a message.
    pub(crate) fn begin(&mut self) -> io::Result<Incoming> {
        Ok(Incoming { receiving: self.sink.begin()?, content: Key::of_content(), octets: 0 })
    }

    /// The message has arrived whole, its terminator included. It appears with the next
    /// [`commit`](Self::commit), which may be now.
    pub(crate) fn keep(&mut self, mut incoming: Incoming, task: &Task) -> io::Result<Kept> {
        let content = incoming.content.key();
        let id = task.id.unwrap_or_else(|| {
            let met = self.met.entry(content).or_default();
            *met += 1;
            Id { key: content, occurrence: *met - 1 }
        });
        let digest = Some(content.digest());
        if self.remember
            && let Some(known) = self.journal.memory().known(id)
            && (task.id.is_none() || known.digest == digest)
        {
            return Ok(Kept::Known(id));
        }
        incoming.receiving.seal()?;
        let entry = Entry { digest, ..Entry::new(task.size.unwrap_or(0), task.total) };
        let intent = Intent { id, entry, token: incoming.receiving.token() };
        self.batch.push((incoming.receiving, intent));
        self.batch_octets += incoming.octets;
        if self.batch.len() >= BATCH || self.batch_octets >= BATCH_OCTETS {
            self.commit()?;
        }
        Ok(Kept::New(id))
    }

    /// Makes all kept messages appear. When this returns well, they are safe, and may be deleted
    /// from the server; otherwise ask [`is_stored`](Self::is_stored) for each.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        self.batch_octets = 0;
        let batch = core::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        self.sink.sync_sealed()?;
        let intents = batch.iter().map(|(_, intent)| intent.clone()).collect::<Vec<_>>();
        self.journal.intend(&intents)?;
        let mut failed = Vec::new();
        let mut result = Ok(());
        for (receiving, intent) in batch {
            if let Err(error) = receiving.publish() {
                failed.push(intent.id);
                result = result.and(Err(error));
            }
        }
        let synced = self.sink.sync_published();
        if synced.is_err() {
            // Nothing can be said of the batch: what is there is found out by the next run.
            return result.and(synced);
        }
        result.and(self.journal.published(&failed))
    }

    /// Whether the message is stored, by this run or an earlier one, and not only kept.
    pub(crate) fn is_stored(&self, id: Id) -> bool {
        self.journal.memory().known(id).is_some() && !self.batch.iter().any(|(_, intent)| intent.id == id)
    }

    /// Notes for which messages DELE was answered with `+OK`. Call it before QUIT is sent.
    pub(crate) fn deleting(&mut self, ids: &[Id]) -> io::Result<()> {
        self.journal.deleting(ids)
    }

    /// QUIT was answered with `+OK`.
    pub(crate) fn deleted(&mut self) -> io::Result<()> {
        self.journal.deleted()
    }

    /// Takes note of what the server no longer has, and forgets what it has not had for so many days.
    /// Call it at the end of a run. `whole` tells that each message was recognised: nothing failed and
    /// nothing was left out.
    pub(crate) fn prune(&mut self, census: &Census<'_>, whole: bool, after: Day) -> io::Result<()> {
        let met = &self.met;
        self.journal.prune(census, after, |id| {
            let is_met = met.get(&id.key).is_some_and(|&met| id.occurrence < met);
            (is_met || whole).then_some(is_met)
        })
    }
}

impl Write for Incoming {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.receiving.write(octets)?;
        if let Some(octets) = octets.get(..written) {
            self.content.update(octets);
        }
        self.octets += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.receiving.flush()
    }
}

/// Finds out what became of the messages that were about to appear when the last run ended.
fn recover(journal: &mut Journal, sink: &mut dyn Sink) -> io::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut gone = Vec::new();
    for unsure in journal.unsure() {
        if !sink.appeared(&unsure.token, now.saturating_sub(Duration::from_secs(unsure.time)))? {
            gone.push(unsure);
        }
    }
    // What appeared must be on the disk before it counts as stored.
    sink.sync_published()?;
    journal.settle(&gone)?;
    sink.clean()
}
