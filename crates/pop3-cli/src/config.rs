//! The configuration file of `pop3 serve`: its keys are the names of the options.
//!
//! The file becomes options in front of those of the command line. What an option means, which values it takes and which
//! others it needs is known by the parser of the command line alone.

mod file;
mod kind;
mod print;
#[cfg(test)]
mod tests;

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, FromArgMatches as _};
use pop3_text::Printable;

use crate::args::store_url::{STORE_VARIABLE, shown};
use crate::args::{Cli, Command, definition};

pub(crate) use print::annotated;

/// The name of the command that reads a file.
const SERVE: &str = "serve";

/// Options that a file can't have.
const COMMAND_LINE_ONLY: [&str; 5] = ["config", "check-config", "print-config", "help", "version"];

/// Options that change only when the server begins. All others take effect when the server reads its settings again.
pub(crate) const NEEDS_RESTART: [&str; 11] = [
    "listen",
    "listen-tls",
    "runtime",
    "log-format",
    "run-as",
    "allow-root",
    "metrics",
    "store",
    "node",
    "store-connections",
    "node-store",
];

/// The command line of the program, which can be read again and again, with the configuration file that it names.
#[derive(Clone)]
pub(crate) struct CommandLine {
    words: Vec<OsString>,
    /// The store that the environment names.
    store: Option<OsString>,
}

/// What the command line and the file say.
#[derive(Debug)]
pub(crate) enum Given {
    Run(Command, Box<Settings>),
    /// Print a file with all options.
    PrintConfig,
}

/// The options of `pop3 serve`, by their names without dashes, and where in the file each of them is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    file: Option<PathBuf>,
    values: BTreeMap<String, Vec<OsString>>,
    lines: BTreeMap<String, usize>,
}

/// Something wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mistake {
    file: PathBuf,
    line: Option<usize>,
    what: String,
}

/// Why there are no options.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The command line is not understood, or asks for help.
    CommandLine(Box<clap::Error>),
    /// The file is not understood.
    File(Vec<Mistake>),
}

impl From<clap::Error> for Refused {
    fn from(error: clap::Error) -> Self {
        Self::CommandLine(error.into())
    }
}

impl fmt::Display for Mistake {
    /// One line, whatever the file contains.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file.display().to_string();
        write!(f, "{}", Printable::whole(file.as_bytes()))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", Printable::whole(self.what.as_bytes()))
    }
}

impl Mistake {
    fn new(file: &Path, line: impl Into<Option<usize>>, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: line.into(), what: what.into() }
    }
}

impl CommandLine {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        let store = env::var_os(STORE_VARIABLE).filter(|store| !store.is_empty());
        Self { store, ..Self::new(env::args_os()) }
    }

    fn new(words: impl IntoIterator<Item = OsString>) -> Self {
        Self { words: words.into_iter().collect(), store: None }
    }

    /// The words, of which the first is the name of the program.
    pub(crate) fn words(&self) -> &[OsString] {
        &self.words
    }

    /// Reads the options, and the file if one is named.
    ///
    /// # Errors
    /// When one of them is not understood.
    pub(crate) fn read(&self) -> Result<Given, Refused> {
        let (line, off) = without_switches(&self.words);
        // The first look only finds the file, and which options the file can't change.
        let seen = definition().ignore_errors(true).try_get_matches_from(&line)?;
        let Some((SERVE, seen)) = seen.subcommand() else { return given(&line, Settings::default()) };
        if is_set(seen, "print_config") {
            // It needs no other option.
            return Ok(Given::PrintConfig);
        }
        let at = line.iter().position(|word| word == SERVE).map_or(line.len(), |at| at + 1);
        let (before, behind) = line.split_at(at);
        let line = Line { before, behind, store: self.store.as_ref().filter(|_| !names_store(seen)) };
        let Some(path) = seen.get_one::<PathBuf>("config") else {
            return given(&line.with(&[]), Settings::default());
        };
        let mut on_line = on_line(seen);
        on_line.extend(off);
        let file = file::read(path, &on_line, &line).map_err(Refused::File)?;
        let settings = Settings { file: Some(path.clone()), lines: file.lines, ..Settings::default() };
        given(&line.with(&file.options), settings).map_err(|refused| file::explain(refused, path))
    }
}

impl fmt::Debug for CommandLine {
    /// Without the store of the environment, which may have a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandLine").field("words", &self.words.len()).finish_non_exhaustive()
    }
}

/// The options that say where the maildrops are.
const STORES: [&str; 2] = ["store", "maildrops"];

/// Whether the command line says where the maildrops are.
fn names_store(seen: &ArgMatches) -> bool {
    STORES.iter().any(|id| is_set(seen, id))
}

/// A command line that the options of a file go into.
struct Line<'a> {
    before: &'a [OsString],
    behind: &'a [OsString],
    /// The store of the environment, if the command line has none.
    store: Option<&'a OsString>,
}

