//! What the caller asks for.

use pop3_driver::Stop;
use pop3_proto::Octets;

use crate::RecognisedBy;

/// For how many days what the server no longer lists is remembered, where nothing else is said.
const FORGET_AFTER: u32 = 90;

/// What is to be fetched, and what becomes of it on the server. By default all new messages are fetched, and none is
/// deleted.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Fetch what was fetched before too.
    pub all: bool,
    /// Delete what is stored.
    pub delete: bool,
    /// Fetch at most so many new messages.
    pub limit: Option<u64>,
    /// Skip what is larger, in octets.
    pub max_size: Option<Octets>,
    /// For how many days to remember what the server no longer lists.
    pub forget_after: u32,
    /// How messages are recognised; `None` is as in the last run, and in the first one as the server allows.
    pub recognised_by: Option<RecognisedBy>,
    /// Ends the run early and in order, once it is thrown.
    pub stop: Stop,
}

impl Default for Options {
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

impl Options {
    /// All new messages; nothing is deleted.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fetches what was fetched before too.
    #[must_use]
    pub const fn with_all(mut self, all: bool) -> Self {
        self.all = all;
        self
    }

    /// Deletes from the server what is stored safely, by this run or an earlier one.
    #[must_use]
    pub const fn with_delete(mut self, delete: bool) -> Self {
        self.delete = delete;
        self
    }

    /// Fetches at most so many new messages; the rest is left to the next run.
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

    /// Remembers for so many days what the server no longer lists, in case it comes back; 90 if nothing is said.
    /// With 0 it is forgotten at once.
    #[must_use]
    pub const fn with_forget_after(mut self, days: u32) -> Self {
        self.forget_after = days;
        self
    }

    /// How messages are recognised in a later run. The first run of an account finds it out, and it stays so. A
    /// change makes what is still there be fetched once more.
    #[must_use]
    pub const fn with_recognised_by(mut self, recognised_by: Option<RecognisedBy>) -> Self {
        self.recognised_by = recognised_by;
        self
    }

    /// Ends the run early and in order once this switch is thrown. Give the client
    /// [the same](pop3_driver::client::Options::stop), so that it does not wait for the server then.
    #[must_use]
    pub fn with_stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }
}
