//! `pop3 generate`: the manual pages and the completions for shells, from the definitions of the command line.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::{Generate, definition};
use crate::exit::{Exit, Failure};

/// Where the pages are in a directory such as /usr/share.
const PAGES: &str = "man/man1";

/// Where each shell looks for completions there, and the name of the file.
const COMPLETIONS: &[(Shell, &str, &str)] = &[
    (Shell::Bash, "bash-completion/completions", "pop3"),
    (Shell::Zsh, "zsh/site-functions", "_pop3"),
    (Shell::Fish, "fish/vendor_completions.d", "pop3.fish"),
];

/// Writes all files.
pub(crate) fn run(options: &Generate) -> Result<Exit, Failure> {
    write_all(&options.directory)
        .map(|()| Exit::Done)
        .map_err(|(path, error)| Failure::usage(format!("{} can't be written: {error}", path.display())))
}

fn write_all(directory: &Path) -> Result<(), (PathBuf, io::Error)> {
    let mut command = definition();
    command.build();
    for command in all(&command) {
        let man = Man::new(command.clone().disable_help_subcommand(true));
        let name = man.get_filename();
        write(&directory.join(PAGES), &name, |out| page(&man, command, out))?;
    }
    for &(shell, folder, name) in COMPLETIONS {
        let mut octets = Vec::new();
        clap_complete::generate(shell, &mut definition(), "pop3", &mut octets);
        write(&directory.join(folder), name, |out| out.write_all(&octets))?;
    }
    Ok(())
}

/// The command and those below it, such as `pop3 store import`.
fn all(command: &clap::Command) -> Vec<&clap::Command> {
    let below = command.get_subcommands().filter(|below| below.get_name() != "help");
    [command].into_iter().chain(below.flat_map(all)).collect()
}

/// The name of the page of a command: `pop3-store-import`.
fn named(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// Writes a file, and makes its directory first.
fn write(
    folder: &Path,
    name: &str,
    content: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> Result<(), (PathBuf, io::Error)> {
    let path = folder.join(name);
    let mut octets = Vec::new();
    let written = content(&mut octets)
        .and_then(|()| fs::create_dir_all(folder))
        .and_then(|()| fs::write(&path, &octets));
    written.map_err(|error| (path, error))
}

/// Writes a manual page.
fn page(man: &Man, command: &clap::Command, out: &mut Vec<u8>) -> io::Result<()> {
    // The title without a date, so that the same version makes the same page.
    let title = named(command);
    writeln!(out, ".TH {title} 1 \"\" \"pop3 {}\" \"POP3\"", env!("CARGO_PKG_VERSION"))?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    let mut roff = Roff::new();
    if let Some(text) = command.get_after_help() {
        below(&mut roff, &text.to_string());
    }
    roff.control("SH", ["SEE ALSO"]);
    let program = (title != "pop3").then(|| "pop3".to_owned());
    let others = all(command).into_iter().skip(1).map(|below| named(below).to_owned());
    let others = program.into_iter().chain(others).flat_map(|name| [bold(name), roman("(1) ")]);
    roff.text(others.collect::<Vec<_>>());
    roff.to_writer(out)
}

/// What `--help` shows below the options: sections with a heading each, line by line.
fn below(roff: &mut Roff, text: &str) {
    for section in text.split("\n\n") {
        let (heading, lines) = section.split_once(":\n").unwrap_or(("Notes", section));
        let heading = if heading == "Exit codes" { "EXIT STATUS".to_owned() } else { heading.to_uppercase() };
        roff.control("SH", [heading.as_str()]);
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
        }
        roff.control("fi", []);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every option of every command is in the page of the command, and in the completions of each shell.
    #[test]
    fn every_option_is_in_the_pages_and_in_the_completions() {
        let directory = tempfile::tempdir().unwrap();
        write_all(directory.path()).unwrap();
        let read = |path: String| fs::read_to_string(directory.path().join(path)).unwrap();
        let completions: Vec<_> =
            COMPLETIONS.iter().map(|(_, folder, name)| read(format!("{folder}/{name}"))).collect();
        let (mut command, mut options) = (definition(), 0);
        command.build();
        for command in all(&command) {
            let page = read(format!("{PAGES}/{}.1", named(command)));
            let long = command.get_arguments().filter_map(|option| option.get_long());
            for option in long {
                // In a page a hyphen of an option is escaped.
                assert!(
                    page.contains(&format!("\\-\\-{}", option.replace('-', "\\-"))),
                    "{option} in {page}"
                );
                let [bash, zsh, fish] = &completions[..] else { panic!("three shells") };
                assert!(bash.contains(&format!("--{option}")), "{option} in bash");
                assert!(zsh.contains(&format!("--{option}")), "{option} in zsh");
                assert!(fish.contains(&format!("-l {option}")), "{option} in fish");
                options += 1;
            }
        }
        assert!(options > 150, "{options}");
        let page = read(format!("{PAGES}/pop3-store.1"));
        assert!(page.contains("pop3\\-store\\-import") && !page.contains("pop3\\-import"), "{page}");
        let page = read(format!("{PAGES}/pop3-fetch.1"));
        for section in
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "TLS", "EXAMPLES", "EXIT STATUS", "SEE ALSO"]
        {
            assert!(
                page.contains(&format!(".SH {section}")) || page.contains(&format!(".SH \"{section}\"")),
                "{section}"
            );
        }
    }

    #[test]
    fn what_can_not_be_written_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let failure = run(&Generate { directory: file }).unwrap_err();
        assert!(failure.to_string().contains("file/man/man1/pop3.1 can't be written"), "{failure}");
    }
}
