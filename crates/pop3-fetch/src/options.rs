//! What the caller asks for.

use pop3_driver::Stop;
use pop3_proto::Octets;

use crate::RecognisedBy;

/// The default of [`FetchOptions::with_forget_after`], in days.
const FORGET_AFTER: u32 = 90;

/// What to fetch, and whether to delete it from the server. By default, all new messages are fetched and none is
/// deleted.
///
/// ```
/// use pop3_fetch::FetchOptions;
///
/// let options = FetchOptions::new().with_delete(true).with_limit(Some(500)).with_max_size(Some(25_000_000));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FetchOptions {
    /// Also fetch messages that were fetched before.
    pub all: bool,
    /// Delete messages that are stored.
    pub delete: bool,
    /// Fetch at most this many new messages.
    pub limit: Option<u64>,
    /// Skip messages that are larger than this, in octets.
    pub max_size: Option<Octets>,
    /// For how many days to remember messages that the server no longer lists.
    pub forget_after: u32,
    /// How to recognise messages. `None` means as in the last run, or in the first run as the server allows.
    pub recognised_by: Option<RecognisedBy>,
    /// Ends the run early and cleanly when it is stopped.
    pub stop: Stop,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            all: false,
            delete: false,
            limit: None,
            max_size: None,
            forget_after: FORGET_AFTER,
            recognised_by: None,
            stop: Stop::new(),
        }
    }
}

impl FetchOptions {
    /// Creates the default options: fetch all new messages and delete none.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also fetches messages that were fetched before.
    #[must_use]
    pub const fn with_all(mut self, all: bool) -> Self {
        self.all = all;
        self
    }

    /// Deletes messages from the server that are safely stored, by this run or an earlier one (RFC 1939 section 8).
    #[must_use]
    pub const fn with_delete(mut self, delete: bool) -> Self {
        self.delete = delete;
        self
    }

    /// Fetches at most this many new messages. The rest is left to the next run.
    #[must_use]
    pub const fn with_limit(mut self, limit: Option<u64>) -> Self {
        self.limit = limit;
        self
    }

    /// Skips messages with more octets than this, by the server's count. They are not deleted.
    #[must_use]
    pub const fn with_max_size(mut self, octets: Option<Octets>) -> Self {
        self.max_size = octets;
        self
    }

    /// Remembers messages that the server no longer lists for this many days, in case they return. Default: 90. With
    /// 0, they are forgotten immediately.
    #[must_use]
    pub const fn with_forget_after(mut self, days: u32) -> Self {
        self.forget_after = days;
        self
    }

    /// Sets how messages are recognised in later runs. By default, the first run of an account chooses this, and it
    /// stays the same. After a change, messages that are still on the server are fetched again.
    #[must_use]
    pub const fn with_recognised_by(mut self, recognised_by: Option<RecognisedBy>) -> Self {
        self.recognised_by = recognised_by;
        self
    }

    /// Ends the run early and cleanly when this switch is stopped. Give the client [the same
    /// switch](pop3_driver::client::ClientOptions::stop), so that it stops waiting for the server.
    #[must_use]
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }
}
