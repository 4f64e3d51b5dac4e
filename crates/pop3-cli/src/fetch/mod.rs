//! `pop3 fetch`: a maildrop into files.
//!
//! A message is stored when its terminator has come, and only then, after it is on the disk and in
//! the state file, DELE is sent for it. Whatever interrupts a run, the next one neither loses nor
//! repeats a message.

mod inbox;
#[cfg(test)]
mod interrupted;
mod place;
mod plan;
mod report;
mod session;
mod state;

use crate::args::{Fetch, Target};
use crate::dial::Dial;
use crate::exit::{Exit, Failure};
use crate::login::Login;
use inbox::Inbox;
use plan::Wishes;
use report::Report;
use session::Fetcher;

/// Fetches.
pub(crate) fn run(options: &Fetch) -> Result<Exit, Failure> {
    let account = &options.account;
    let url = account.url()?;
    let mut dial = Dial::new(account, &url)?;
    if options.no_pipelining {
        dial.options.config.pipelining = false;
    }
    let login = Login::new(account, &url, &dial.place)?
        .ok_or_else(|| Failure::usage("the URL names no user: pop3://user@host"))?;
    dial.kind = login.kind();
    let owner = state::account(&url, login.user());
    let target = options.to.identity();
    let path = match &options.state {
        Some(path) => path.clone(),
        None => state::default_path(&owner, &options.to)?,
    };
    let mut inbox = Inbox::open(&options.to, &path, &owner, &target, options.all)?;

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
        Ok(ended) => ended,
        Err(error) => return Err(dial.failure(&error)),
    };
    let result = result.map_err(|ended| ended.failure(&dial));
    // Without a session there is nothing to report but the error.
    if !options.quiet && (result.is_ok() || report.is_begun()) {
        report.print(options.json, matches!(options.to, Target::Stdout));
    }
    result?;
    Ok(if report.is_complete() { Exit::Done } else { Exit::Partial })
}
