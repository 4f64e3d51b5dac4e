//! `pop3 fetch`: a maildrop into files.
//!
//! A message is stored when its terminator has come, and only then, after it is on the disk and in
//! the state file, DELE is sent for it. Whatever interrupts a run, the next one neither loses nor
//! repeats a message.

mod failure;
mod summary;

use std::sync::{Arc, Once};

use pop3_connect::{ClientTask, Dial, Login};
use pop3_driver::client::Client;
use pop3_driver::{Stop, Transport};
use pop3_fetch::{Fetch, FetchOptions, FetchReport, Target};

use crate::account;
use crate::args;
use crate::exit::{Exit, Failure};
use crate::interrupt::{self, Shield};
use crate::progress::Progress;

/// Fetches.
pub(crate) fn run(options: &args::Fetch) -> Result<Exit, Failure> {
    let to_stderr = matches!(options.to, Target::Stdout);
    let (quiet, json) = (options.quiet, options.json);
    let tell = move |result: &Result<Exit, Failure>, report: &FetchReport, always: bool| {
        if json {
            summary::print_json(report, result, to_stderr);
        } else if !quiet && (always || result.is_ok() || report.is_begun()) {
            // Without a session there is nothing to report but the error.
            summary::print(report, to_stderr);
        }
    };
    let tell_end = move |exit, report: &FetchReport| {
        let failure = stopped(exit);
        crate::tell::tell(&failure);
        tell(&Err(failure), report, true);
    };
    let notice = move |exit| {
        if !quiet {
            crate::tell::tell(format_args!(
                "pop3: {}: finishing the messages in transit, which takes a few seconds (a second signal \
                 ends the fetch at once)",
                signal(exit)
            ));
        }
    };
    interrupt::watch(notice, move |exit| tell_end(exit, &FetchReport::default()))?;
    let (mut report, mut shield) = (FetchReport::default(), None);
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

fn fetch(
    options: &args::Fetch,
    report: &mut FetchReport,
    shield: &mut Option<Shield>,
) -> Result<Exit, Failure> {
    if options.delete && matches!(options.to, Target::Stdout) {
        return Err(Failure::usage(
            "--delete can't be used with --to -, because the reader of the pipe may have discarded the \
             mail; fetch into files (maildir:DIR, mbox:FILE or dir:DIR)",
        ));
    }
    let account = &options.account;
    let url = account.url()?;
    let settings = account::settings(account, options.verbose);
    let dial = Dial::new(&settings, &url)?;
    let login = Login::new(&settings, &url, dial.place())?
        .ok_or_else(|| Failure::usage("the URL contains no user name; write pop3://user@host"))?;
    let mut dial = dial.for_login(&login);
    let owner = pop3_fetch::account(&url, login.user());
    let path = match &options.state {
        Some(path) => path.clone(),
        None => pop3_fetch::default_state(&owner, &options.to).map_err(|error| failure::unopened(&error))?,
    };
    // From here on a signal throws the switch, and all is put in order. What waits for a lock looks for it.
    *shield = Some(interrupt::shield());
    let_writes_fail();
    let stop = interrupt::stop().unwrap_or_default();
    let fetch = Fetch::open(&options.to, &path, &owner, wishes(options, stop.clone()))
        .map_err(|error| failure::unopened(&error))?;
    if options.no_pipelining || fetch.lost_synchronisation() {
        dial = dial.with_pipelining(false);
    }
    dial = dial.with_stop(stop);
    let mut fetch = fetch.on_event(Progress::new(options.quiet, options.verbose).listener());
    let fetched = dial
        .run(account.runtime.connect, Fetcher { fetch: &mut fetch, login })
        .map_err(|error| Failure::from(dial.explain(&error)));
    *report = *fetch.report();
    let report = fetched?.map_err(|error| failure::failure(&error, &dial))?;
    Ok(if report.is_well() { Exit::Done } else { Exit::Partial })
}

fn wishes(options: &args::Fetch, stop: Stop) -> FetchOptions {
    FetchOptions::new()
        .with_all(options.all)
        .with_delete(options.delete)
        .with_limit(options.limit)
        .with_max_size(options.max_size)
        .with_forget_after(options.forget_after)
        .with_recognised_by(options.recognise_by)
        .with_stop(stop)
}

/// Where a file may not grow, as with `ulimit -f`, a write is to fail and not to end the program. If that can't be
/// had, the next run puts in order what was written.
fn let_writes_fail() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    });
}

/// Logs in and fetches, on any transport.
struct Fetcher<'a> {
    fetch: &'a mut Fetch,
    login: Login,
}

impl ClientTask for Fetcher<'_> {
    type Output = Result<FetchReport, pop3_fetch::FetchError>;

    async fn run<T: Transport>(self, mut client: Client<T>) -> Self::Output {
        account::log_in(&self.login, &mut client).await?;
        self.fetch.run(client).await
    }
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
        format!("ended by {signal}; stored messages are recorded, the rest stays on the server"),
    )
}
