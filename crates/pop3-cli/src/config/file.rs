//! Reads the file, and finds all mistakes in it.

use core::ops::Range;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::path::{self, Path, PathBuf};

use clap::Arg;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use toml::de::{DeTable, DeValue};

use super::kind::{Kind, is_list};
use super::{COMMAND_LINE_ONLY, Line, Mistake, Refused, SERVE, exclude, serve};
use crate::args::definition;
use crate::args::store_url::in_folder;
use crate::exit::first_line;

/// A longer file is not read.
const MAX_SIZE: u64 = 256 * 1024;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Options {
    /// As on a command line, without those that the command line has.
    pub(super) options: Vec<OsString>,
    /// Where each option of the file is.
    pub(super) lines: BTreeMap<String, usize>,
}

/// Reads a file. The options that are `on_line` do not count. `line` is the whole command line.
///
/// # Errors
/// All mistakes in it.
pub(super) fn read(
    path: &Path,
    on_line: &BTreeSet<String>,
    line: &Line<'_>,
) -> Result<Options, Vec<Mistake>> {
    let text = text(path).map_err(|what| vec![Mistake::new(path, None, what)])?;
    parse(path, &text, on_line, line)
}

/// The text of a file.
fn text(path: &Path) -> Result<String, String> {
    let cant = |error| format!("the configuration file can't be read: {error}");
    let file = File::open(path).map_err(cant)?;
    let mut octets = Vec::new();
    file.take(MAX_SIZE + 1).read_to_end(&mut octets).map_err(cant)?;
    if octets.len() as u64 > MAX_SIZE {
        return Err(format!("the configuration file has more than {MAX_SIZE} octets"));
    }
    String::from_utf8(octets).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + before.iter().filter(|&&octet| octet == b'\n').count();
        format!("line {line} is not UTF-8")
    })
}

/// Reads the text of a file.
pub(super) fn parse(
    path: &Path,
    text: &str,
    on_line: &BTreeSet<String>,
    line: &Line<'_>,
) -> Result<Options, Vec<Mistake>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let folder = path::absolute(path).ok().and_then(|path| Some(path.parent()?.to_owned()));
    let mut reader = Reader {
        path,
        text,
        folder: folder.unwrap_or_default(),
        parser: Parser::new(),
        serve: serve(),
        mistakes: BTreeSet::new(),
        found: Vec::new(),
    };
    for error in &errors {
        reader.note(error.span(), error.message());
    }
    // What stands on a line that is not understood may mean anything.
    let broken: BTreeSet<_> = reader.mistakes.iter().map(|mistake| mistake.line).collect();
    for (key, value) in table.get_ref() {
        if !broken.contains(&Some(reader.line(key.span()))) {
            reader.entry(key.get_ref(), key.span(), value.get_ref());
        }
    }
    reader.found.sort_by_key(|entry| entry.line);
    if errors.is_empty() {
        reader.compare(on_line, line);
    }
    if !reader.mistakes.is_empty() {
        return Err(reader.mistakes.into_iter().collect());
    }
    let mut options = Options::default();
    for Entry { long, line, words } in reader.found {
        if !on_line.contains(&long) {
            options.options.extend(words);
            options.lines.insert(long, line);
        }
    }
    Ok(options)
}

/// An option that is written in the file.
struct Entry {
    long: String,
    line: usize,
    words: Vec<OsString>,
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    /// The directory of the file.
    folder: PathBuf,
    parser: Parser,
    serve: clap::Command,
    mistakes: BTreeSet<Mistake>,
    found: Vec<Entry>,
}

