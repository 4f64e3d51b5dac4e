//! What a run did.

use core::fmt;

/// The numbers of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FetchReport {
    /// The number of new messages that were stored.
    pub fetched: u64,
    /// The total size of these messages in octets, in the form of the server, with CRLF.
    pub octets: u64,
    /// The number of messages that an earlier run has already fetched.
    pub known: u64,
    /// The number of messages that the server did not send, or did not send correctly.
    pub failed: u64,
    /// The number of messages that were skipped because they exceed the [maximum
    /// size](crate::FetchOptions::with_max_size).
    pub too_large: u64,
    /// The number of messages left to the next run, because of the [limit](crate::FetchOptions::with_limit) or
    /// because this run ended early.
    pub left: u64,
    /// The number of messages whose deletion the server has confirmed.
    pub deleted: u64,
    /// The number of messages that should be deleted, but whose deletion the server has not confirmed.
    pub not_deleted: u64,
}

impl FetchReport {
    /// Returns whether the run did everything that was requested. Messages skipped on purpose do not count as
    /// failures.
    #[must_use]
    pub const fn is_well(&self) -> bool {
        self.failed == 0 && self.not_deleted == 0
    }

    /// Returns whether there is anything to report.
    #[must_use]
    pub const fn is_begun(&self) -> bool {
        self.fetched > 0 || self.known > 0 || self.too_large > 0 || !self.is_well()
    }

    /// Returns whether the run left nothing out: no message failed, was skipped, or was left to the next run.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_well() && self.too_large == 0 && self.left == 0
    }
}

impl fmt::Display for FetchReport {
    /// The figures in one line; of all but the first one those that are not 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.fetched == 1 { "" } else { "s" };
        write!(f, "{} message{plural} fetched ({} octets)", self.fetched, self.octets)?;
        for (count, what) in [
            (self.known, "fetched earlier"),
            (self.failed, "failed"),
            (self.too_large, "skipped as too large"),
            (self.left, "left for the next run"),
            (self.deleted, "deleted from the server"),
            (self.not_deleted, "not deleted from the server"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_happened_is_told() {
        let report = FetchReport { fetched: 1, octets: 5, failed: 2, ..FetchReport::default() };
        assert_eq!(report.to_string(), "1 message fetched (5 octets), 2 failed");
        assert!(
            FetchReport { failed: 1, ..FetchReport::default() }.is_begun()
                && !FetchReport::default().is_begun()
        );
    }

    #[test]
    fn what_is_skipped_on_purpose_was_not_wanted() {
        let report = FetchReport { fetched: 1, octets: 5, failed: 2, ..FetchReport::default() };
        assert!(!report.is_well() && !report.is_whole());
        let report = FetchReport { known: 3, left: 1, deleted: 1, too_large: 2, ..FetchReport::default() };
        assert!(report.is_well() && !report.is_whole());
        assert!(FetchReport { known: 3, deleted: 1, ..FetchReport::default() }.is_whole());
    }
}
