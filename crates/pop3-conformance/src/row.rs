//! A requirement, and how it is tested.

use core::fmt;

use crate::bench::Bench;
use crate::facts::Facts;
use crate::heard::Heard;
use crate::verdict::Verdict;
use crate::wire::Wire;

/// How binding a requirement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RequirementLevel {
    /// An RFC requires it.
    Must,
    /// An RFC recommends it.
    Should,
    /// An RFC permits it.
    May,
    /// No RFC states it clearly, but good servers and clients do it.
    Practice,
}

impl fmt::Display for RequirementLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Practice => "practice",
        })
    }
}

/// A requirement of the protocol.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Row {
    /// The id: the RFC, the section and a running number (`1939-5.20`), or a name for a practice.
    pub id: &'static str,
    /// How binding the requirement is.
    pub level: RequirementLevel,
    /// The requirement, in a few words.
    pub requirement: &'static str,
    pub(crate) when: When,
    pub(crate) check: Check,
}

/// When a row is tested. This does not change its place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Normal,
    /// After the others, one at a time: a login fails, and servers delay clients after failures.
    Late,
    /// After these, in parallel, each on its own connections: logins fail, and none succeeds.
    Swarm,
    /// After all rows that read the maildrop: a message is removed.
    Last,
    /// At the very end: judges what was seen in all the others.
    Review,
}

/// How a row is tested.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// Each of these commands is refused before the login.
    RefusedBefore(&'static [&'static str]),
    /// Each of these commands is refused after the login.
    RefusedAfter(&'static [&'static str]),
    /// On a new connection before the login.
    Open(fn(&mut Wire, &Facts) -> Verdict),
    /// On the session that the rows share. The row must leave it unchanged.
    Session(fn(&mut Wire, &Facts) -> Verdict),
    /// With any connections.
    Bench(fn(&mut Bench<'_>) -> Verdict),
    /// By what a client sent to a scripted server.
    Judge(fn(&Heard) -> Verdict),
    /// By what is already known.
    Known(fn(&Facts) -> Verdict),
    /// Not at all, for this reason.
    Outside(&'static str),
}

/// A row that is tested in the normal order.
pub(crate) const fn row(
    id: &'static str,
    level: RequirementLevel,
    requirement: &'static str,
    check: Check,
) -> Row {
    Row { id, level, requirement, when: When::Normal, check }
}

/// A row with a failed login, tested after the others.
pub(crate) const fn late(
    id: &'static str,
    level: RequirementLevel,
    requirement: &'static str,
    check: Check,
) -> Row {
    Row { id, level, requirement, when: When::Late, check }
}

/// A row with failed logins and no successful one.
pub(crate) const fn swarm(
    id: &'static str,
    level: RequirementLevel,
    requirement: &'static str,
    check: Check,
) -> Row {
    Row { id, level, requirement, when: When::Swarm, check }
}

/// A row that removes a message.
pub(crate) const fn last(
    id: &'static str,
    level: RequirementLevel,
    requirement: &'static str,
    check: Check,
) -> Row {
    Row { id, level, requirement, when: When::Last, check }
}

/// A row that judges what was seen in the others.
pub(crate) const fn review(
    id: &'static str,
    level: RequirementLevel,
    requirement: &'static str,
    check: Check,
) -> Row {
    Row { id, level, requirement, when: When::Review, check }
}
