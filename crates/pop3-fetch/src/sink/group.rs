//! Bringing the files of a group to the disk together.

use std::io;

use pop3_disk::Folder;

use super::gathered::{Gathered, Whole};
use super::spool::{Form, Spool};
use crate::spot::Spot;

/// The most files of a group that are open at a time.
const OPEN: usize = 32;

/// With fewer files, the whole file system is not synced for them.
const MANY: usize = 8;

/// What was sealed, in the order of the messages, and what stopped it. Those behind are gone.
pub(super) type Files = (Vec<(String, Spool)>, io::Result<()>);

/// Writes each message into a file of its own in the folder, under the name that is its token, and brings all to the
/// disk: contents first, and then the names at once.
pub(super) fn seal(
    folder: &dyn Folder,
    spot: impl Fn(&str) -> Spot,
    form: Form,
    messages: Vec<Gathered>,
) -> Files {
    let together = messages.len() >= MANY && folder.can_sync_all();
    let mut sealed = Vec::with_capacity(messages.len());
    let mut result = Ok(());
    let mut buffer = Vec::new();
    let mut messages = messages.into_iter().peekable();
    while result.is_ok() && messages.peek().is_some() {
        let first = sealed.len();
        for message in messages.by_ref().take(OPEN) {
            match write(&spot, form, message, &mut buffer) {
                Ok(file) => sealed.push(file),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        for index in first..sealed.len() {
            let Some((_, spool)) = sealed.get_mut(index) else { break };
            let closed = if together { spool.close() } else { spool.sync() };
            if let Err(error) = closed {
                sealed.truncate(index);
                result = Err(error);
                break;
            }
        }
    }
    if sealed.is_empty() {
        return (sealed, result);
    }
    let synced = if together { folder.sync_all() } else { folder.sync() };
    match synced {
        Ok(()) => (sealed, result),
        // Nothing is known of any of them.
        Err(error) => (Vec::new(), Err(error)),
    }
}

fn write(
    spot: &impl Fn(&str) -> Spot,
    form: Form,
    message: Gathered,
    buffer: &mut Vec<u8>,
) -> io::Result<(String, Spool)> {
    let token = message.token.clone();
    let spool = match (message.into_whole(), form) {
        (Whole::File(spool), _) => spool,
        (Whole::Memory(octets), Form::AsIs) => Spool::with(spot(&token), &octets)?,
        (Whole::Memory(octets), form) => {
            buffer.clear();
            form.convert(&octets, buffer);
            Spool::with(spot(&token), buffer)?
        }
    };
    Ok((token, spool))
}