impl Reader<'_> {
    fn line(&self, span: Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or(self.text.as_bytes());
        1 + before.iter().filter(|&&octet| octet == b'\n').count()
    }

    fn note(&mut self, span: Option<Range<usize>>, what: impl Into<String>) {
        let line = span.map(|span| self.line(span));
        self.mistakes.insert(Mistake::new(self.path, line, what));
    }

    /// One key and its value.
    fn entry(&mut self, long: &str, span: Range<usize>, value: &DeValue<'_>) {
        if COMMAND_LINE_ONLY.contains(&long) {
            return self
                .note(Some(span), format!("`{long}` can only be given on the command line; remove it"));
        }
        let option = self.serve.get_arguments().find(|option| option.get_long() == Some(long)).cloned();
        let Some(option) = option else {
            let what = self.unknown(long, value);
            return self.note(Some(span), what);
        };
        let before = self.mistakes.len();
        let (kind, mut words) = (Kind::of(&option), Vec::new());
        match value.as_array().filter(|_| is_list(&option)) {
            Some(values) => {
                for value in values.iter() {
                    words.extend(self.checked(long, kind, value.span(), value.get_ref()));
                }
            }
            None => words.extend(self.checked(long, kind, span.clone(), value)),
        }
        if self.mistakes.len() == before {
            let line = self.line(span);
            self.found.push(Entry { long: long.to_owned(), line, words });
        }
    }

    /// A value as it stands on a command line, if the parser takes it.
    fn checked(
        &mut self,
        long: &str,
        kind: Kind,
        span: Range<usize>,
        value: &DeValue<'_>,
    ) -> Option<OsString> {
        let word = self.word(long, kind, span.clone(), value)?;
        if let Some(what) = self.parser.refusal(&word) {
            self.note(Some(span), what);
            return None;
        }
        Some(word)
    }

    /// A value as it stands on a command line; `None` for a switch that is off, or with a mistake.
    fn word(&mut self, long: &str, kind: Kind, span: Range<usize>, value: &DeValue<'_>) -> Option<OsString> {
        let number = || {
            let number = value.as_integer()?;
            let value = i64::from_str_radix(number.as_str(), number.radix());
            Some(value.map_or_else(|_| number.to_string(), |value| value.to_string()).into())
        };
        let text = || value.as_str().map(OsString::from);
        // A number in quotation marks is one without a unit.
        let with_unit = || value.as_str().filter(|text| text.parse::<i64>().is_err()).map(OsString::from);
        let given = match kind {
            Kind::Switch => match value.as_bool() {
                Some(on) => return on.then(|| format!("--{long}").into()),
                None => None,
            },
            Kind::Number | Kind::Time => number().or_else(with_unit),
            Kind::Path => value.as_str().map(|text| self.folder_path(text)),
            Kind::Text => text(),
            Kind::Form => number().or_else(text),
            Kind::Store => value.as_str().map(|text| in_folder(text, &self.folder)),
        };
        let Some(given) = given else {
            let (wanted, is) = (kind.wanted(), name(value));
            self.note(Some(span), format!("`{long}` must be {wanted}, not {is}"));
            return None;
        };
        let mut word = OsString::from(format!("--{long}="));
        word.push(given);
        Some(word)
    }

    /// A path from the directory of the file.
    fn folder_path(&self, text: &str) -> OsString {
        // An empty one is refused by the parser.
        if text.is_empty() { OsString::new() } else { self.folder.join(text).into() }
    }

    fn unknown(&mut self, long: &str, value: &DeValue<'_>) -> String {
        if matches!(value, DeValue::Table(_)) {
            let advice = "write its keys without a heading, at the top";
            return format!("there are no tables in this file, such as `{long}`; {advice}");
        }
        let dashed = long.replace('_', "-").to_lowercase();
        if self.serve.get_arguments().any(|option| option.get_long() == Some(&dashed)) {
            return format!("there is no option `{long}`; write `{dashed}`");
        }
        let error = self.parser.parse(Some(&format!("--{dashed}=").into()));
        match error.as_ref().and_then(|error| error.get(ContextKind::SuggestedArg)) {
            Some(ContextValue::String(like)) if dashed.bytes().all(is_of_name) => {
                format!("there is no option `{long}`; did you mean `{}`?", like.trim_start_matches("--"))
            }
            _ => format!("there is no option `{long}`; pop3 serve --help lists all options"),
        }
    }

    /// Finds options that exclude each other, and options without those that they need.
    fn compare(&mut self, on_line: &BTreeSet<String>, line: &Line<'_>) {
        let found: Vec<(Arg, usize, OsString)> = self
            .found
            .iter()
            .filter(|entry| !on_line.contains(&entry.long))
            .filter_map(|entry| {
                let option =
                    self.serve.get_arguments().find(|option| option.get_long() == Some(&entry.long))?;
                Some((option.clone(), entry.line, entry.words.first()?.clone()))
            })
            .collect();
        let has = |long: &str| {
            on_line.contains(long) || found.iter().any(|(option, ..)| option.get_long() == Some(long))
        };
        let always = self.parser.needs(None);
        let mut noted = Vec::new();
        for (index, (option, line, word)) in found.iter().enumerate() {
            let long = option.get_long().unwrap_or_default();
            for (other, at, _) in &found[..index] {
                if exclude(&self.serve, option, other) {
                    let other = other.get_long().unwrap_or_default();
                    let what = format!("`{long}` and `{other}` (line {at}) exclude each other; remove one");
                    noted.push((*line, what));
                }
            }
            for needed in self
                .parser
                .needs(Some(word))
                .iter()
                .filter(|needed| !always.contains(*needed) && !has(needed))
            {
                noted.push((*line, format!("`{long}` needs `{needed}`; add it")));
            }
        }
        let what =
            |long: &String| format!("`{long}` is missing; add it here, or --{long} on the command line");
        // One option can make up for another.
        let words: Vec<_> = self.found.iter().filter(|entry| !on_line.contains(&entry.long)).collect();
        let words: Vec<_> = words.iter().flat_map(|entry| entry.words.iter().cloned()).collect();
        let missing = missing(self.parser.of_line(&line.with(&words)).as_ref());
        let is_missing = |long: &String| missing.contains(long);
        let absent = always.iter().filter(|needed| is_missing(needed) && !self.is_mentioned(needed));
        let absent: Vec<_> = absent.map(|needed| Mistake::new(self.path, None, what(needed))).collect();
        self.mistakes.extend(absent);
        self.mistakes.extend(noted.into_iter().map(|(line, what)| Mistake::new(self.path, line, what)));
    }

    /// Whether there is a mistake in this option already.
    fn is_mentioned(&self, long: &str) -> bool {
        let (quoted, dashed) = (format!("`{long}`"), format!("--{long}"));
        self.mistakes.iter().any(|mistake| mistake.what.contains(&quoted) || mistake.what.contains(&dashed))
    }
}

