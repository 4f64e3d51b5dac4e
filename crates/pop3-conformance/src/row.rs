//! A requirement, and how it is tried.

use core::fmt;

use crate::bench::Bench;
use crate::facts::Facts;
use crate::heard::Heard;
use crate::verdict::Verdict;
use crate::wire::Wire;

/// How strongly the source of a row binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RequirementLevel {
    /// An RFC demands it.
    Must,
    /// An RFC recommends it.
    Should,
    /// An RFC leaves it open.
    May,
    /// No RFC says it, or not clearly; it is what good servers do.
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
    /// Its name: the RFC, the section and a running number (`1939-5.20`), or a name for a practice.
    pub id: &'static str,
    /// How strongly it binds.
    pub level: RequirementLevel,
    /// What is asked, in few words.
    pub requirement: &'static str,
    pub(crate) when: When,
    pub(crate) check: Check,
}

/// When a row is tried. The table has the order of the requirements all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Normal,
    /// After the others, one by one: a login fails, and servers slow down for who fails.
    Late,
    /// After these, beside each other, each on connections of its own: logins fail, none succeeds.
    Swarm,
    /// After all that look at the maildrop: a message is removed.
    Last,
    /// At the very end: judges what was seen in all the others.
    Review,
}

/// How a row is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Check {
    /// Each of these commands, before the login, is refused.
    RefusedBefore(&'static [&'static str]),
    /// Each of these commands, after the login, is refused.
    RefusedAfter(&'static [&'static str]),
    /// On a fresh connection before the login.
    Open(fn(&mut Wire, &Facts) -> Verdict),
    /// On the session that is shared by the rows; it is left as it was found.
    Session(fn(&mut Wire, &Facts) -> Verdict),
    /// With connections as it likes.
    Bench(fn(&mut Bench<'_>) -> Verdict),
    /// By what a client has sent to a server that follows a script.
    Judge(fn(&Heard) -> Verdict),
    /// By what is known already.
    Known(fn(&Facts) -> Verdict),
    /// Not at all, for this reason.
    Outside(&'static str),
}

/// A row that is tried in the normal order.
pub(crate) const fn row(
    id: &'static str,
    level: RequirementLevel,
    requirement: &'static str,
    check: Check,
) -> Row {
    Row { id, level, requirement, when: When::Normal, check }
}

/// A row with a login that fails, tried after the others.
pub(crate) const fn late(
    id: &'static str,
    level: RequirementLevel,
    requirement: &'static str,
    check: Check,
) -> Row {
    Row { id, level, requirement, when: When::Late, check }
}

/// A row with logins that fail and none that succeeds.
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
