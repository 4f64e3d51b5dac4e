//! The options of `pop3 fetch` and `pop3 check`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use pop3_connect::parse_octets;
use pop3_fetch::{RecognisedBy, Target};

use super::named::named;
use super::{Account, EXIT_CODES};

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Fetch {
    #[command(flatten)]
    pub(crate) account: Account,
    /// Where to store the mail: maildir:DIR, mbox:FILE, dir:DIR (one file per message, octet for octet), or
    /// - for standard output
    #[arg(long, value_name = "TARGET", value_parser = OsStringValueParser::new().try_map(Target::parse))]
    pub(crate) to: Target,
    /// Delete messages from the server after they are stored safely
    #[arg(long)]
    pub(crate) delete: bool,
    /// Skip messages larger than this: octets, or with a unit: 10k, 10M, 1G are powers of 1024 (like 10MiB),
    /// and 10MB is a power of 1000
    #[arg(long, value_name = "SIZE", value_parser = parse_octets)]
    pub(crate) max_size: Option<u64>,
    /// Fetch at most N new messages
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Also fetch messages that were fetched before
    #[arg(long)]
    pub(crate) all: bool,
    /// The file that records what was fetched [default: one for this account and target in
    /// $XDG_STATE_HOME/pop3 or ~/.local/state/pop3]
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// How long to remember messages that the server no longer lists, in case they come back
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    pub(crate) forget_after: u32,
    /// How to recognise messages in later runs: by the server's unique-ids (UIDL), or by their content,
    /// which is fetched each time. By default, the first run of an account decides. After a change,
    /// messages that are still on the server are fetched once more
    #[arg(long, value_name = "HOW", value_parser = named(TRAITS))]
    pub(crate) recognise_by: Option<RecognisedBy>,
    /// Send one command at a time
    #[arg(long)]
    pub(crate) no_pipelining: bool,
    /// Print a summary as JSON to standard output (to standard error with --to -), also with --quiet and
    /// after errors
    #[arg(long)]
    pub(crate) json: bool,
    /// Print only errors; messages skipped on purpose are not errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Print the dialogue with the server to standard error. Secrets are shown as ***, and messages as their
    /// number of octets
    #[arg(long, short, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) account: Account,
    /// Print the report as one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Print the dialogue with the server to standard error. Secrets are shown as ***
    #[arg(long, short)]
    pub(crate) verbose: bool,
}

const TRAITS: &[(&str, RecognisedBy, &str)] =
    &[("unique-ids", RecognisedBy::UniqueIds, ""), ("content", RecognisedBy::Content, "")];

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn fetch(line: &[&str]) -> Result<Fetch, clap::Error> {
        let Command::Fetch(fetch) = Cli::try_parse_from([&["pop3", "fetch"], line].concat())?.command else {
            panic!("not fetch");
        };
        Ok(*fetch)
    }

    #[test]
    fn targets() {
        let to = |target| fetch(&["pop3://h", "--to", target]).map(|fetch| fetch.to).ok();
        assert_eq!(to("-"), Some(Target::Stdout));
        assert_eq!(to("dir:/a b"), Some(Target::Dir("/a b".into())));
        assert_eq!(to("maildir:x"), Some(Target::Maildir("x".into())));
        assert_eq!(to("mbox:x:y"), Some(Target::Mbox("x:y".into())));
        for bad in ["", "x", "dir:", "mh:x", "DIR:x"] {
            assert_eq!(to(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_have_units() {
        let most =
            |text| fetch(&["pop3://h", "--to", "-", "--max-size", text]).map(|fetch| fetch.max_size).ok();
        assert_eq!(most("10M"), Some(Some(10 << 20)));
        assert_eq!(most("10X"), None);
    }

    #[test]
    fn a_url_that_is_refused_is_not_repeated() {
        let fetch = fetch(&["pop3://alice:tanstaaf@h", "--to", "-"]).unwrap();
        assert!(!fetch.account.url().unwrap_err().to_string().contains("tanstaaf"));
    }
}
