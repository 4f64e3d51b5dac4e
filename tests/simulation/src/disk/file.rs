//! An open file.

use std::io::{self, Read, Seek, SeekFrom, Write};

use pop3_disk::{File, Lock, Open, Stat};
use rustix::io::Errno;

use super::caller::{About, Caller, Failure};
use super::faults::Call;
use super::journal::NodeId;
use super::locks::Owner;
use super::machine::Machine;
use super::node::Kind;
use super::tree::Done;

#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) caller: Caller,
    pub(super) descriptor: u64,
    pub(super) node: NodeId,
    pub(super) how: Open,
    pub(super) position: u64,
    /// The name with which it was opened.
    pub(super) name: Box<[u8]>,
}

impl SimFile {
    const fn about(&self, call: Call) -> About<'_> {
        About::new(call, &self.name)
    }

    const fn owner(&self) -> Owner {
        Owner { process: self.caller.process, descriptor: self.descriptor }
    }

    fn read_if(&mut self, buf: &mut [u8], may: impl FnOnce(&Machine) -> Done<()>) -> io::Result<usize> {
        let about = About { octets: buf.len(), ..self.about(Call::Read) };
        let count = self.caller.call(about, |machine| {
            if !self.how.reads() {
                return Err(Errno::BADF);
            }
            may(machine)?;
            if matches!(machine.tree.node(self.node)?.kind, Kind::Fifo) {
                return Ok(0);
            }
            let octets = machine.tree.content(self.node)?.octets();
            let start = usize::try_from(self.position).unwrap_or(usize::MAX).min(octets.len());
            let count =
                machine.faults.shortened(Call::Read, buf.len().min(octets.len() - start), &machine.chance);
            buf[..count].copy_from_slice(&octets[start..start + count]);
            Ok(count)
        })?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Read for SimFile {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_if(buf, |_| Ok(()))
    }
}

impl Write for SimFile {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let Self { node, how, position, .. } = *self;
        let start = |machine: &Machine| {
            let end = machine.tree.node(node).map_or(0, |found| found.room());
            if how.appends() { end } else { position }
        };
        let about = About { octets: buf.len(), ..self.about(Call::Write) };
        let fail = |machine: &mut Machine, failure| {
            if failure == Failure::Last && how.writes() {
                machine.tree.write(node, start(machine), &buf[..buf.len() / 2]).ok();
            }
        };
        let (at, count) = self.caller.call_or(about, fail, |machine| {
            if !how.writes() {
                return Err(Errno::BADF);
            }
            let at = start(machine);
            let count = machine.faults.shortened(Call::Write, buf.len(), &machine.chance);
            Ok((at, machine.tree.write(node, at, &buf[..count])?))
        })?;
        self.position = at + count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for SimFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let end = self.caller.shared.lock().tree.node(self.node)?.room();
        let position = match to {
            SeekFrom::Start(at) => i64::try_from(at).ok(),
            SeekFrom::End(by) => end.cast_signed().checked_add(by),
            SeekFrom::Current(by) => self.position.cast_signed().checked_add(by),
        };
        let position = position.and_then(|position| u64::try_from(position).ok()).ok_or(Errno::INVAL)?;
        self.position = position;
        Ok(position)
    }
}

impl File for SimFile {
    fn stat(&self) -> io::Result<Stat> {
        self.caller.call(self.about(Call::Stat), |machine| Ok(machine.tree.node(self.node)?.stat()))
    }

    fn try_read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.read_if(buf, Machine::must_be_cached)
    }

    fn sync(&self) -> io::Result<()> {
        let fail = |machine: &mut Machine, failure| {
            let (chance, is_ordered) = (machine.chance.clone(), machine.nature.is_ordered);
            if failure == Failure::Error
                && chance.per_mille(500)
                && let Ok(Kind::File(content)) = machine.tree.node_mut(self.node).map(|node| &mut node.kind)
            {
                content.fail_to_sync(&chance, is_ordered);
            }
        };
        self.caller.call_or(self.about(Call::Sync), fail, |machine| machine.tree.sync_file(self.node))
    }

    fn set_len(&self, octets: u64) -> io::Result<()> {
        self.caller.call(self.about(Call::SetLen), |machine| {
            if self.how.writes() { machine.tree.set_len(self.node, octets) } else { Err(Errno::INVAL) }
        })
    }

    fn try_lock(&self, lock: Lock) -> io::Result<bool> {
        self.caller.call(self.about(Call::Lock), |machine| {
            if lock == Lock::Records && !self.how.writes() {
                return Err(Errno::BADF);
            }
            let are_separate = machine.nature.has_separate_locks;
            Ok(machine.locks.take(lock, self.node, self.owner(), are_separate))
        })
    }

    fn unlock(&self, lock: Lock) -> io::Result<()> {
        let mut machine = self.caller.shared.lock();
        machine.locks.release(lock, self.node, self.owner());
        Ok(())
    }

    fn has_separate_locks(&self) -> bool {
        self.caller.shared.lock().nature.has_separate_locks
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.caller.shared.lock().close(self.descriptor);
    }
}