/// The parser of the command line.
struct Parser(clap::Command);

impl Parser {
    fn new() -> Self {
        let mut cli = definition();
        cli.build();
        Self(cli)
    }

    /// What it says of a command line with one option, or with none.
    fn parse(&mut self, word: Option<&OsString>) -> Option<clap::Error> {
        let line = [OsString::from("pop3"), SERVE.into()];
        self.0.try_get_matches_from_mut(line.iter().chain(word)).err()
    }

    /// What it says of a whole command line.
    fn of_line(&mut self, line: &[OsString]) -> Option<clap::Error> {
        self.0.try_get_matches_from_mut(line).err()
    }

    /// Why it does not take an option, whatever others there are.
    fn refusal(&mut self, word: &OsString) -> Option<String> {
        let error = self.parse(Some(word))?;
        (error.kind() != ErrorKind::MissingRequiredArgument).then(|| first_line(&error))
    }

    /// The options that are needed beside this one, or that are always needed.
    fn needs(&mut self, word: Option<&OsString>) -> Vec<String> {
        missing(self.parse(word).as_ref())
    }
}

/// The options that an error misses.
fn missing(error: Option<&clap::Error>) -> Vec<String> {
    let Some(error) = error.filter(|error| error.kind() == ErrorKind::MissingRequiredArgument) else {
        return Vec::new();
    };
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else { return Vec::new() };
    // `--name <VALUE>`
    let long = |usage: &String| usage.strip_prefix("--")?.split([' ', '=']).next().map(str::to_owned);
    missing.iter().filter_map(long).collect()
}

/// Names the file where the options of both together lack one.
pub(super) fn explain(refused: Refused, path: &Path) -> Refused {
    let Refused::CommandLine(error) = &refused else { return refused };
    let missing = missing(Some(error));
    if missing.is_empty() {
        return refused;
    }
    let what = |long: String| format!("`{long}` is missing; add it here, or --{long} on the command line");
    Refused::File(missing.into_iter().map(|long| Mistake::new(path, None, what(long))).collect())
}

const fn is_of_name(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || octet == b'-'
}

/// What a value is.
const fn name(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
