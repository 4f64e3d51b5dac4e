//! The octets of a file: what programs see, and what is on the disk.

use crate::chance::Chance;

/// Octets that are written to the disk together.
const PAGE: usize = 4096;

/// The most changes that wait to be written. The system writes the oldest by itself.
const MOST_WAITING: usize = 512;

/// The content of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// What programs read: the page cache.
    cached: Vec<u8>,
    /// What is on the disk.
    stable: Vec<u8>,
    /// What waits to be written, in the order in which programs did it.
    waiting: Vec<(i64, Change)>,
}

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, octets: Box<[u8]> },
    Length(usize),
}

impl Change {
    fn apply(&self, to: &mut Vec<u8>) {
        match self {
            Self::Write { at, octets } => put(to, *at, octets),
            Self::Length(octets) => to.resize(*octets, 0),
        }
    }
}

impl Content {
    pub(super) fn octets(&self) -> &[u8] {
        &self.cached
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Writes at a place, which may be behind the end.
    pub(super) fn write(&mut self, at: usize, octets: &[u8], time: i64) {
        self.change(Change::Write { at, octets: octets.into() }, time);
    }

    pub(super) fn set_len(&mut self, octets: usize, time: i64) {
        self.change(Change::Length(octets), time);
    }

    fn change(&mut self, change: Change, time: i64) {
        change.apply(&mut self.cached);
        self.waiting.push((time, change));
        if self.waiting.len() > MOST_WAITING {
            self.waiting.drain(..MOST_WAITING / 2).for_each(|(_, change)| change.apply(&mut self.stable));
        }
    }

    /// Brings everything to the disk.
    pub(super) fn sync(&mut self) {
        self.waiting.drain(..).for_each(|(_, change)| change.apply(&mut self.stable));
    }

    /// What a sync that fails may do: some is written, the rest is forgotten, although programs still read it.
    pub(super) fn fail_to_sync(&mut self, chance: &Chance, is_ordered: bool) {
        self.stable = self.after_crash(chance, is_ordered).0;
        self.waiting.clear();
    }

    /// What may be on the disk after a crash, with the time of the last change that counts.
    ///
    /// The length follows the order of the changes. Pages are written in any order. If the file system is ordered, no
    /// page is missing in the length.
    pub(super) fn after_crash(&self, chance: &Chance, is_ordered: bool) -> (Vec<u8>, Option<i64>) {
        let kept = match chance.below(4) {
            0 => 0,
            1 => self.waiting.len(),
            _ => chance.below(self.waiting.len() + 1),
        };
        let (kept, lost) = self.waiting.split_at(kept);
        let lossy = !is_ordered && chance.per_mille(500);
        let mut octets = self.stable.clone();
        for (_, change) in kept {
            match change {
                Change::Write { at, octets: written } if lossy => {
                    let end = at + written.len();
                    octets.resize(octets.len().max(end), 0);
                    put_some(&mut octets, *at, written, chance, 700);
                }
                change @ (Change::Write { .. } | Change::Length(_)) => change.apply(&mut octets),
            }
        }
        if let Some((_, Change::Write { at, octets: written })) = lost.first()
            && chance.per_mille(500)
        {
            let part = chance.below(written.len() + 1);
            let end = if is_ordered { (at + part) / PAGE * PAGE } else { at + part };
            if let Some(part) = end.checked_sub(*at).filter(|&part| part > 0) {
                put(&mut octets, *at, &written[..part]);
            }
        }
        if !is_ordered {
            for (_, change) in lost {
                // Pages may be written before the length of the file is.
                match change {
                    Change::Write { at, octets: written } if at + written.len() <= octets.len() => {
                        put_some(&mut octets, *at, written, chance, 200);
                    }
                    Change::Write { .. } => {}
                    Change::Length(_) => break,
                }
            }
        }
        (octets, kept.last().map(|(time, _)| *time))
    }

    /// Sets what was found after a crash.
    pub(super) fn restore(&mut self, octets: Vec<u8>) {
        self.waiting.clear();
        self.stable.clone_from(&octets);
        self.cached = octets;
    }
}

/// Writes octets at a place, with zeros between it and the end.
fn put(to: &mut Vec<u8>, at: usize, octets: &[u8]) {
    let end = at + octets.len();
    to.resize(to.len().max(end), 0);
    to[at..end].copy_from_slice(octets);
}

/// Writes only some of the pages.
fn put_some(to: &mut [u8], at: usize, octets: &[u8], chance: &Chance, per_mille: usize) {
    let mut start = 0;
    while start < octets.len() {
        let end = octets.len().min(((at + start) / PAGE + 1) * PAGE - at);
        if chance.per_mille(per_mille) {
            to[at + start..at + end].copy_from_slice(&octets[start..end]);
        }
        start = end;
    }
}
