//! How a process calls the system: everything goes through here, and here it may fail.

use std::io;
use std::sync::Arc;

use rustix::io::Errno;

use super::faults::{Call, End, Strike};
use super::machine::{Machine, Shared};
use super::trace::{Outcome, Traced, What};
use super::tree::Done;

/// A process, as the files and directories know it that it has opened.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) shared: Arc<Shared>,
    pub(super) process: u64,
}

/// What a call is about, for the trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) call: Call,
    pub(super) name: &'a [u8],
    pub(super) octets: usize,
}

impl<'a> About<'a> {
    pub(super) const fn new(call: Call, name: &'a [u8]) -> Self {
        Self { call, name, octets: 0 }
    }
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Error,
    /// It is the last one of the process.
    Last,
}

impl Caller {
    /// Makes a call.
    pub(super) fn call<T>(
        &self,
        about: About<'_>,
        act: impl FnOnce(&mut Machine) -> Done<T>,
    ) -> io::Result<T> {
        self.call_or(about, |_, _| {}, act)
    }

    /// Makes a call that may leave something behind when it fails.
    pub(super) fn call_or<T>(
        &self,
        about: About<'_>,
        fail: impl FnOnce(&mut Machine, Failure),
        act: impl FnOnce(&mut Machine) -> Done<T>,
    ) -> io::Result<T> {
        let is_actor = {
            let machine = self.shared.lock();
            machine.processes.get(&self.process).ok_or_else(gone)?.is_actor
        };
        if !is_actor {
            self.shared.run_hook(about.call);
        }
        let mut machine = self.shared.lock();
        let machine = &mut *machine;
        if !machine.processes.contains_key(&self.process) {
            return Err(gone());
        }
        machine.calls += 1;
        machine.clock.advance(machine.nature.call_time);
        machine.tick();
        let chance = machine.chance.clone();
        let strike = if is_actor { None } else { machine.faults.strike(about.call, &chance) };
        match strike {
            None => {
                let done = act(machine);
                self.trace(
                    machine,
                    about,
                    done.as_ref().err().map_or(Outcome::Done, |&e| Outcome::Failed(e)),
                );
                done.map_err(error)
            }
            Some(Strike::Fail(errno)) => {
                fail(machine, Failure::Error);
                self.trace(machine, about, Outcome::Failed(errno));
                Err(errno.into())
            }
            Some(Strike::End(end)) => {
                fail(machine, Failure::Last);
                self.trace(machine, about, Outcome::Ended);
                match end {
                    End::Kill => machine.kill(self.process),
                    End::Crash => machine.crash(),
                }
                Err(gone())
            }
        }
    }

    fn trace(&self, machine: &mut Machine, about: About<'_>, outcome: Outcome) {
        let About { call, name, octets } = about;
        let what = What::Call { call, subject: name.into(), octets, outcome };
        machine.trace.push(Traced { time: machine.clock.elapsed(), process: self.process, what });
    }
}

/// Two errors have no number, as with the real system.
fn error(errno: Errno) -> io::Error {
    match errno {
        Errno::AGAIN => io::ErrorKind::WouldBlock.into(),
        Errno::NOSYS => io::ErrorKind::Unsupported.into(),
        Errno::XDEV => io::ErrorKind::CrossesDevices.into(),
        errno => errno.into(),
    }
}

fn gone() -> io::Error {
    io::Error::other("the process is gone")
}
