//! What a run has measured.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use serde_json::json;

use crate::plan::{Plan, Script};
use crate::tally::Tally;

/// What a run has measured. Its `Display` is a page of text for people.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BenchReport {
    /// What each session did.
    pub script: Script,
    /// The number of sessions that ended with a positive reply to QUIT.
    pub sessions: u64,
    /// The number of operations: sessions for [`Script::Login`], else commands that were answered positively.
    pub operations: u64,
    /// The number of messages that were received completely (RETR) or marked (DELE).
    pub messages: u64,
    /// The octets of their content in wire form, without dot-stuffing (RETR).
    pub octets: u64,
    /// How long the run took.
    pub elapsed: Duration,
    /// The CPU time of the server's processes during the run, if it was [asked for](Plan::server_process).
    pub cpu: Option<Duration>,
    /// The time for one operation that so many percent of them did not exceed: 50, 90, 99, 99.9 and 100 percent.
    /// Accurate to two significant digits. With [pipelining](Plan::pipelining), the time for a group of commands. Empty
    /// if there was no operation.
    pub percentiles: Vec<(f64, Duration)>,
    /// The errors of sessions, with how often each occurred. After 20 different texts, the rest is counted together.
    pub errors: BTreeMap<String, u64>,
    pipelining: bool,
}

const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];

impl BenchReport {
    pub(crate) fn new(plan: &Plan, tally: Tally, elapsed: Duration, cpu: Option<Duration>) -> Self {
        let times = &tally.times;
        let percentile = |percent: f64| (percent, Duration::from_micros(times.value_at_percentile(percent)));
        let percentiles =
            if times.is_empty() { Vec::new() } else { PERCENTILES.into_iter().map(percentile).collect() };
        Self {
            script: plan.script,
            sessions: tally.sessions,
            operations: tally.operations,
            messages: tally.messages,
            octets: tally.octets,
            elapsed,
            cpu,
            percentiles,
            errors: tally.errors,
            pipelining: plan.pipelining,
        }
    }

    /// Returns the report as a JSON object in one line without a line end. Times are in microseconds. `cpu_us` is `null`
    /// if it was not measured. `percentiles_us` maps the percentage to the time.
    #[must_use]
    pub fn json(&self) -> String {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let percentiles = self.percentiles.iter();
        json!({
            "script": self.script.name(),
            "pipelining": self.pipelining,
            "sessions": self.sessions,
            "operations": self.operations,
            "messages": self.messages,
            "octets": self.octets,
            "elapsed_us": micros(self.elapsed),
            "cpu_us": self.cpu.map(micros),
            "percentiles_us": percentiles
                .map(|(percent, time)| (percent.to_string(), micros(*time).into()))
                .collect::<serde_json::Map<_, _>>(),
            "errors": self.errors,
        })
        .to_string()
    }
}

impl Script {
    const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Stat => "stat",
            Self::List => "list",
            Self::Uidl => "uidl",
            Self::Retr => "retr",
            Self::Dele => "dele",
        }
    }
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.elapsed.as_secs_f64().max(1e-6);
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = |count: u64| count as f64 / seconds;
        writeln!(f, "time        {seconds:.2} s")?;
        writeln!(f, "sessions    {} ({:.0} per second)", self.sessions, rate(self.sessions))?;
        if self.script != Script::Login {
            writeln!(f, "operations  {} ({:.0} per second)", self.operations, rate(self.operations))?;
        }
        if self.messages > 0 {
            writeln!(f, "messages    {} ({:.0} per second)", self.messages, rate(self.messages))?;
        }
        if self.octets > 0 {
            writeln!(f, "octets      {} ({:.1} MB per second)", self.octets, rate(self.octets) / 1e6)?;
        }
        if let Some(cpu) = self.cpu {
            let unit =
                if self.messages > 0 { ("message", self.messages) } else { ("operation", self.operations) };
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            let each = cpu.as_secs_f64() * 1e6 / unit.1.max(1) as f64;
            writeln!(f, "server CPU  {:.2} s ({each:.1} \u{b5}s for each {})", cpu.as_secs_f64(), unit.0)?;
        }
        if !self.percentiles.is_empty() {
            write!(f, "time for each {}:", self.script.timed(self.pipelining))?;
            for (percent, time) in &self.percentiles {
                let name = if *percent >= 100.0 { "max".to_owned() } else { format!("{percent}%") };
                write!(f, " {name} {time:?}")?;
            }
            writeln!(f)?;
        }
        for (text, count) in &self.errors {
            writeln!(f, "error       {count} times: {text}")?;
        }
        Ok(())
    }
}
