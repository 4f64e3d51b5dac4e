//! Pollers of a faulty server, with a storage that fails, compared with a model: no message is lost, and none is
//! stored twice while unique-ids are unique.

use core::cell::Cell;
use core::num::NonZeroU64;
use std::collections::BTreeMap;
use std::rc::Rc;

use pop3_seen::{Absence, Census, Day, Forgetting, Id, Memory, Note, Seen, SeenEntry, Storage};
use proptest::prelude::*;

/// Notes that survive a crash, and fail when the fuse is used up.
#[derive(Clone, Debug, Default)]
struct Disk {
    notes: Vec<Note>,
    fuse: Rc<Cell<Option<u32>>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Burnt;

impl Disk {
    fn step(&self) -> Result<(), Burnt> {
        match self.fuse.get() {
            Some(0) => Err(Burnt),
            left => {
                self.fuse.set(left.map(|left| left - 1));
                Ok(())
            }
        }
    }
}

impl Storage for Disk {
    type Error = Burnt;

    fn append(&mut self, notes: &[Note]) -> Result<(), Burnt> {
        self.step()?;
        self.notes.extend_from_slice(notes);
        Ok(())
    }

    fn replace(&mut self, notes: &mut dyn Iterator<Item = Note>) -> Result<(), Burnt> {
        self.step()?;
        self.notes = notes.collect();
        // It may fail after the new notes are written.
        self.step()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quit {
    Answered,
    AnswerLost,
    Lost,
}

#[derive(Clone, Debug)]
enum Step {
    /// A message arrives, with one of a few unique-ids, or with one of its own.
    Arrives(Option<u8>),
    /// A run: how many messages it fetches at most, whether it deletes, how it ends, and after how many steps of the
    /// disk the machine fails.
    Runs { limit: usize, delete: bool, quit: Quit, fuse: Option<u32> },
    /// A run that sees none of the existing messages.
    SeesNothing,
    /// The clock is set, or is unknown.
    Clock(Option<Day>),
}

#[derive(Clone, Debug)]
struct Mail {
    uid: Vec<u8>,
    number: u64,
}

#[derive(Default)]
struct World {
    maildrop: Vec<Mail>,
    arrived: u64,
    /// How often each message was stored.
    stored: BTreeMap<u64, u32>,
    notes: Vec<Note>,
    today: Option<Day>,
}

impl World {
    fn arrives(&mut self, shared: Option<u8>) {
        self.arrived += 1;
        // Octets that no server should send.
        let uid = match shared {
            Some(letter) => vec![letter, 0, b' ', 0xff],
            None => format!("own {}\r\n", self.arrived).into_bytes(),
        };
        self.maildrop.push(Mail { uid, number: self.arrived });
    }

    /// One run by the rules of the crate's front page. Each message has a different size.
    fn runs(&mut self, limit: usize, delete: bool, quit: Quit, fuse: Option<u32>) -> Result<(), Burnt> {
        let disk = Disk { notes: self.notes.clone(), fuse: Rc::new(Cell::new(fuse)) };
        let mut seen = Seen::new(disk.notes.iter().copied().collect::<Memory>(), disk);
        let result = self.poll(&mut seen, limit, delete, quit);
        self.notes = seen.into_storage().notes;
        result
    }

    fn poll(&mut self, seen: &mut Seen<Disk>, limit: usize, delete: bool, quit: Quit) -> Result<(), Burnt> {
        let census = Census::of_uids(self.maildrop.iter().map(|mail| &mail.uid));
        let listing = self.maildrop.clone();
        seen.compare(&census, self.today)?;
        let mut marked: Vec<(usize, Id)> = Vec::new();
        let mut fetched = 0;
        for (place, mail) in listing.iter().enumerate() {
            let id = census.id(place).unwrap();
            let known = seen.memory().known(id);
            let size = Some(mail.number);
            // A message to be deleted is checked again if the record is not certain about it.
            let sure = known.is_some_and(|entry| entry.may_be_deleted(size));
            if if delete { sure } else { !seen.is_new(&census, place, size) } {
                marked.push((place, id));
                continue;
            }
            if fetched == limit {
                continue;
            }
            fetched += 1;
            let digest = NonZeroU64::new(mail.number);
            if known.is_none_or(|entry| entry.digest != digest) {
                // On the disk, before it is recorded.
                let total = census.count(id.key);
                seen.stored(&[(id, SeenEntry { digest, ..SeenEntry::new(mail.number, total) })])?;
                *self.stored.entry(mail.number).or_default() += 1;
            } else if let Some(entry) = known {
                // It is the one that is known, after a look at it.
                seen.stored(&[(id, SeenEntry { size: mail.number, absence: Absence::Never, ..entry })])?;
            }
            marked.push((place, id));
        }
        if !delete {
            marked.clear();
        }
        seen.deleting(&marked.iter().map(|&(_, id)| id).collect::<Vec<_>>())?;
        if quit != Quit::Lost {
            let gone: Vec<u64> = marked.iter().map(|&(place, _)| listing[place].number).collect();
            // The only rule: what we delete, we have stored.
            assert!(
                gone.iter().all(|number| self.stored.contains_key(number)),
                "{gone:?} of {:?}",
                self.stored
            );
            self.maildrop.retain(|mail| !gone.contains(&mail.number));
        }
        if quit == Quit::Answered {
            seen.deleted()?;
            seen.forget(&census, Forgetting { today: self.today, after: 90 }, |_| None)?;
        }
        Ok(())
    }

    fn sees_nothing(&mut self) {
        let maildrop = core::mem::take(&mut self.maildrop);
        self.runs(9, true, Quit::Answered, None).unwrap();
        self.maildrop = maildrop;
    }
}

fn step(shared: bool) -> impl Strategy<Value = Step> {
    let quit = prop_oneof![2 => Just(Quit::Answered), 1 => Just(Quit::AnswerLost), 1 => Just(Quit::Lost)];
    let one = prop::option::weighted(0.7, b'a'..=b'c');
    let uid = if shared { one.boxed() } else { Just(None).boxed() };
    prop_oneof![
        4 => uid.prop_map(Step::Arrives),
        4 => (0_usize..5, any::<bool>(), quit, prop::option::of(0_u32..8))
            .prop_map(|(limit, delete, quit, fuse)| Step::Runs { limit, delete, quit, fuse }),
        1 => Just(Step::SeesNothing),
        1 => prop::option::of(20_000..20_060_u32).prop_map(Step::Clock),
    ]
}

fn play(steps: Vec<Step>) -> World {
    let mut world = World::default();
    for step in steps {
        match step {
            Step::Arrives(shared) => world.arrives(shared),
            Step::Runs { limit, delete, quit, fuse } => {
                let burnt = world.runs(limit, delete, quit, fuse).is_err();
                assert!(!burnt || fuse.is_some());
            }
            Step::SeesNothing => world.sees_nothing(),
            Step::Clock(today) => world.today = today,
        }
    }
    // Two complete runs: whatever happened, everything is here then.
    for delete in [false, true] {
        world.runs(usize::MAX, delete, Quit::Answered, None).unwrap();
    }
    world
}

proptest! {
    #[test]
    fn each_message_is_stored_once_if_it_has_a_unique_id(steps in prop::collection::vec(step(false), 0..24)) {
        let world = play(steps);
        // The sizes differ, so a message that came back is recognised. Nothing is stored twice.
        let expected: BTreeMap<u64, u32> = (1..=world.arrived).map(|number| (number, 1)).collect();
        prop_assert_eq!(world.stored, expected);
    }

    #[test]
    fn no_message_is_lost_whatever_the_unique_ids_are(steps in prop::collection::vec(step(true), 0..24)) {
        let world = play(steps);
        prop_assert!((1..=world.arrived).all(|number| world.stored.contains_key(&number)), "{:?}", world.stored);
    }

    #[test]
    fn the_notes_say_what_the_memory_has(steps in prop::collection::vec(step(true), 0..24)) {
        let world = play(steps);
        let read: Memory = world.notes.iter().copied().collect();
        let mut seen = Seen::new(read.clone(), Disk::default());
        seen.replace().unwrap();
        prop_assert_eq!(seen.into_storage().notes.into_iter().collect::<Memory>(), read);
    }
}

/// A failure is reported, and the next call repeats the work.
#[test]
fn a_storage_that_failed_once_is_told_all_later() {
    let ids: Vec<Id> = {
        let census = Census::of_uids(["a", "b"]);
        (0..2).map(|place| census.id(place).unwrap()).collect()
    };
    let disk = Disk::default();
    let fuse = Rc::clone(&disk.fuse);
    let mut seen = Seen::new(Memory::default(), disk);
    seen.stored(&[(ids[0], SeenEntry::new(1, 1))]).unwrap();
    seen.deleting(&ids[..1]).unwrap();
    fuse.set(Some(0));
    assert_eq!(seen.deleted(), Err(Burnt));
    assert_eq!(seen.stored(&[(ids[1], SeenEntry::new(2, 1))]), Err(Burnt));
    fuse.set(None);
    seen.stored(&[(ids[1], SeenEntry::new(2, 1))]).unwrap();
    let memory = seen.memory().clone();
    let read: Memory = seen.into_storage().notes.into_iter().collect();
    assert_eq!(read, memory);
    assert_eq!(read.iter().map(|(id, _)| id).collect::<Vec<_>>(), ids[1..]);
}

/// Without a model: each call does what it says, and the notes say so.
#[test]
fn what_was_not_stored_is_new_again_and_what_is_gone_is_forgotten() {
    let census = Census::of_uids(["a", "b"]);
    let ids: Vec<Id> = (0..2).map(|place| census.id(place).unwrap()).collect();
    let mut seen = Seen::new(Memory::default(), Disk::default());
    seen.stored(&[(ids[0], SeenEntry::new(1, 1)), (ids[1], SeenEntry::new(2, 1))]).unwrap();
    assert!(!seen.is_new(&census, 0, Some(1)) && !seen.is_new(&census, 1, Some(2)));
    seen.not_stored(&ids[..1]).unwrap();
    assert!(seen.is_new(&census, 0, Some(1)) && !seen.is_new(&census, 1, Some(2)));
    assert_eq!(seen.storage().notes.len(), 1);
    seen.deleting(&ids[1..]).unwrap();
    seen.not_deleting(&ids[1..]);
    seen.deleted().unwrap();
    assert!(!seen.is_new(&census, 1, Some(2)));
    let nothing = Census::of_uids(<[&str; 0]>::default());
    seen.forget(&nothing, Forgetting { today: Some(20_000), after: 0 }, |_| None).unwrap();
    assert!(seen.memory().is_empty() && seen.storage().notes.is_empty());
}
