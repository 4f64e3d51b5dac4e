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
mod dialogue;
mod exit;
mod fetch;
mod generate;
mod interrupt;
mod lint;
mod logging;
mod passwd;
mod password;
mod progress;
mod serve;
mod tell;
mod usage;

#[cfg(not(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads")))]
compile_error!("the program needs a runtime: one of the features tokio, async-std, smol and threads");

use std::process::ExitCode;

use crate::args::Command;
use crate::exit::{Exit, Failure};
use crate::tell::tell;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().collect();
    let cli = match args::read(words.clone()) {
        Ok(cli) => cli,
        Err(error) => return usage::report(&error, &words).into(),
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
        Command::Fetch(options) => fetch::run(options),
        Command::Check(options) => check::run(options),
        #[cfg(feature = "tokio")]
        Command::Bench(options) => bench::run(options),
        Command::Conformance(options) => conformance::run(options),
        Command::Demo(options) => demo::run(options),
        Command::Lint(options) => lint::run(options),
        Command::Generate(options) => generate::run(options),
    }
}
