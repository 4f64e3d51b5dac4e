//! The order in which jobs are taken.

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use super::{Client, Undone};
use crate::source::Source;

/// What waits and what runs.
#[derive(Default)]
pub(super) struct Queue {
    /// Of addresses without failures, one job each.
    first: VecDeque<(Source, Job)>,
    /// The addresses of all others that wait, in turn.
    turns: VecDeque<Source>,
    others: HashMap<Source, VecDeque<Job>>,
    /// How many of the first were taken since one of the others was.
    firsts: u32,
    running: HashMap<Source, usize>,
    next_id: u64,
    /// When the keeper of time looks again; `None` if it sleeps.
    pub(super) looks_at: Option<Instant>,
    /// How many of the checkers are at work that a machine has in the place of threads.
    pub(super) lent: usize,
    pub(super) closed: bool,
}

/// Something to be done.
pub(super) struct Job {
    id: u64,
    pub(super) until: Instant,
    /// Does the work, or tells why it is not done.
    pub(super) run: Box<dyn FnOnce(Result<(), Undone>) + Send>,
}

/// How many of the first are taken before one of the others is.
const FIRSTS: u32 = 3;

impl Queue {
    pub(super) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.first.iter().map(|(_, job)| job).chain(self.others.values().flatten())
    }

    pub(super) fn waiting(&self) -> usize {
        self.first.len() + self.others.values().map(VecDeque::len).sum::<usize>()
    }

    /// Whether nothing is kept of any job.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting() == 0 && self.turns.is_empty() && self.others.is_empty() && self.running.is_empty()
    }

    pub(super) fn waiting_of(&self, source: Source) -> usize {
        let first = self.first.iter().filter(|(of, _)| *of == source).count();
        first + self.others.get(&source).map_or(0, VecDeque::len)
    }

    pub(super) fn add(
        &mut self,
        client: Client,
        until: Instant,
        run: Box<dyn FnOnce(Result<(), Undone>) + Send>,
    ) -> u64 {
        let source = client.source;
        self.next_id += 1;
        let job = Job { id: self.next_id, until, run };
        let alone = self.waiting_of(source) == 0 && !self.running.contains_key(&source);
        if alone && !client.suspect {
            self.first.push_back((source, job));
        } else {
            // One of the first that gets company is none of them any more.
            let at = self.first.iter().position(|(of, _)| *of == source);
            let earlier = at.and_then(|at| self.first.remove(at));
            let jobs = self.others.entry(source).or_default();
            if jobs.is_empty() {
                self.turns.push_back(source);
            }
            jobs.extend(earlier.map(|(_, job)| job));
            jobs.push_back(job);
        }
        self.next_id
    }

    /// The job whose turn it is, of an address that has not all it may have. It counts as running.
    pub(super) fn next(&mut self, running_of_one: usize) -> Option<(Source, Job)> {
        let running = &self.running;
        let free = |source: &Source| running.get(source).is_none_or(|running| *running < running_of_one);
        let first = self.first.iter().position(|(source, _)| free(source));
        let other = self.turns.iter().position(free);
        let first = first.filter(|_| other.is_none() || self.firsts < FIRSTS);
        self.firsts = if first.is_some() { self.firsts.saturating_add(1) } else { 0 };
        let (source, job) = match (first, other) {
            (Some(at), _) => self.first.remove(at)?,
            (None, Some(at)) => {
                let source = self.turns.remove(at)?;
                let jobs = self.others.get_mut(&source)?;
                let job = jobs.pop_front()?;
                if jobs.is_empty() {
                    self.others.remove(&source);
                } else {
                    self.turns.push_back(source);
                }
                (source, job)
            }
            (None, None) => return None,
        };
        *self.running.entry(source).or_default() += 1;
        Some((source, job))
    }

    pub(super) fn ended(&mut self, source: Source) {
        if let Some(running) = self.running.get_mut(&source) {
            *running -= 1;
            if *running == 0 {
                self.running.remove(&source);
            }
        }
    }

    /// Takes the last job of the address that has most of them, if that has more than one with so many.
    pub(super) fn make_room(&mut self, own: usize) -> Result<Job, Undone> {
        let longest = self.others.iter_mut().max_by_key(|(_, jobs)| jobs.len());
        let (&source, jobs) = longest.filter(|(_, jobs)| jobs.len() > own + 1).ok_or(Undone::Full)?;
        let job = jobs.pop_back().ok_or(Undone::Full)?;
        if jobs.is_empty() {
            self.forget(source);
        }
        Ok(job)
    }

    /// The job of this number, if it still waits.
    pub(super) fn take(&mut self, source: Source, id: u64) -> Option<Job> {
        if let Some(at) = self.first.iter().position(|(_, job)| job.id == id) {
            return self.first.remove(at).map(|(_, job)| job);
        }
        let jobs = self.others.get_mut(&source)?;
        let job = jobs.remove(jobs.iter().position(|job| job.id == id)?);
        if jobs.is_empty() {
            self.forget(source);
        }
        job
    }

    /// All jobs that are wanted.
    pub(super) fn take_all(&mut self, wanted: impl Fn(&Job) -> bool) -> Vec<Job> {
        let mut taken = Vec::new();
        let mut kept = VecDeque::new();
        for (source, job) in self.first.drain(..) {
            if wanted(&job) {
                taken.push(job);
            } else {
                kept.push_back((source, job));
            }
        }
        self.first = kept;
        for jobs in self.others.values_mut() {
            let (gone, kept) = core::mem::take(jobs).into_iter().partition::<Vec<_>, _>(|job| wanted(job));
            taken.extend(gone);
            *jobs = kept.into();
        }
        let empty: Vec<_> =
            self.others.iter().filter(|(_, jobs)| jobs.is_empty()).map(|(&source, _)| source).collect();
        empty.into_iter().for_each(|source| self.forget(source));
        taken
    }

    /// The address has no job any more.
    fn forget(&mut self, source: Source) {
        self.others.remove(&source);
        self.turns.retain(|&other| other != source);
    }
}
