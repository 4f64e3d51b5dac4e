//! The program `pop3`: serves and fetches mail with POP3.

// They panic where nothing can be written, as on a closed pipe.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod account;
mod args;
#[cfg(feature = "tokio")]
mod bench;
mod check;
mod config;
mod conformance;
#[cfg(feature = "tokio")]
mod database;
mod deliver;
mod demo;
mod dialogue;
mod exit;
mod fetch;
mod generate;
mod interrupt;
mod lint;
#[cfg(feature = "tokio")]
mod lmtp;
mod logging;
mod passwd;
mod password;
mod progress;
mod serve;
mod store;
mod tell;
mod usage;
mod user;

#[cfg(not(any(feature = "tokio", feature = "async-std", feature = "smol", feature = "threads")))]
compile_error!("the program needs a runtime: one of the features tokio, async-std, smol and threads");

use std::process::ExitCode;

use crate::args::Command;
use crate::config::{CommandLine, Given, Refused, Settings};
use crate::exit::{Exit, Failure};
use crate::tell::{hand_out, tell};

fn main() -> ExitCode {
    let line = CommandLine::of_process();
    let ended = match line.read() {
        Ok(Given::Run(command, settings)) => run(&command, line, *settings),
        Ok(Given::PrintConfig) => hand_out(&config::annotated()).map(|()| Exit::Done),
        Err(Refused::CommandLine(error)) => return usage::report(&error, line.words()).into(),
        Err(Refused::File(mistakes)) => {
            mistakes.iter().for_each(tell);
            return Exit::Usage.into();
        }
    };
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            tell(&failure);
            failure.exit().into()
        }
    }
}

fn run(command: &Command, line: CommandLine, settings: Settings) -> Result<Exit, Failure> {
    match command {
        Command::Passwd(options) => passwd::run(options),
        Command::User(options) => user::run(options),
        Command::Serve(options) => serve::run(options, line, settings),
        Command::Deliver(options) => Ok(deliver::run(options)),
        #[cfg(feature = "tokio")]
        Command::Lmtp(options) => lmtp::run(options),
        Command::Store(options) => store::run(options),
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
