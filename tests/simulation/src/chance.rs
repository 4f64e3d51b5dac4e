//! All that is random in a run.

use std::sync::{Arc, Mutex, PoisonError};

/// The decisions of one run, made from its seed. Clones share one sequence.
#[derive(Clone, Debug)]
pub struct Chance(Arc<Mutex<fastrand::Rng>>);

impl Chance {
    /// The sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A sequence of its own for one part of the run, so that its decisions don't change those of the others.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::new(self.with(|rng| rng.u64(..)))
    }

    /// A number below `end`, which must not be 0.
    #[must_use]
    pub fn below(&self, end: usize) -> usize {
        self.with(|rng| rng.usize(..end))
    }

    /// Whether something happens that happens in `of` out of 1000 cases.
    #[must_use]
    pub fn per_mille(&self, of: usize) -> bool {
        self.below(1000) < of
    }

    /// One of these, of which there must be at least one.
    #[must_use]
    pub fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Puts these in a random order.
    pub fn shuffle<T>(&self, of: &mut [T]) {
        self.with(|rng| rng.shuffle(of));
    }

    fn with<R>(&self, act: impl FnOnce(&mut fastrand::Rng) -> R) -> R {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
