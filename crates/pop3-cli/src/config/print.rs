//! A file with all options, from the help of each.

use core::fmt::Write as _;

use clap::Arg;

use super::kind::{Kind, is_list};
use super::{COMMAND_LINE_ONLY, NEEDS_RESTART, serve};

/// The width of the lines.
const WIDTH: usize = 100;

const HEAD: &str = "\
# The configuration of pop3 serve, read with pop3 serve --config FILE, and again at SIGHUP.
#
# Each key is the name of an option: apop = true means --apop. Options on the command line win.
# To set an option, remove the # in front of it. It shows the default, or the kind of value where
# there is none. Relative paths begin at the directory of this file. A time is a number of seconds,
# or a string with a unit: \"90s\", \"10m\", \"2h\", \"1d\". Check the file with pop3 serve --config FILE
# --check-config.
";

/// An option as the file and the pages show it.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) name: String,
    /// What it means, in one line.
    pub(super) meaning: String,
    /// The value by default, in TOML.
    pub(super) default: Option<String>,
    /// What holds without a default, in words.
    pub(super) otherwise: Option<String>,
    /// The default, or else a value that only shows the form, in TOML.
    pub(super) value: String,
    /// The words of which the value is one, if it is.
    pub(super) words: Vec<String>,
    pub(super) is_required: bool,
    pub(super) needs_restart: bool,
}

/// All options that a file can have, in the order of the help.
pub(super) fn shown() -> Vec<Shown> {
    serve().get_arguments().filter_map(show).collect()
}

fn show(option: &Arg) -> Option<Shown> {
    let name = option.get_long().filter(|long| !COMMAND_LINE_ONLY.contains(long))?.to_owned();
    let kind = Kind::of(option);
    let form = |text: &str| if kind == Kind::Number { text.to_owned() } else { quoted(text) };
    let default = match (kind, option.get_default_values()) {
        (Kind::Switch, _) => Some("false".to_owned()),
        (_, []) => None,
        (Kind::Time, [one]) if one.to_string_lossy().bytes().all(|octet| octet.is_ascii_digit()) => {
            Some(one.to_string_lossy().into_owned())
        }
        (_, [one]) => Some(form(&one.to_string_lossy())),
        (_, several) => Some(list(several.iter().map(|one| form(&one.to_string_lossy())))),
    };
    let placeholder = || {
        let names = option.get_value_names().unwrap_or_default();
        let value = quoted(names.first().map_or("VALUE", |name| name.as_str()));
        if is_list(option) { list([value]) } else { value }
    };
    let help = option.get_help().map(ToString::to_string).unwrap_or_default();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let (meaning, otherwise) = match help.strip_suffix(']').and_then(|help| help.rsplit_once(" [default: ")) {
        Some((meaning, otherwise)) => (meaning.to_owned(), Some(otherwise.to_owned())),
        None => (help, None),
    };
    let words = option.get_possible_values().into_iter().filter(|_| kind != Kind::Switch);
    Some(Shown {
        meaning,
        otherwise,
        value: default.clone().unwrap_or_else(placeholder),
        default,
        words: words.map(|word| word.get_name().to_owned()).collect(),
        is_required: option.is_required_set(),
        needs_restart: NEEDS_RESTART.contains(&name.as_str()),
        name,
    })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn list(values: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", values.into_iter().collect::<Vec<_>>().join(", "))
}

/// A file with all options. Each has what it means above it, and has no effect until its `#` is removed.
pub(crate) fn annotated() -> String {
    let mut text = HEAD.to_owned();
    for option in shown() {
        text.push('\n');
        let words = match option.words.as_slice() {
            [] => String::new(),
            words => format!(" One of {}.", words.join(", ")),
        };
        let required = if option.is_required { " Required, here or on the command line." } else { "" };
        let restart = if option.needs_restart { " A change needs a restart." } else { "" };
        let otherwise = match (option.otherwise, option.default) {
            (Some(words), _) => format!(" Default: {words}."),
            (None, None) if !option.is_required => " Default: none.".to_owned(),
            (None, _) => String::new(),
        };
        wrap(&mut text, &format!("{}.{words}{otherwise}{required}{restart}", option.meaning));
        // Writing to a string does not fail.
        let _ = writeln!(text, "#{} = {}", option.name, option.value);
    }
    text
}

/// Adds words as comments.
fn wrap(text: &mut String, words: &str) {
    let mut line = "#".to_owned();
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
