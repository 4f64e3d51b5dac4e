//! `pop3 fetch`: a maildrop into files.
//!
//! A message is stored when its terminator has come, and only then, after it is on the disk and in
//! the state file, DELE is sent for it. Whatever interrupts a run, the next one neither loses nor
//! repeats a message.

mod catalogue;
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

use crate::args::{Fetch, RecogniseBy, Target};
use crate::dial::Dial;
use crate::exit::{Exit, Failure};
use crate::interrupt::{self, Shield};
use crate::journal::RecognisedBy;
use crate::login::Login;
use inbox::Inbox;
use plan::Wishes;
use report::Report;
use session::Fetcher;

/// Fetches.
pub(crate) fn run(options: &Fetch) -> Result<Exit, Failure> {
    let to_stderr = matches!(options.to, Target::Stdout);
    let (quiet, json) = (options.quiet, options.json);
    let tell = move |result: &Result<Exit, Failure>, report: &Report, always: bool| {
        if json {
            report.print_json(result, to_stderr);
        } else if !quiet && (always || result.is_ok() || report.is_begun()) {
            // Without a session there is nothing to report but the error.
            report.print(to_stderr);
        }
    };
    let tell_end = move |exit, report: &Report| {
        let failure = stopped(exit);
        crate::tell::tell(&failure);
        tell(&Err(failure), report, true);
    };
    let notice = move |exit| {
        if !quiet {
            crate::tell::tell(format_args!(
                "pop3: {}: the fetch ends when what is on its way has come, in a few seconds (a second signal ends it at once)",
                signal(exit)
            ));
        }
    };
    interrupt::watch(notice, move |exit| tell_end(exit, &Report::default()))?;
    let (mut report, mut shield) = (Report::default(), None);
    let result = fetch(options, &mut report, &mut shield);
    // Whatever went wrong behind a signal did so by the signal.
    match (interrupt::caught(), shield.is_some()) {
        (Some(exit), true) => tell_end(exit, &report),
        (Some(_), false) => {}
        (None, _) => tell(&result, &report, false),
    }
    if shield.is_some() {
        interrupt::said();
    }
    drop(shield);
    if interrupt::caught().is_some() {
        interrupt::await_end()
    }
    result
}

fn fetch(options: &Fetch, report: &mut Report, shield: &mut Option<Shield>) -> Result<Exit, Failure> {
    if options.delete && matches!(options.to, Target::Stdout) {
        return Err(Failure::usage(
            "--delete with --to - would delete mail that the reader of the pipe may have thrown away; fetch into files (maildir:DIR, mbox:FILE or dir:DIR)",
        ));
    }
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
    *shield = Some(interrupt::shield());
    let inbox = Inbox::open(&options.to, &path, &owner, &target, options.all)?;
    converse(options, dial, inbox, login, report)
}

/// Connects and fetches.
fn converse(
    options: &Fetch,
    mut dial: Dial,
    mut inbox: Inbox,
    login: Login,
    report: &mut Report,
) -> Result<Exit, Failure> {
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
    result.map_err(|ended| ended.failure(&dial))?;
    Ok(if report.is_well() { Exit::Done } else { Exit::Partial })
}

/// The name of the signal by which the program ends.
fn signal(exit: Exit) -> &'static str {
    if exit == Exit::Interrupted {
        "SIGINT"
    } else if exit == Exit::HungUp {
        "SIGHUP"
    } else {
        "SIGTERM"
    }
}

/// What is said when a signal has ended a fetch.
fn stopped(exit: Exit) -> Failure {
    let signal = signal(exit);
    Failure::new(
        exit,
        format!("ended by {signal}; what is stored is remembered, the rest stays on the server"),
    )
}
