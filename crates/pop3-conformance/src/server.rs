//! The rows for servers, and the order in which they are tested.

mod apo;
mod aut;
mod cap;
mod del;
mod lst;
mod mec;
mod mul;
mod num;
mod probes;
mod ret;
mod rsp;
mod scram;
mod sec;
mod ses;
mod srvp;
mod syn;
mod tls;
mod uid;
mod usr;
mod utf;

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::bench::Bench;
use crate::connect::{Connect, TestedTls};
use crate::facts::{self, Facts};
use crate::report::{ConformanceReport, ReportEntry};
use crate::row::{Check, Row, When};
use crate::verdict::{Outcome, Stop, Verdict, done};
use crate::{Group, Selection};

/// How many rows with failed logins run in parallel. Servers delay their replies.
const SWARM: usize = 6;

/// The rows for servers.
pub const GROUPS: &[Group] = &[
    Group { name: "SYN", title: "Lines, commands, replies", rows: syn::ROWS },
    Group { name: "MUL", title: "Multi-line replies and dot-stuffing", rows: mul::ROWS },
    Group { name: "SES", title: "Session: greeting, states, lock, numbering", rows: ses::ROWS },
    Group { name: "USR", title: "USER and PASS", rows: usr::ROWS },
    Group { name: "APO", title: "APOP", rows: apo::ROWS },
    Group { name: "NUM", title: "Message numbers", rows: num::ROWS },
    Group { name: "LST", title: "STAT, LIST, sizes", rows: lst::ROWS },
    Group { name: "RET", title: "RETR and TOP", rows: ret::ROWS },
    Group { name: "DEL", title: "DELE, NOOP, RSET, QUIT", rows: del::ROWS },
    Group { name: "UID", title: "UIDL", rows: uid::ROWS },
    Group { name: "CAP", title: "CAPA and capabilities", rows: cap::ROWS },
    Group { name: "RSP", title: "Response codes", rows: rsp::ROWS },
    Group { name: "TLS", title: "STLS and TLS", rows: tls::ROWS },
    Group { name: "AUT", title: "AUTH and SASL exchanges", rows: aut::ROWS },
    Group { name: "MEC", title: "Mechanisms", rows: mec::ROWS },
    Group { name: "SCR", title: "SCRAM and channel binding", rows: scram::ROWS },
    Group { name: "UTF", title: "UTF8 and LANG", rows: utf::ROWS },
    Group { name: "SEC", title: "Robustness and limits", rows: sec::ROWS },
    Group { name: "SRVP", title: "Server practice", rows: srvp::ROWS },
];

/// A server to be tested.
#[derive(Clone, Debug)]
pub struct TestedServer {
    connect: Connect,
    destructive: bool,
}

/// Why a server cannot be tested at all.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunError {
    /// There is no connection, no TLS, or no greeting. The text says which.
    Connect(String),
    /// The login, or what follows it directly, does not work. The text says what.
    Login(String),
    /// The login is temporarily refused, according to the response code. The text contains the
    /// reply.
    Later(String),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(text) => write!(f, "the server can't be tested: {text}"),
            Self::Login(text) | Self::Later(text) => write!(f, "the maildrop can't be tested: {text}"),
        }
    }
}

impl core::error::Error for RunError {}

impl TestedServer {
    /// Creates a test of a server. Its maildrop is not changed.
    #[must_use]
    pub const fn new(connect: Connect) -> Self {
        Self { connect, destructive: false }
    }

    /// Allows the rows to remove messages: at most one, the last.
    #[must_use]
    pub const fn destructive(mut self, destructive: bool) -> Self {
        self.destructive = destructive;
        self
    }

