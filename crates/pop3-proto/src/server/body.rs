//! A message on its way out.

use super::vocabulary::Extent;
use crate::Octets;
use crate::dots::{Stuffer, TopCutter};

/// What is under way, and what was told of it.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) stuffer: Stuffer,
    pub(super) top: Option<TopCutter>,
    /// TOP has all its lines.
    pub(super) enough: bool,
    promised: Octets,
}

impl Body {
    pub(super) fn new(extent: Extent, promised: Octets) -> Self {
        let top = match extent {
            Extent::Whole => None,
            Extent::Top { lines } => Some(TopCutter::new(lines)),
        };
        Self { stuffer: Stuffer::new(), top, enough: false, promised }
    }

    /// Whether the message is not as long as was told. Of TOP that is known if it sent all.
    pub(super) fn breaks_promise(&self) -> bool {
        !self.enough && self.stuffer.total() != self.promised
    }
}
