//! What fails on a disk.

use rustix::io::Errno;

use crate::chance::Chance;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Opening a directory.
    OpenFolder,
    /// Opening a file that exists.
    Open,
    /// Opening a file in a mode that creates or truncates it.
    Make,
    /// Creating a directory.
    MakeFolder,
    /// Reading the metadata of a file or directory.
    Stat,
    /// Listing a directory.
    List,
    /// Reading octets.
    Read,
    /// Writing octets.
    Write,
    /// Setting the length of a file.
    SetLen,
    /// Syncing a file.
    Sync,
    /// Syncing a directory.
    SyncFolder,
    /// Syncing the file system.
    SyncAll,
    /// Moving a file.
    Rename,
    /// Creating another name of a file.
    Link,
    /// Removing a name.
    Unlink,
    /// Locking a file.
    Lock,
}

impl Call {
    /// All kinds.
    pub const ALL: &[Self] = &[
        Self::OpenFolder,
        Self::Open,
        Self::Make,
        Self::MakeFolder,
        Self::Stat,
        Self::List,
        Self::Read,
        Self::Write,
        Self::SetLen,
        Self::Sync,
        Self::SyncFolder,
        Self::SyncAll,
        Self::Rename,
        Self::Link,
        Self::Unlink,
        Self::Lock,
    ];

    /// Errors that a call of this kind can fail with.
    const fn errors(self) -> &'static [Errno] {
        use Errno as E;
        match self {
            Self::OpenFolder | Self::Open | Self::List => &[E::IO, E::MFILE, E::NFILE, E::STALE, E::NOMEM],
            Self::Make => &[E::IO, E::NOSPC, E::DQUOT, E::MFILE, E::ROFS, E::STALE],
            Self::MakeFolder | Self::Link => &[E::IO, E::NOSPC, E::DQUOT, E::ROFS, E::STALE],
            Self::Rename => &[E::IO, E::NOSPC, E::ROFS, E::STALE],
            Self::Stat => &[E::IO, E::STALE, E::NOMEM],
            Self::Read => &[E::IO, E::INTR, E::STALE],
            Self::Write => &[E::IO, E::NOSPC, E::DQUOT, E::INTR, E::STALE],
            Self::SetLen | Self::Sync | Self::SyncFolder | Self::SyncAll => &[E::IO, E::NOSPC, E::DQUOT],
            Self::Unlink => &[E::IO, E::ROFS, E::STALE],
            Self::Lock => &[E::NOLCK, E::IO],
        }
    }
}

/// How a process ends in the middle of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The process is killed.
    Kill,
    /// The machine loses power.
    Crash,
}

/// What is to fail. The calls of actors never do.
#[derive(Clone, Debug, Default)]
pub struct DiskFaults {
    rules: Vec<Rule>,
    short_reads: usize,
    short_writes: usize,
}

#[derive(Clone, Debug)]
struct Rule {
    /// Empty for all.
    calls: Vec<Call>,
    when: When,
    effect: Effect,
}

/// The numbers of calls count from 1.
#[derive(Clone, Copy, Debug)]
enum When {
    At(u64),
    From(u64),
    PerMille(usize),
    Never,
}

#[derive(Clone, Debug)]
enum Effect {
    /// One of these; if there are none, one of those that the kind of call can have.
    Fail(Vec<Errno>),
    End(End),
}

/// What happens to one call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Strike {
    Fail(Errno),
    End(End),
}

impl DiskFaults {
    /// Nothing fails.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The call with this number, of one of these kinds, fails once. The next one has the number 1. If no kinds are
    /// given, all count. If no errors are given, it is one that the call can have.
    #[must_use]
    pub fn at(self, calls: &[Call], number: u64, errors: &[Errno]) -> Self {
        self.with(calls, When::At(number), Effect::Fail(errors.to_vec()))
    }

    /// All such calls fail from the one with this number on.
    #[must_use]
    pub fn from(self, calls: &[Call], number: u64, errors: &[Errno]) -> Self {
        self.with(calls, When::From(number), Effect::Fail(errors.to_vec()))
    }

    /// So many of 1000 such calls fail.
    #[must_use]
    pub fn at_random(self, calls: &[Call], per_mille: usize, errors: &[Errno]) -> Self {
        self.with(calls, When::PerMille(per_mille), Effect::Fail(errors.to_vec()))
    }

    /// The process or the machine ends at the call with this number, whatever its kind is. A write has written half of
    /// its octets.
    #[must_use]
    pub fn end_at(self, number: u64, end: End) -> Self {
        self.with(&[], When::At(number), Effect::End(end))
    }

    /// So many of 1000 reads and writes are shorter than they could be.
    #[must_use]
    pub fn short(mut self, reads: usize, writes: usize) -> Self {
        (self.short_reads, self.short_writes) = (reads, writes);
        self
    }

    /// One fault or another within so many calls.
    #[must_use]
    pub fn random(chance: &Chance, calls: u64) -> Self {
        let number = 1 + chance.below(usize::try_from(calls).unwrap_or(usize::MAX)) as u64;
        let kind = [*chance.pick(Call::ALL)];
        let faults = match chance.below(8) {
            0 => Self::none(),
            1 => Self::none().at(&[], number, &[]),
            2 => Self::none().at(&kind, 1 + number / 8, &[]),
            3 => Self::none().from(&[], number, &[*chance.pick(&[Errno::IO, Errno::STALE])]),
            4 => Self::none().from(&kind, 1 + number / 8, &[]),
            5 => Self::none().at_random(&[], 30, &[]),
            6 => Self::none().end_at(number, End::Kill),
            _ => Self::none().end_at(number, End::Crash),
        };
        if chance.per_mille(300) { faults.short(300, 300) } else { faults }
    }

    /// Returns whether more than one call can fail.
    #[must_use]
    pub fn can_repeat(&self) -> bool {
        self.rules.len() > 1
            || self.rules.iter().any(|rule| matches!(rule.when, When::From(_) | When::PerMille(_)))
    }

    fn with(mut self, calls: &[Call], when: When, effect: Effect) -> Self {
        self.rules.push(Rule { calls: calls.to_vec(), when, effect });
        self
    }

    /// What happens to the next call.
    pub(super) fn strike(&mut self, call: Call, chance: &Chance) -> Option<Strike> {
        let mut strike = None;
        for rule in &mut self.rules {
            if rule.calls.is_empty() || rule.calls.contains(&call) {
                strike = rule.strike(call, chance).or(strike);
            }
        }
        strike
    }

    /// How many octets of a read or write are taken.
    pub(super) fn shortened(&self, call: Call, octets: usize, chance: &Chance) -> usize {
        let rate = if call == Call::Read { self.short_reads } else { self.short_writes };
        if octets > 1 && rate > 0 && chance.per_mille(rate) { 1 + chance.below(octets - 1) } else { octets }
    }
}

impl Rule {
    fn strike(&mut self, call: Call, chance: &Chance) -> Option<Strike> {
        match &mut self.when {
            When::At(0 | 1) => self.when = When::Never,
            When::At(left) => {
                *left -= 1;
                return None;
            }
            When::From(0 | 1) => {}
            When::From(left) => {
                *left -= 1;
                return None;
            }
            When::PerMille(rate) if chance.per_mille(*rate) => {}
            When::PerMille(_) | When::Never => return None,
        }
        Some(match &self.effect {
            Effect::Fail(errors) if errors.is_empty() => Strike::Fail(*chance.pick(call.errors())),
            Effect::Fail(errors) => Strike::Fail(*chance.pick(errors)),
            Effect::End(end) => Strike::End(*end),
        })
    }
}
