//! Storing and remembering in one: a target and its journal.

use core::time::Duration;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::Disk;
use pop3_driver::Stop;
use pop3_text::reasons;

use super::place::Place;
use super::plan::Task;
use crate::journal::{Census, Content, Day, Id, Intent, Journal, Key, Memory, SeenEntry, Traits};
use crate::sink::{self, Deliver, Handed, Receiving, Sink, Turn};
use crate::{FetchError, Target};

/// How many messages are sealed before they are published together: bringing names and notes to the
/// disk costs as much for all as for one.
const BATCH: usize = 32;

/// How many octets are sealed before they are published.
const BATCH_OCTETS: u64 = 8 << 20;

/// What stands in the state file for a target where the caller takes the messages.
const BY_CALLER: &str = "the caller";

/// Where messages go.
pub(crate) enum To<'a> {
    Target(&'a Target),
    Caller(Deliver),
}

/// A target together with the memory of what is in it.
pub(crate) struct Inbox {
    disk: Arc<dyn Disk>,
    journal: Journal,
    sink: Box<dyn Sink>,
    /// Nobody else fetches the account into the target meanwhile.
    _turn: Option<Turn>,
    target: Place,
    state: Place,
    batch: Vec<(Box<dyn Receiving>, Intent, u64)>,
    batch_octets: u64,
    /// How often each content was met in this run, for messages without a unique-id.
    met: HashMap<Key, u32>,
    remember: bool,
    /// Messages of which it is not known whether they have appeared, as something failed.
    unsure: Vec<Id>,
    /// A commit failed, so that notes and target may say something else than the memory.
    unsettled: bool,
    /// New messages that have appeared, and their octets.
    stored: (u64, u64),
}

