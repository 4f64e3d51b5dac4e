//! Keeping the size cache.

use std::io;

use crate::folders::{Root, State};
use crate::found::{Found, Size};
use crate::record::{self, Log};
use crate::sizes;

/// Records that the size cache may have for nothing before it is written anew, beside as many
/// as there are messages.
const STALE_MAX: usize = 64;

/// What the size cache has to learn.
pub(super) struct Change<'f, 'n> {
    pub(super) is_settled: &'f dyn Fn(&Found<'_>) -> bool,
    pub(super) found: &'f [Found<'n>],
    pub(super) gone: &'f [Found<'n>],
    pub(super) seal: Option<State>,
}

impl Change<'_, '_> {
    /// Continues the size cache, or writes it anew if too much of it would be stale.
    pub(super) fn keep(&self, root: &Root, log: &mut Log<'_>) -> io::Result<()> {
        let (mut kept, mut news) = (0, 0);
        for message in self.found {
            if (self.is_settled)(message) {
                kept += 1;
                news += usize::from(!message.is_recorded);
            }
        }
        let seal = self.seal.filter(|_| kept == self.found.len());
        let is_new = seal.is_some() && (log.seal != seal || !self.gone.is_empty());
        // Nothing can be forgotten in a file that cannot be continued.
        let is_torn = log.tail.is_none() && !log.messages.is_empty();
        if news == 0 && !is_torn && !is_new && log.stale + self.gone.len() <= kept + STALE_MAX {
            return Ok(());
        }
        // Each record of what is gone makes another one stale, too.
        let replaced = log.messages.len().saturating_sub(self.gone.len() + kept.saturating_sub(news));
        let stale = log.stale + 2 * self.gone.len() + replaced + usize::from(log.seal.is_some());
        if let Some(tail) = &mut log.tail
            && stale <= kept + STALE_MAX
        {
            return sizes::append(root.directory(), tail, |file| {
                self.gone.iter().for_each(|message| file.gone(&message.name));
                let news =
                    self.found.iter().filter(|message| !message.is_recorded && (self.is_settled)(message));
                news.for_each(|message| file.message(message));
                seal.iter().for_each(|state| file.seal(state));
            });
        }
        log.tail = None;
        log.tail = Some(sizes::store(root.directory(), |file| {
            let settled = self.found.iter().filter(|message| (self.is_settled)(message));
            settled.for_each(|message| file.message(message));
            seal.iter().for_each(|state| file.seal(state));
        })?);
        Ok(())
    }
}

/// Whether the size of a message is known, and will stay the same while the file looks the same.
pub(super) fn is_settled(message: &Found<'_>, settled: i64, devices: [u64; 2]) -> bool {
    matches!(message.size, Size::Counted(stat, _)
        if message.name.len() <= record::NAME_MAX && stat.changed < settled && stat.device == devices[message.folder.index()])
}
