//! `pop3 fetch`: a maildrop into files.
//!
//! A message is stored when its terminator has come, and only then, after it is on the disk and in
//! the state file, DELE is sent for it. Whatever interrupts a run, the next one neither loses nor
//! repeats a message.

mod catalogue;
mod inbox;
#[cfg(test)]
mod interrupted;
mod listing;
mod plan;
mod report;
mod session;
mod state;

use crate::args::{Fetch, RecogniseBy, Target};
use crate::dial::Dial;
use crate::exit::{Exit, Failure};
use crate::journal::RecognisedBy;
use crate::login::Login;
use inbox::Inbox;
use plan::Wishes;
use report::Report;
use session::Fetcher;

/// Fetches.
pub(crate) fn run(options: &Fetch) -> Result<Exit, Failure> {
    let mut report = Report::default();
    let result = fetch(options, &mut report);
    let to_stderr = matches!(options.to, Target::Stdout);
    if options.json {
        report.print_json(&result, to_stderr);
    } else if !options.quiet && (result.is_ok() || report.is_begun()) {
        // Without a session there is nothing to report but the error.
        report.print(to_stderr);
    }
    result
}

fn fetch(options: &Fetch, report: &mut Report) -> Result<Exit, Failure> {
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
    let target = state::target(&options.to);
    let path = match &options.state {
        Some(path) => path.clone(),
        None => state::default_path(&owner, &target)?,
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
            forget_after: options.forget_after,
        },
        recognise_by: options.recognise_by.map(|by| match by {
            RecogniseBy::UniqueIds => RecognisedBy::UniqueIds,
            RecogniseBy::Content => RecognisedBy::Content,
        }),
        quiet: options.quiet,
        report: Report::default(),
    };
    let (ended, result) = dial.run(fetcher).map_err(|error| dial.failure(&error))?;
    *report = ended;
    result.map_err(|ended| ended.failure(&dial, &options.to))?;
    Ok(if report.is_well() { Exit::Done } else { Exit::Partial })
}
