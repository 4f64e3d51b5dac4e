//! Making messages appear in the target, and finding out which of them have.

use core::time::Duration;
use std::io;

use crate::journal::{Id, Intent};
use crate::sink::{Part, Sink};

/// Messages that are on the disk out of sight, with their notes.
pub(super) struct Noted {
    pub(super) part: Box<dyn Part>,
    pub(super) intents: Vec<Intent>,
    pub(super) octets: u64,
}

/// Messages that appear in one step.
pub(super) struct Step {
    pub(super) ids: Vec<Id>,
    pub(super) octets: u64,
    /// What [`Sink::appeared`] finds them by.
    pub(super) token: String,
    /// Why the step failed.
    error: Option<io::Error>,
}

/// What became of them.
pub(super) struct Published {
    pub(super) appeared: Vec<Step>,
    pub(super) failed: Vec<Step>,
    /// What kept the first of those from appearing that failed.
    pub(super) result: io::Result<()>,
    /// On an error, it is not known which of them have appeared, or whether they would outlive a loss of power.
    pub(super) settled: io::Result<()>,
}

/// Makes messages appear, and brings them to the disk.
pub(super) fn publish(sink: &mut dyn Sink, noted: Vec<Noted>) -> Published {
    let mut steps = Vec::with_capacity(noted.len());
    for Noted { part, intents, octets } in noted {
        let (ids, token) = (intents.iter().map(|intent| intent.id).collect(), part.token().to_owned());
        let error = part.publish().err();
        steps.push(Step { ids, octets, token, error });
    }
    let settled = forgive_appeared(sink, &mut steps).and_then(|()| sink.sync_published());
    let (appeared, mut failed): (Vec<_>, Vec<_>) = steps.into_iter().partition(|step| step.error.is_none());
    let result = failed.first_mut().and_then(|step| step.error.take()).map_or(Ok(()), Err);
    Published { appeared, failed, result, settled }
}

/// What has appeared although an error came has not failed. A call behind the one that counts may have failed. And what
/// could not be taken back may be completed by whoever uses the target next, so it must not count as missing.
fn forgive_appeared(sink: &mut dyn Sink, steps: &mut [Step]) -> io::Result<()> {
    if steps.iter().all(|step| step.error.is_none()) {
        return Ok(());
    }
    sink.repair()?;
    for step in steps.iter_mut().filter(|step| step.error.is_some()) {
        if sink.appeared(&step.token, Duration::ZERO)? {
            step.error = None;
        }
    }
    Ok(())
}
