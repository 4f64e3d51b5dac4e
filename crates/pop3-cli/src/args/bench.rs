//! The options of `pop3 bench`.

use core::time::Duration;

use clap::Args;
use pop3_bench::{Plan, Script};
use pop3_connect::Url;

use super::named::named;
use super::{Account, EXIT_CODES, read_url, seconds};
use crate::exit::Failure;

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Bench {
    #[command(flatten)]
    pub(crate) account: Account,
    /// What each session does between the login and QUIT
    #[arg(long, value_name = "WHAT", default_value = "login", value_parser = named(SCRIPTS))]
    script: Script,
    /// Use the users 1 to N: {} in the URL stands for the number. They must have the same password
    #[arg(long, value_name = "N", default_value_t = 1)]
    users: u64,
    /// How many connections to keep open at the same time
    #[arg(long, value_name = "N", default_value_t = 10)]
    connections: usize,
    /// How many threads to use
    #[arg(long, value_name = "N", default_value_t = 1)]
    threads: usize,
    /// End after N sessions
    #[arg(long, value_name = "N")]
    sessions: Option<u64>,
    /// End after this time [default: 10, unless --sessions is given]
    #[arg(long, value_name = "SECS", value_parser = seconds)]
    duration: Option<Duration>,
    /// How often each session repeats its script
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u64,
    /// Send commands before earlier ones are answered. Times are then those of groups of commands
    #[arg(long)]
    pipelining: bool,
    /// With --script dele: really delete the messages, instead of removing the marks with RSET
    #[arg(long)]
    delete: bool,
    /// Allow a server on another machine. Use this only for a server of your own
    #[arg(long)]
    remote: bool,
    /// Also measure the CPU time of this process and its descendants: the server, on this machine
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

const SCRIPTS: &[(&str, Script, &str)] = &[
    ("login", Script::Login, "Nothing: each session connects, logs in and quits"),
    ("stat", Script::Stat, "STAT"),
    ("list", Script::List, "LIST"),
    ("uidl", Script::Uidl, "UIDL"),
    ("retr", Script::Retr, "RETR for each message"),
    ("dele", Script::Dele, "DELE for each message, then RSET"),
];

impl Bench {
    /// The accounts to log in to.
    ///
    /// # Errors
    /// When the URL is none; the message does not repeat it.
    pub(crate) fn accounts(&self) -> Result<Vec<Url>, Failure> {
        let url = self.account.url.as_deref().unwrap_or_default();
        (1..=self.users.max(1)).map(|user| read_url(&url.replace("{}", &user.to_string()))).collect()
    }

    pub(crate) fn plan(&self) -> Plan {
        let mut plan = Plan::new(self.script);
        plan.connections = self.connections;
        plan.threads = self.threads;
        plan.sessions = self.sessions;
        plan.duration = self.duration.or(plan.duration.filter(|_| self.sessions.is_none()));
        plan.repeat = self.repeat;
        plan.pipelining = self.pipelining;
        plan.delete = self.delete;
        plan.remote = self.remote;
        plan.server_process = self.server_pid;
        plan
    }
}