    /// Runs the rows. `progress` is called after each row, in the order in which they finish.
    ///
    /// # Errors
    /// Returns an error if no row can be run, because there is no connection or no login.
    pub fn run(
        &self,
        selection: &Selection,
        progress: &mut (dyn FnMut(&Row, &Outcome) + Send),
    ) -> Result<ConformanceReport, RunError> {
        let mut bench = Bench::new(&self.connect, self.destructive);
        survey(&mut bench)?;
        let chosen: Vec<(&'static str, Row)> = GROUPS
            .iter()
            .flat_map(|group| group.rows.iter().map(|row| (group.name, *row)))
            .filter(|(group, row)| selection.has(group, row.id))
            .collect();
        let mut entries: Vec<Option<ReportEntry>> = vec![None; chosen.len()];
        for when in [When::Normal, When::Late, When::Swarm, When::Last, When::Review] {
            let rows = chosen.iter().enumerate().filter(|(_, (_, row))| row.when == when);
            if when == When::Swarm {
                bench.end_session();
                let jobs: Vec<(usize, (&'static str, Row))> = rows.map(|(at, job)| (at, *job)).collect();
                self.swarm(&bench, &jobs, &mut entries, progress);
                continue;
            }
            for (index, (group, row)) in rows {
                let entry = try_row(&mut bench, group, row);
                progress(row, &entry.outcome);
                entries[index] = Some(entry);
            }
        }
        bench.end_session();
        Ok(ConformanceReport { entries: entries.into_iter().flatten().collect() })
    }

    /// Runs rows in parallel.
    fn swarm(
        &self,
        bench: &Bench<'_>,
        jobs: &[(usize, (&'static str, Row))],
        entries: &mut [Option<ReportEntry>],
        progress: &mut (dyn FnMut(&Row, &Outcome) + Send),
    ) {
        let next = AtomicUsize::new(0);
        let facts: Facts = (*bench.facts).clone();
        let results = Mutex::new((entries, progress, Vec::new()));
        thread::scope(|scope| {
            for _ in 0..SWARM.min(jobs.len()) {
                scope.spawn(|| {
                    let mut own = Bench::new(&self.connect, self.destructive);
                    own.facts = Rc::new(facts.clone());
                    while let Some((index, (group, row))) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let entry = try_row(&mut own, group, row);
                        let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                        (results.1)(row, &entry.outcome);
                        results.0[*index] = Some(entry);
                    }
                    let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                    results.2.push((own.record.seen(), own.record.bare()));
                });
            }
        });
        let (_, _, learnt) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (seen, bare) in learnt {
            bench.record.learn(seen, bare);
        }
    }
}

/// Collects what the rows need to know.
fn survey(bench: &mut Bench<'_>) -> Result<(), RunError> {
    let connect = |stop| RunError::Connect(text(stop));
    let login = |stop| match stop {
        Stop::Later(text) => RunError::Later(text),
        Stop::Failed(text) | Stop::NotApplicable(text) => RunError::Login(text),
    };
    let mut facts = Facts { tls: bench.connect.tls != TestedTls::Off, ..Facts::default() };
    if facts.tls && bench.connect.trust.is_none() {
        return Err(RunError::Connect("TLS was requested, but is not configured".to_owned()));
    }
    if bench.connect.tls != TestedTls::Implicit {
        let mut wire = bench.clear().map_err(connect)?;
        facts.greeting = wire.greeting.clone();
        facts.clear = facts::capabilities(&mut wire).unwrap_or_default();
        wire.quit();
    }
    bench.facts = Rc::new(facts.clone());
    // In clear text, TLS can be tested too, if the certificate is trusted.
    if bench.connect.tls == TestedTls::Off && bench.offers_stls().is_ok() {
        match bench.stls() {
            Ok(wire) => wire.quit(),
            Err(Stop::NotApplicable(fault)) => facts.trust = Err(fault),
            // The rows will report it.
            Err(Stop::Failed(_) | Stop::Later(_)) => {}
        }
    }
    bench.facts = Rc::new(facts.clone());
    let mut wire = bench.open().map_err(connect)?;
    if facts.greeting.is_empty() {
        facts.greeting = wire.greeting.clone();
    }
    facts.before = facts::capabilities(&mut wire).map_err(connect)?;
    facts.removes = facts
        .before
        .as_ref()
        .and_then(|list| list.get("EXPIRE"))
        .is_some_and(|parameters| parameters.first().is_some_and(|days| days == "0"));
    wire.quit();
    bench.facts = Rc::new(facts.clone());
    let mut wire = bench.log_in().map_err(login)?;
    facts::figures(&mut wire, &mut facts).map_err(login)?;
    while !facts::fetch(&mut wire, &mut facts).map_err(login)? {
        // Out of step: what follows on this connection has no meaning.
        wire.cut(false);
        wire = bench.log_in().map_err(login)?;
    }
    bench.facts = Rc::new(facts);
    bench.keep(wire).map_err(login)?;
    // The octets of the survey do not belong to a row.
    bench.record.take();
    Ok(())
}

fn try_row(bench: &mut Bench<'_>, group: &'static str, row: &Row) -> ReportEntry {
    bench.record.take();
    let verdict = check(bench, &row.check);
    ReportEntry { group, row: *row, outcome: verdict.into(), transcript: bench.record.take() }
}

fn check(bench: &mut Bench<'_>, check: &Check) -> Verdict {
    let facts = Rc::clone(&bench.facts);
    match check {
        Check::RefusedBefore(commands) => bench.refused_before(commands).and_then(|()| done()),
        Check::RefusedAfter(commands) => bench.refused_after(commands).and_then(|()| done()),
        Check::Open(check) => {
            let mut wire = bench.open()?;
            let note = check(&mut wire, &facts)?;
            wire.quit();
            Ok(note)
        }
        Check::Session(check) => {
            let mut wire = bench.session()?;
            let note = check(&mut wire, &facts)?;
            bench.keep(wire)?;
            Ok(note)
        }
        Check::Bench(check) => check(bench),
        Check::Known(check) => check(&facts),
        Check::Judge(_) => Err(Stop::NotApplicable("applies to clients".to_owned())),
        Check::Outside(reason) => Err(Stop::NotApplicable((*reason).to_owned())),
    }
}

fn text(stop: Stop) -> String {
    match stop {
        Stop::Failed(text) | Stop::Later(text) | Stop::NotApplicable(text) => text,
    }
}
