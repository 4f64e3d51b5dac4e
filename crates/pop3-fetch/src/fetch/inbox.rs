//! Storing and remembering in one: a target and its journal.

use core::mem::{replace, take};
use core::time::Duration;
use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use pop3_disk::Disk;
use pop3_driver::Stop;
use pop3_text::reasons;

use super::place::Place;
use super::plan::Task;
use super::publishing::{Noted, Published, publish};
use super::reception::{Incoming, Reception};
use crate::journal::{Census, Day, Id, Intent, Journal, Key, Memory, SeenEntry, Traits};
use crate::sink::{self, Deliver, Gathered, Handed, Noting, Sealed, Sink, Turn};
use crate::{FetchError, Target};

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
    reception: Reception,
    /// What is kept, and appears with the next commit.
    batch: Vec<Batched>,
    /// The octets of it.
    gathered: u64,
    /// How often each content was met in this run, for messages without a unique-id.
    met: HashMap<Key, u32>,
    remember: bool,
    /// Messages of which it is not known whether they have appeared, as something failed.
    unsure: Vec<Id>,
    /// A commit failed or panicked, so that notes and target may say something else than the memory.
    unsettled: bool,
    /// A run has begun and not [ended](Self::end_run). After a panic, it may have left unfinished files.
    running: bool,
    /// New messages that have appeared, and their octets.
    stored: (u64, u64),
}

