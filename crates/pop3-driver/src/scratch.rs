//! Buffers for the content of messages, shared by all sessions.

use core::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A buffer of [`SIZE`](Self::SIZE) octets, for as long as content is in it on its way to the output. The octets in
/// it are arbitrary at first.
///
/// Few sessions read at the same moment, but each of them needs a large buffer then. So the sessions share them, and a
/// session that waits for its client has at most the one that it is sending from.
#[derive(Debug)]
pub(crate) struct Scratch(Vec<u8>);

/// The buffers that nobody uses.
static SPARE: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());

/// The most buffers that are kept for later: 1 MiB.
const SPARES: usize = 8;

impl Scratch {
    /// The size of a buffer, in octets. The input and the output of the encoder then both fit into the second cache
    /// of usual processors.
    pub(crate) const SIZE: usize = 128 * 1024;

    pub(crate) fn take() -> Self {
        let spare = spare().pop();
        Self(spare.unwrap_or_else(|| vec![0; Self::SIZE]))
    }
}

impl Deref for Scratch {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut spare = spare();
        if spare.len() < SPARES {
            spare.push(core::mem::take(&mut self.0));
        }
    }
}

fn spare() -> MutexGuard<'static, Vec<Vec<u8>>> {
    SPARE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_buffer_has_its_size_and_few_are_kept() {
        let taken: Vec<Scratch> = (0..SPARES * 2).map(|_| Scratch::take()).collect();
        assert!(taken.iter().all(|scratch| scratch.len() == Scratch::SIZE));
        drop(taken);
        assert!((1..=SPARES).contains(&spare().len()));
        assert_eq!(Scratch::take().len(), Scratch::SIZE);
    }
}
