//! Reading a state file.

use std::io::{self, BufRead, Read as _};

use super::record::Record;
use super::{Memory, RecognisedBy, Traits, Unsure};

/// What a state file says.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) header: Option<(String, String, String)>,
    pub(super) is_old: bool,
    pub(super) traits: Option<Traits>,
    pub(super) memory: Memory,
    pub(super) tail: Vec<Unsure>,
    pub(super) torn: bool,
}

impl Log {
    /// Reads up to the end, without the lines that are torn or damaged.
    pub(super) fn read(input: &mut impl BufRead) -> io::Result<Self> {
        /// The longest line that is read; we write much shorter ones.
        const LONGEST: u64 = 64 * 1024;
        /// How many messages are put into the memory at once.
        const BATCH: usize = 16 * 1024;
        let mut log = Self::default();
        let mut line = Vec::new();
        let mut batch = Vec::new();
        loop {
            line.clear();
            if input.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            let record = line.strip_suffix(b"\n").and_then(|line| {
                // Zeros stand where octets were lost, perhaps with the end of a line.
                Record::parse(line).or_else(|| {
                    log.torn = true;
                    line.rsplit(|&octet| octet == 0).next().and_then(Record::parse)
                })
            });
            match (record, &log.header) {
                (Some(Record::Header { name, account, target, is_old }), None) => {
                    log.header = Some((name, account, target));
                    log.is_old = is_old;
                }
                (Some(Record::Traits(traits)), Some(_)) => log.traits = Some(traits),
                (Some(Record::Stored { id, mut entry, time, token }), Some(_)) => {
                    if log.is_old {
                        // By another hash.
                        entry.digest = None;
                    }
                    batch.push((id, entry));
                    // Rewritten entries were published long ago and have no token.
                    if !token.is_empty() {
                        log.tail.push(Unsure { id, token, time });
                    }
                    if batch.len() == BATCH {
                        log.memory.extend(&mut batch);
                    }
                }
                (Some(Record::Published), Some(_)) => log.tail.clear(),
                (Some(Record::Deleting { id }), Some(_)) => {
                    log.memory.extend(&mut batch);
                    log.memory.deleting(id);
                }
                // Without a header, it is another file.
                (_, None) => {
                    log.torn = true;
                    break;
                }
                (None | Some(Record::Header { .. }), Some(_)) => log.torn = true,
            }
        }
        log.memory.extend(&mut batch);
        Ok(log)
    }

    /// What is known of the account. A file of the old form tells by what it remembers how messages
    /// are recognised.
    pub(super) fn traits(&self) -> Traits {
        self.traits.unwrap_or_else(|| {
            let by_uid = self.memory.iter().any(|(_, entry)| entry.total > 0);
            let by_content = self.memory.iter().next().map(|_| RecognisedBy::Content);
            let recognised_by = if by_uid { Some(RecognisedBy::UniqueIds) } else { by_content };
            Traits { recognised_by, ..Traits::default() }
        })
    }
}