/// A message that appears with the next commit.
type Batched = (Gathered, (Id, SeenEntry));

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
        let (sink, turn, target): (Box<dyn Sink>, _, _) = match to {
            To::Target(target) => {
                let (sink, turn) = sink::open(disk, target, journal.name(), account, stop)?;
                (sink, turn, Place::target(target))
            }
            To::Caller(deliver) => (Box::new(Handed::to(disk, deliver)), None, Place::caller()),
        };
        let mut inbox = Self::of(disk, journal, sink, turn, target);
        inbox.remember = !all;
        inbox.recover().map_err(|error| {
            FetchError::unusable(format!(
                "could not clean up after an interrupted fetch: {}",
                reasons(&error)
            ))
        })?;
        Ok(inbox)
    }

    /// The two together, as they are.
    pub(super) fn of(
        disk: &Arc<dyn Disk>,
        journal: Journal,
        sink: Box<dyn Sink>,
        turn: Option<Turn>,
        target: Place,
    ) -> Self {
        let (disk, state) = (Arc::clone(disk), Place::state(journal.path()));
        let reception = Reception::new(sink.intake(), target.clone());
        Self {
            disk,
            journal,
            sink,
            _turn: turn,
            target,
            state,
            reception,
            batch: Vec::new(),
            gathered: 0,
            met: HashMap::new(),
            remember: true,
            unsure: Vec::new(),
            unsettled: false,
            running: false,
            stored: (0, 0),
        }
    }

    /// Begins a run. What the one before has left undone is put in order, as by [`open`](Self::open).
    pub(crate) fn begin_run(&mut self) -> io::Result<()> {
        self.stored = (0, 0);
        self.met.clear();
        self.take_batch();
        if self.running || self.unsettled || self.journal.is_torn() {
            self.unsettled = true;
            self.state.named(self.journal.reload())?;
            self.target.named(self.sink.repair())?;
            self.recover()?;
            self.unsettled = false;
        }
        self.running = true;
        Ok(())
    }

    /// Ends a run, also one that failed. Where this is not called, the run was dropped or panicked.
    pub(crate) const fn end_run(&mut self) {
        self.running = false;
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

    /// Whether each message is recorded durably by itself.
    pub(crate) fn records_each(&self) -> bool {
        self.sink.noting() == Noting::Each
    }

    /// What begins messages.
    pub(crate) const fn reception(&self) -> &Reception {
        &self.reception
    }

    /// The message has arrived whole, its terminator included. It appears with the next
    /// [`commit`](Self::commit), or now if it can't be taken back.
    pub(crate) fn keep(&mut self, incoming: Incoming, task: &Task) -> io::Result<Kept> {
        let gathered = incoming.into_gathered();
        let content = gathered.key();
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
            self.state.named(self.journal.verified(id, task.size))?;
            return Ok(Kept::Known(id));
        }
        let entry = SeenEntry { digest, ..SeenEntry::new(task.size.unwrap_or(0), task.total) };
        self.gathered += gathered.octets();
        self.batch.push((gathered, (id, entry)));
        match self.sink.noting() {
            Noting::InGroups => {}
            Noting::Each => self.hand_on(true)?,
            Noting::Behind { octets } if self.gathered >= octets => self.hand_on(false)?,
            Noting::Behind { .. } => {}
        }
        Ok(Kept::New(id))
    }

    /// Hands on what is kept, and notes that.
    fn hand_on(&mut self, durably: bool) -> io::Result<()> {
        let (messages, mut entries): (Vec<_>, Vec<_>) = self.take_batch().into_iter().unzip();
        let octets = messages.iter().map(Gathered::octets).collect::<Vec<_>>();
        let (sealed, result) = self.sink.seal(messages);
        // They can't be taken back, whatever followed them.
        entries.truncate(sealed.len());
        if !entries.is_empty() {
            let unsettled = replace(&mut self.unsettled, true);
            self.state.named(self.journal.handed(&entries, durably))?;
            self.unsettled = unsettled;
            self.stored.0 += entries.len() as u64;
            self.stored.1 += octets.iter().take(entries.len()).sum::<u64>();
        }
        self.target.named(result)
    }

    fn take_batch(&mut self) -> Vec<Batched> {
        self.gathered = 0;
        take(&mut self.batch)
    }

    /// Makes all kept messages appear. When this returns well, they are safe, and may be deleted
    /// from the server; otherwise ask [`is_stored`](Self::is_stored) for each.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        let noting = self.sink.noting();
        if let Noting::Behind { .. } = noting
            && let Err(error) = self.hand_on(false)
        {
            // Those before it count as stored.
            let synced = self.state.named(self.journal.sync());
            self.unsettled |= synced.is_err();
            return synced.and(Err(error));
        }
        let batch = self.take_batch();
        // It stays so in a panic.
        let unsettled = replace(&mut self.unsettled, true);
        let committed = match noting {
            Noting::Each | Noting::Behind { .. } => self.state.named(self.journal.sync()),
            Noting::InGroups if batch.is_empty() => Ok(()),
            Noting::InGroups => self.commit_batch(batch),
        };
        self.unsettled = unsettled || committed.is_err();
        committed
    }

    fn commit_batch(&mut self, batch: Vec<Batched>) -> io::Result<()> {
        let (messages, entries): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let octets = messages.iter().map(Gathered::octets).collect::<Vec<_>>();
        let (sealed, result) = self.sink.seal(messages);
        let sealed_well = self.target.named(result);
        let mut entries = entries.into_iter().zip(octets);
        let noted = sealed.into_iter().map(|Sealed { part, messages }| {
            let mut noted = Noted { intents: Vec::with_capacity(messages), octets: 0, part };
            for ((id, entry), octets) in entries.by_ref().take(messages) {
                noted.intents.push(Intent { id, entry, token: noted.part.token().to_owned() });
                noted.octets += octets;
            }
            noted
        });
        let noted = noted.collect::<Vec<_>>();
        if noted.is_empty() {
            return sealed_well;
        }
        let intents = noted.iter().flat_map(|noted| noted.intents.iter().cloned()).collect::<Vec<_>>();
        if let Err(error) = self.journal.intend(&intents) {
            if self.journal.is_torn() {
                // The next run may find the notes. It treats a message whose file is gone as published.
                noted.into_iter().for_each(|noted| noted.part.leave());
            }
            return self.state.named(Err(error));
        }
        self.publish(noted).and(sealed_well)
    }

    fn publish(&mut self, noted: Vec<Noted>) -> io::Result<()> {
        let Published { appeared, failed, result, settled } = publish(&mut *self.sink, noted);
        let (result, settled) = (self.target.named(result), self.target.named(settled));
        if settled.is_err() {
            // The state of this batch is unknown. The next run determines it.
            self.unsure.extend(appeared.into_iter().chain(failed).flat_map(|step| step.ids));
            return result.and(settled);
        }
        for step in &appeared {
            self.stored.0 += step.ids.len() as u64;
            self.stored.1 += step.octets;
        }
        let missing: Vec<Id> = failed.iter().flat_map(|step| step.ids.iter().copied()).collect();
        let noted = self.state.named(self.journal.published(&missing));
        if noted.is_ok() {
            for step in failed {
                // What can't be removed now is removed by the next run.
                let _ = self.sink.discard(&step.token);
            }
        }
        result.and(noted)
    }

    /// Whether the message is stored, by this run or an earlier one, and not only kept.
    pub(crate) fn is_stored(&self, id: Id) -> bool {
        let kept = || self.batch.iter().any(|(_, (kept, _))| *kept == id);
        self.journal.memory().known(id).is_some() && !self.unsure.contains(&id) && !kept()
    }

    /// How many new messages this run has stored, and how many octets; those that are only kept do not
    /// count.
    pub(crate) const fn stored(&self) -> (u64, u64) {
        self.stored
    }

    /// Notes for which messages DELE was sent, or is about to be. Call it before QUIT is sent.
    pub(crate) fn deleting(&mut self, ids: &[Id]) -> io::Result<()> {
        self.state.named(self.journal.deleting(ids))
    }

    /// DELE was refused for these messages.
    pub(crate) fn not_deleting(&mut self, ids: &[Id]) {
        self.journal.not_deleting(ids);
    }

    /// Whether each of these messages is alone with its unique-id, so that the next listing tells of each whether it
    /// was deleted.
    pub(crate) fn are_alone(&self, ids: &[Id]) -> bool {
        ids.iter().all(|&id| self.memory().known(id).is_some_and(|entry| entry.total == 1))
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
