//! The program `pop3`: serves and fetches mail with POP3.

// They panic where nothing can be written, as on a closed pipe.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod account;
mod args;
#[cfg(feature = "tokio")]
mod bench;
mod check;
mod conformance;
mod demo;
mod exit;
mod fetch;
mod interrupt;
mod lint;
mod logging;
mod passwd;
mod password;
mod progress;
mod serve;
mod store;
mod tell;

#[cfg(not(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads")))]
compile_error!("the program needs a runtime: one of the features tokio, async-std, smol and threads");

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::tell::tell;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return report_usage(&error).into(),
    };
    match run(&cli.command) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            tell(&failure);
            failure.exit().into()
        }
    }
}

fn run(command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Passwd(options) => passwd::run(options),
        Command::Serve(options) => serve::run(options),
        Command::Store(options) => store::run(options),
        Command::Fetch(options) => fetch::run(options),
        Command::Check(options) => check::run(options),
        #[cfg(feature = "tokio")]
        Command::Bench(options) => bench::run(options),
        Command::Conformance(options) => conformance::run(options),
        Command::Demo(options) => demo::run(options),
        Command::Lint(options) => lint::run(options),
    }
}

/// The command line was not understood: one line from the parser's report, or the help that was
/// asked for.
fn report_usage(error: &clap::Error) -> Exit {
    use clap::error::ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};

    let kind = error.kind();
    if matches!(kind, DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        // Nothing can be said when the help can't be written.
        let _ = error.print();
        return if error.use_stderr() { Exit::Usage } else { Exit::Done };
    }
    let text = error.render().to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    let line = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.strip_prefix("error: ").unwrap_or(&line);
    tell(Failure::usage(format!("{line} (see pop3 --help)")));
    Exit::Usage
}
