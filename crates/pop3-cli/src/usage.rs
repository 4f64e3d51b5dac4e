//! What is said of a command line that is not understood.

use std::ffi::OsString;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::args::{definition, read};
use crate::deliver;
use crate::exit::{Exit, Failure, first_line};
use crate::tell::tell;

/// Tells what is wrong with this command line, or prints the help that was asked for.
pub(crate) fn report(error: &Error, words: &[OsString]) -> Exit {
    use ErrorKind::{DisplayHelp, DisplayHelpOnMissingArgumentOrSubcommand, DisplayVersion};

    if matches!(error.kind(), DisplayHelp | DisplayVersion | DisplayHelpOnMissingArgumentOrSubcommand) {
        // Nothing can be said when the help can't be written.
        let _ = error.print();
        return if error.use_stderr() { Exit::Usage } else { Exit::Done };
    }
    let failure = Failure::usage(line(error, words));
    if words.get(1).is_some_and(|word| word == "deliver") {
        return deliver::refuse(&failure);
    }
    tell(&failure);
    failure.exit()
}

/// What is wrong, what was probably meant, and where the help is, in one line.
fn line(error: &Error, words: &[OsString]) -> String {
    let what = first_line(error);
    let meant = match words {
        // Of commands behind `help`, nothing is guessed.
        [program, first, command, ..] if first == "help" => {
            read([program.clone(), command.clone()]).err().and_then(|error| meant(&error))
        }
        _ => meant(error),
    };
    let meant = meant.map(|word| format!("; did you mean {word}?")).unwrap_or_default();
    format!("{what}{meant} (see {})", help(words.get(1)))
}

/// The words that are similar to the one that is wrong.
fn meant(error: &Error) -> Option<String> {
    let kinds = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    kinds.into_iter().find_map(|kind| {
        let value = error.get(kind)?;
        if let ContextValue::String(word) = value {
            return Some(word.clone());
        }
        let ContextValue::Strings(words) = value else { return None };
        // The most similar one comes last.
        let words: Vec<_> = words.iter().rev().map(String::as_str).collect();
        (!words.is_empty()).then(|| words.join(" or "))
    })
}

/// The command that shows the help of this command, or of all.
fn help(command: Option<&OsString>) -> String {
    let command = command.and_then(|word| word.to_str());
    let known = definition().get_subcommands().find(|known| Some(known.get_name()) == command).cloned();
    known.map_or("pop3 --help".to_owned(), |known| format!("pop3 {} --help", known.get_name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        read(words.clone()).err().map(|error| super::line(&error, &words)).unwrap_or_default()
    }

    #[test]
    fn misspelt_words_are_guessed_and_the_help_of_the_command_is_named() {
        for (line, meant, help) in [
            ("pop3 serve --listen-tsl :995", "--listen-tls", "pop3 serve --help"),
            ("pop3 fetch pop3://h --too -", "--to", "pop3 fetch --help"),
            ("pop3 fetch pop3://h --to - --tls startls", "starttls", "pop3 fetch --help"),
            ("pop3 check pop3://h --auth scram-sha256", "scram-sha-256", "pop3 check --help"),
            ("pop3 ftech pop3://h", "fetch", "pop3 --help"),
            ("pop3 help ftech", "fetch", "pop3 --help"),
            ("pop3 passwd a --form argon2", "argon2id", "pop3 passwd --help"),
        ] {
            let told = told(line);
            assert!(told.contains(&format!("did you mean {meant}")), "{told}");
            assert!(told.ends_with(&format!("(see {help})")), "{told}");
        }
        let told = told("pop3 lint");
        assert!(told.contains("<FILE> (see pop3 lint --help)"), "{told}");
    }
}
