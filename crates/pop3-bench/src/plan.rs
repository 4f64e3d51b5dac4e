//! What a run does, and when it ends.

use core::time::Duration;

/// What each session does between the login and QUIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Script {
    /// Nothing. The operation that is counted and timed is the session: connect, log in, QUIT.
    Login,
    /// STAT, [`Plan::repeat`] times.
    Stat,
    /// LIST, [`Plan::repeat`] times.
    List,
    /// UIDL, [`Plan::repeat`] times.
    Uidl,
    /// RETR for each message, [`Plan::repeat`] times. The content is counted and discarded.
    Retr,
    /// DELE for each message, [`Plan::repeat`] times. RSET removes the marks each time, unless [`Plan::delete`] is set.
    Dele,
}

/// What a run does, and when it ends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// What each session does.
    pub script: Script,
    /// The number of connections that are open at the same time. Default: 10. At least one is used.
    pub connections: usize,
    /// The number of threads that the connections are divided among. Default: 1.
    pub threads: usize,
    /// The number of sessions after which the run ends. Default: `None`.
    pub sessions: Option<u64>,
    /// The time after which no further session or operation begins. Default: ten seconds. If
    /// [`sessions`](Self::sessions) is set, both limits apply, and without a time only that one.
    pub duration: Option<Duration>,
    /// How often a session repeats its script. Default: 1.
    pub repeat: u64,
    /// Whether to send commands before earlier ones are answered, if the server announces PIPELINING (RFC 2449 section
    /// 6.6). The time is then not measured for each command, but for all STAT, LIST or UIDL commands of a session
    /// together, and for RETR or DELE of all messages. Default: `false`.
    pub pipelining: bool,
    /// Whether [`Script::Dele`] really deletes: QUIT then removes the messages. Default: `false`.
    pub delete: bool,
    /// Whether the server may be on another machine. Set this only for a server of your own. Default: `false`.
    pub remote: bool,
    /// The process of the server on this machine, whose CPU time is measured with that of its descendants. Only on
    /// Linux. Default: `None`.
    pub server_process: Option<u32>,
}

impl Plan {
    /// Creates a plan: one thread, ten connections, ten seconds.
    #[must_use]
    pub const fn new(script: Script) -> Self {
        Self {
            script,
            connections: 10,
            threads: 1,
            sessions: None,
            duration: Some(Duration::from_secs(10)),
            repeat: 1,
            pipelining: false,
            delete: false,
            remote: false,
            server_process: None,
        }
    }
}

impl Script {
    /// What is timed, in a report.
    pub(crate) const fn timed(self, pipelining: bool) -> &'static str {
        match (self, pipelining) {
            (Self::Login, _) => "session",
            (Self::Retr | Self::Dele, true) => "pass over the maildrop",
            (_, true) => "session's commands",
            (_, false) => "command",
        }
    }
}