/// A message that is being received: write it, then [`Inbox::keep`] it. Dropped before that, it
/// leaves nothing.
pub(crate) struct Incoming {
    receiving: Box<dyn Receiving>,
    content: Content,
    octets: u64,
    target: Place,
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
        disk: &Arc<dyn Disk>,
        to: To<'_>,
        state: &Path,
        account: &str,
        all: bool,
        stop: &Stop,
    ) -> Result<Self, FetchError> {
        let name = match &to {
            To::Target(target) => target.identity(&**disk),
            To::Caller(_) => BY_CALLER.to_owned(),
        };
        let journal = Journal::open(disk, state, account, &name, stop)?;
        let state = Place::state(journal.path());
        let (sink, turn, target): (Box<dyn Sink>, _, _) = match to {
            To::Target(target) => {
                let (sink, turn) = sink::open(disk, target, journal.name(), account, stop)?;
                (sink, turn, Place::target(target))
            }
            To::Caller(deliver) => (Box::new(Handed::new(disk, deliver)), None, Place::caller()),
        };
        let disk = Arc::clone(disk);
        let mut inbox = Self {
            disk,
            journal,
            sink,
            _turn: turn,
            target,
            state,
            batch: Vec::new(),
            batch_octets: 0,
            met: HashMap::new(),
            remember: !all,
            unsure: Vec::new(),
            unsettled: false,
            stored: (0, 0),
        };
        inbox.recover().map_err(|error| {
            FetchError::unusable(format!(
                "could not clean up after an interrupted fetch: {}",
                reasons(&error)
            ))
        })?;
        Ok(inbox)
    }

    /// Begins a run. What the one before has left undone is put in order, as by [`open`](Self::open).
    pub(crate) fn begin_run(&mut self) -> io::Result<()> {
        self.stored = (0, 0);
        self.met.clear();
        self.batch.clear();
        self.batch_octets = 0;
        if self.unsettled || self.journal.is_torn() {
            self.unsettled = true;
            self.state.named(self.journal.reload())?;
            self.target.named(self.sink.repair())?;
            self.recover()?;
            self.unsettled = false;
        }
        Ok(())
    }

    /// Finds out what became of the messages that were about to appear when the last run ended.
    fn recover(&mut self) -> io::Result<()> {
        let now = self.disk.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut gone = Vec::new();
        for unsure in self.journal.unsure() {
            let age = now.saturating_sub(Duration::from_secs(unsure.time));
            if !self.target.named(self.sink.appeared(&unsure.token, age))? {
                gone.push(unsure);
            }
        }
        // Published messages must be on the disk before they count as stored.
        self.target.named(self.sink.sync_published())?;
        self.state.named(self.journal.settle(&gone))?;
        self.unsure.clear();
        self.target.named(self.sink.clean())
    }

    /// Compares the memory with a new listing. Call it before the [plan](super::plan) is made.
    pub(crate) fn reconcile(&mut self, census: &Census<'_>) -> io::Result<()> {
        self.state.named(self.journal.reconcile(census))
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
        self.state.named(self.journal.set_traits(traits))
    }

    /// Begins to receive a message.
    pub(crate) fn begin(&mut self) -> io::Result<Incoming> {
        let receiving = self.target.named(self.sink.begin())?;
        Ok(Incoming { receiving, content: Key::of_content(), octets: 0, target: self.target.clone() })
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
        self.target.named(incoming.receiving.seal())?;
        let entry = SeenEntry { digest, ..SeenEntry::new(task.size.unwrap_or(0), task.total) };
        let intent = Intent { id, entry, token: incoming.receiving.token() };
        self.batch.push((incoming.receiving, intent, incoming.octets));
        self.batch_octets += incoming.octets;
        let is_full = self.batch.len() >= BATCH || self.batch_octets >= BATCH_OCTETS;
        if is_full || self.sink.seals_for_good() {
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
        let committed = self.commit_batch(batch);
        self.unsettled |= committed.is_err();
        committed
    }

    fn commit_batch(&mut self, batch: Vec<(Box<dyn Receiving>, Intent, u64)>) -> io::Result<()> {
        self.target.named(self.sink.sync_sealed())?;
        let intents = batch.iter().map(|(_, intent, _)| intent.clone()).collect::<Vec<_>>();
        if let Err(error) = self.journal.intend(&intents) {
            if self.journal.is_torn() {
                // The next run may find the notes. It treats a message whose file is gone as published.
                batch.into_iter().for_each(|(receiving, ..)| receiving.leave());
            }
            return self.state.named(Err(error));
        }
        self.publish(batch)
    }

    fn publish(&mut self, batch: Vec<(Box<dyn Receiving>, Intent, u64)>) -> io::Result<()> {
        let (mut appeared, mut failed) = (Vec::new(), Vec::new());
        let mut result = Ok(());
        for (receiving, intent, octets) in batch {
            match self.target.named(receiving.publish()) {
                Ok(()) => appeared.push((intent.id, octets)),
                Err(error) => {
                    failed.push(intent);
                    result = result.and(Err(error));
                }
            }
        }
        let synced = self.target.named(self.sink.sync_published());
        if synced.is_err() {
            // The state of this batch is unknown. The next run determines it.
            self.unsure
                .extend(appeared.iter().map(|(id, _)| id).chain(failed.iter().map(|intent| &intent.id)));
            return result.and(synced);
        }
        self.stored.0 += appeared.len() as u64;
        self.stored.1 += appeared.iter().map(|(_, octets)| octets).sum::<u64>();
        let ids = failed.iter().map(|intent| intent.id).collect::<Vec<_>>();
        let noted = self.state.named(self.journal.published(&ids));
        if noted.is_ok() {
            for intent in failed {
                // What can't be removed now is removed by the next run.
                let _ = self.sink.discard(&intent.token);
            }
        }
        result.and(noted)
    }

    /// Whether the message is stored, by this run or an earlier one, and not only kept.
    pub(crate) fn is_stored(&self, id: Id) -> bool {
        let kept = || self.batch.iter().any(|(_, intent, _)| intent.id == id);
        self.journal.memory().known(id).is_some() && !self.unsure.contains(&id) && !kept()
    }

    /// How many new messages this run has stored, and how many octets; those that are only kept do not
    /// count.
    pub(crate) const fn stored(&self) -> (u64, u64) {
        self.stored
    }

    /// Notes for which messages DELE was answered with `+OK`. Call it before QUIT is sent.
    pub(crate) fn deleting(&mut self, ids: &[Id]) -> io::Result<()> {
        self.state.named(self.journal.deleting(ids))
    }

    /// QUIT was answered with `+OK`.
    pub(crate) fn deleted(&mut self) -> io::Result<()> {
        self.state.named(self.journal.deleted())
    }

    /// Takes note of what the server no longer has, and forgets what it has not had for so many days.
    /// Call it at the end of a run. `whole` tells that each message was recognised: nothing failed and
    /// nothing was left out.
    pub(crate) fn prune(&mut self, census: &Census<'_>, whole: bool, after: Day) -> io::Result<()> {
        let met = &self.met;
        let pruned = self.journal.prune(census, after, |id| {
            let is_met = met.get(&id.key).is_some_and(|&met| id.occurrence < met);
            (is_met || whole).then_some(is_met)
        });
        self.state.named(pruned)
    }
}

impl Write for Incoming {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let written = self.target.named(self.receiving.write(octets))?;
        if let Some(octets) = octets.get(..written) {
            self.content.update(octets);
        }
        self.octets += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.named(self.receiving.flush())
    }
}

#[cfg(test)]
mod tests {
    use pop3_disk::{Faults, System};

    use super::*;

    /// Nobody is to look for the full disk under the target.
    #[test]
    fn what_can_not_be_noted_names_the_state_file() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let target = Target::Dir(folder.path().join("mail"));
        let faults = Faults::over(System::shared());
        let mut inbox =
            Inbox::open(&faults.shared(), To::Target(&target), &state, "u@h", false, &Stop::new()).unwrap();
        faults.end_at(1);
        let traits = Traits { estimates_sizes: true, ..inbox.traits() };
        let notes =
            [inbox.set_traits(traits), inbox.deleting(&[Id { key: Key::of_uid(b"a"), occurrence: 0 }])];
        for note in notes {
            let text = reasons(&note.unwrap_err());
            assert!(
                text.starts_with(&format!("writing the state file {} failed", state.display())),
                "{text}"
            );
        }
    }
}