impl Line<'_> {
    /// All words, with those of a file. The store of the environment is used if nothing else says where the maildrops
    /// are.
    fn with(&self, file: &[OsString]) -> Vec<OsString> {
        let is_named = |word: &OsString| {
            let text = word.to_string_lossy();
            STORES
                .iter()
                .any(|id| text.strip_prefix("--").is_some_and(|text| text.starts_with(&format!("{id}="))))
        };
        let store = self.store.filter(|_| !file.iter().any(is_named)).map(|store| {
            let mut word = OsString::from("--store=");
            word.push(store);
            word
        });
        let store = Vec::from_iter(store);
        [self.before, &store, file, self.behind].concat()
    }
}

/// Reads options that are complete.
fn given(line: &[OsString], settings: Settings) -> Result<Given, Refused> {
    let mut matches = definition().try_get_matches_from(line)?;
    let mut values = BTreeMap::new();
    if let Some((SERVE, seen)) = matches.subcommand() {
        for (long, id) in options() {
            let raw = seen.get_raw(&id).into_iter().flatten();
            values.insert(long, raw.map(OsStr::to_owned).collect());
        }
    }
    let Cli { command } = Cli::from_arg_matches_mut(&mut matches)?;
    Ok(Given::Run(command, Settings { values, ..settings }.into()))
}

impl Settings {
    /// The file that was read.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The mistake that an option of the file is, or the whole file; `None` if it is on the command line.
    pub(crate) fn mistake(&self, option: &str, what: &str) -> Option<Mistake> {
        let (file, line) = (self.file()?, self.lines.get(option)?);
        Some(Mistake::new(file, *line, format!("{option}: {what}")))
    }

    /// The names of the options whose values differ, in the order of the alphabet.
    pub(crate) fn differences<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'a str> {
        let names =
            self.values.keys().chain(other.values.keys().filter(|name| !self.values.contains_key(*name)));
        names.filter(|name| self.values.get(*name) != other.values.get(*name)).map(String::as_str)
    }

    /// The value of an option, as people write it.
    /// A store is shown without a password.
    pub(crate) fn value(&self, option: &str) -> String {
        let values = self.values.get(option).map(Vec::as_slice).unwrap_or_default();
        let show = |value: &OsString| match option {
            "store" | "node-store" => shown(value),
            _ => value.to_string_lossy().into_owned(),
        };
        values.iter().map(show).collect::<Vec<_>>().join(", ")
    }
}

/// The command, whose options the file has.
fn serve() -> clap::Command {
    let mut cli = definition();
    cli.build();
    // It is there: the tests read each of its options.
    cli.find_subcommand(SERVE).cloned().unwrap_or_default()
}

/// The name of each option without dashes, and its name in the code.
fn options() -> impl Iterator<Item = (String, String)> {
    let options: Vec<_> = serve()
        .get_arguments()
        .filter_map(|option| Some((option.get_long()?.to_owned(), option.get_id().to_string())))
        .filter(|(long, _)| !COMMAND_LINE_ONLY.contains(&long.as_str()))
        .collect();
    options.into_iter()
}

fn is_set(matches: &ArgMatches, id: &str) -> bool {
    matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// The options that the command line has, and those that they exclude: the file can't change these.
fn on_line(seen: &ArgMatches) -> BTreeSet<String> {
    let serve = serve();
    let of_file =
        |option: &&clap::Arg| option.get_long().is_some_and(|long| !matches!(long, "help" | "version"));
    let options: Vec<_> = serve.get_arguments().filter(of_file).collect();
    let set: Vec<_> = options.iter().filter(|option| is_set(seen, option.get_id().as_str())).collect();
    let is_fixed = |option: &&&clap::Arg| {
        set.iter().any(|other| other.get_id() == option.get_id() || exclude(&serve, option, other))
    };
    options.iter().filter(is_fixed).filter_map(|option| option.get_long().map(str::to_owned)).collect()
}

/// Whether one of two options excludes the other.
fn exclude(serve: &clap::Command, one: &clap::Arg, other: &clap::Arg) -> bool {
    let names = |one: &clap::Arg, other: &clap::Arg| {
        serve.get_arg_conflicts_with(one).iter().any(|excluded| excluded.get_id() == other.get_id())
    };
    names(one, other) || names(other, one)
}

/// Takes the values of switches away: `--NAME=true` is `--NAME`, and `--NAME=false` turns off what the file turns on.
/// Returns the names of those that are turned off.
fn without_switches(line: &[OsString]) -> (Vec<OsString>, Vec<String>) {
    if line.get(1).is_none_or(|word| word != SERVE) {
        return (line.to_vec(), Vec::new());
    }
    let serve = serve();
    let switch = |word: &OsString| {
        let (long, value) = word.to_str()?.strip_prefix("--")?.split_once('=')?;
        let option = serve.get_arguments().find(|option| option.get_long() == Some(long))?;
        let is_switch = kind::Kind::of(option) == kind::Kind::Switch && !COMMAND_LINE_ONLY.contains(&long);
        is_switch.then(|| Some((long.to_owned(), value.parse().ok()?))).flatten()
    };
    let (mut rest, mut off) = (Vec::new(), Vec::new());
    for word in line {
        match switch(word) {
            Some((long, true)) => rest.push(format!("--{long}").into()),
            Some((long, false)) => off.push(long),
            None => rest.push(word.clone()),
        }
    }
    (rest, off)
}
