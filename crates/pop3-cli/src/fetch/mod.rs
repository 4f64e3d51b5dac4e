//! `pop3 fetch`: a maildrop into files.
//!
//! A message is stored when its terminator has come, and only then, after it is on the disk and in
//! the state file, DELE is sent for it. Whatever interrupts a run, the next one neither loses nor
//! repeats a message.

mod chunk;
mod inbox;
#[cfg(test)]
mod interrupted;
mod listing;
mod place;
mod plan;
mod report;
mod session;
mod state;
mod storing;

use crate::args::{Fetch, Target};
use crate::dial::Dial;
use crate::exit::{Exit, Failure};
use crate::interrupt;
use crate::login::Login;
use inbox::Inbox;
use plan::Wishes;
use report::Report;
use session::Fetcher;

/// Fetches.
pub(crate) fn run(options: &Fetch) -> Result<Exit, Failure> {
    if options.delete && matches!(options.to, Target::Stdout) {
        return Err(Failure::usage(
            "--delete with --to - would delete mail that the reader of the pipe may have thrown away; fetch into files (maildir:DIR, mbox:FILE or dir:DIR)",
        ));
    }
    let (quiet, json, to_stderr) = (options.quiet, options.json, matches!(options.to, Target::Stdout));
    interrupt::watch(move |exit| {
        eprintln!("{}", stopped(exit));
        if !quiet {
            Report::default().print(json, to_stderr);
        }
    })?;
    let result = fetch(options);
    if interrupt::caught().is_some() {
        // Whatever went wrong behind the signal did so by the signal.
        interrupt::await_end()
    }
    result
}

fn fetch(options: &Fetch) -> Result<Exit, Failure> {
    let account = &options.account;
    let url = account.url()?;
    let mut dial = Dial::new(account, &url)?;
    let login = Login::new(account, &url, &dial.place)?
        .ok_or_else(|| Failure::usage("the URL names no user: pop3://user@host"))?;
    dial.kind = login.kind();
    let owner = state::account(&url, login.user());
    let target = options.to.identity();
    let path = match &options.state {
        Some(path) => path.clone(),
        None => state::default_path(&owner, &options.to)?,
    };
    // From here on a signal throws the switch, and all is put in order. What waits for a lock looks for it.
    let _shield = interrupt::shield();
    let inbox = Inbox::open(&options.to, &path, &owner, &target, options.all)?;
    converse(options, dial, inbox, login)
}

/// Connects, fetches, and tells how it went.
fn converse(options: &Fetch, mut dial: Dial, mut inbox: Inbox, login: Login) -> Result<Exit, Failure> {
    if options.no_pipelining || inbox.traits().lost_synchronisation {
        dial.options.config.pipelining = false;
    }
    dial.options.stop = interrupt::stop();

    let fetcher = Fetcher {
        inbox: &mut inbox,
        login,
        wishes: Wishes {
            all: options.all,
            delete: options.delete,
            limit: options.limit,
            max_size: options.max_size,
        },
        quiet: options.quiet,
        report: Report::default(),
    };
    let (report, result) = match dial.run(fetcher) {
        Ok((report, result)) => (report, result.map_err(|ended| ended.failure(&dial))),
        Err(error) => (Report::default(), Err(dial.failure(&error))),
    };
    let caught = interrupt::caught();
    if let Some(exit) = caught {
        eprintln!("{}", stopped(exit));
    }
    // Without a session there is nothing to report but the error.
    if !options.quiet && (result.is_ok() || report.is_begun() || caught.is_some()) {
        report.print(options.json, matches!(options.to, Target::Stdout));
    }
    interrupt::said();
    result?;
    Ok(if report.is_complete() { Exit::Done } else { Exit::Partial })
}

/// What is said when a signal has ended a fetch.
fn stopped(exit: Exit) -> Failure {
    let signal = if exit == Exit::Interrupted {
        "SIGINT"
    } else if exit == Exit::HungUp {
        "SIGHUP"
    } else {
        "SIGTERM"
    };
    Failure::new(
        exit,
        format!("ended by {signal}; what is stored is remembered, the rest stays on the server"),
    )
}
