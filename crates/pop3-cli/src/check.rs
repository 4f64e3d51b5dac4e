//! `pop3 check`: what a server can do, and what is odd about it.

use crate::account;
use crate::args::Check;
use crate::exit::{Exit, Failure};
use crate::tell::{print, tell};

/// Checks.
pub(crate) fn run(options: &Check) -> Result<Exit, Failure> {
    let account = &options.account;
    let check = pop3_check::Check::new(&account::settings(account, options.verbose), &account.url()?)?;
    let report = check.run(account.runtime.connect);
    if let Some(warning) = &report.warning {
        tell(format_args!("pop3: warning: {warning}"));
    }
    let text = if options.json { report.json() + "\n" } else { report.to_string() };
    print(&text);
    report.error.map_or(Ok(Exit::Done), |error| Err(error.into()))
}
