//! A message that is being sent.

use super::vocabulary::Extent;
use crate::Octets;
use crate::dots::{Stuffer, TopCutter};

/// The message that is being sent, and its announced size.
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

    /// Returns whether the message is not as long as it was announced. For TOP, this is only known if it sent the
    /// whole message.
    pub(super) fn breaks_promise(&self) -> bool {
        !self.enough && self.stuffer.total() != self.promised
    }
}
