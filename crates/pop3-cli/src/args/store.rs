//! The options of `pop3 store`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use pop3_serve::UniqueIds;

use super::EXIT_CODES;
use super::store_at::StoreAt;
use super::store_url::StoreOption;

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Create the tables of a database, or bring them to the version of this program
    Init(Init),
    /// Look for what is wrong in a database, without changing anything
    Check(CheckStore),
    /// Import mail with its unique-ids, from Maildirs into a store or another Maildir, or from an mbox into a
    /// Maildir; serve Maildirs that are made with --unique-ids dovecot
    Import(Box<Import>),
    /// Export mail with its unique-ids into Maildirs, one for each user; serve them with --unique-ids dovecot
    Export(Box<Export>),
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) store: StoreOption,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct CheckStore {
    #[command(flatten)]
    pub(crate) store: StoreOption,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Import {
    /// The users who get the mail, each that of the Maildir DIR/USER [default: all in DIR]; for maildir:DIR, one
    #[arg(value_name = "USER", conflicts_with = "to")]
    pub(crate) user: Vec<String>,
    /// What to import: DIR, with a Maildir for each user; maildir:DIR, one Maildir; or mbox:FILE, with --to
    #[arg(long, value_name = "SOURCE", value_parser = OsStringValueParser::new().try_map(source))]
    pub(crate) from: ImportSource,
    /// Import into maildir:DIR, one Maildir and no store; it is created if it does not exist; run as its owner
    #[arg(long, value_name = "TARGET", value_parser = OsStringValueParser::new().try_map(maildir))]
    pub(crate) to: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) at: StoreAt,
    /// The unique-ids that clients have seen: for an mbox, dovecot, or dovecot: and its pop3_uidl_format [default:
    /// dovecot]; for Maildirs, as with pop3 serve [default: maildir]
    #[arg(long, value_name = "WAY")]
    pub(crate) unique_ids: Option<String>,
    /// The field X-UIDL of a message in an mbox is its unique-id, as with qpopper and with Dovecot's
    /// pop3_reuse_xuidl
    #[arg(long)]
    pub(crate) x_uidl: bool,
    /// Empty the mbox when all its messages are stored safely
    #[arg(long)]
    pub(crate) remove: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Export {
    /// The users whose mail to export [default: all]
    #[arg(value_name = "USER")]
    pub(crate) user: Vec<String>,
    #[command(flatten)]
    pub(crate) at: StoreAt,
    /// Where to: the mail of each user becomes the Maildir DIR/USER
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// Where the unique-ids of Maildirs come from, as with pop3 serve; for a store of Maildirs
    #[arg(long, value_name = "WAY", default_value = "maildir", value_parser = pop3_serve::parse_unique_ids)]
    pub(crate) unique_ids: UniqueIds,
}

/// What is imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ImportSource {
    Mbox(PathBuf),
    /// One Maildir.
    Maildir(PathBuf),
    /// A directory with a Maildir for each user.
    Maildirs(PathBuf),
}

fn source(text: OsString) -> Result<ImportSource, &'static str> {
    const EXPECTED: &str = "expected DIR, maildir:DIR or mbox:FILE";

    if text.as_encoded_bytes().starts_with(b"mbox:") {
        return behind(text, b"mbox:").map(ImportSource::Mbox).ok_or(EXPECTED);
    }
    if text.as_encoded_bytes().starts_with(b"maildir:") {
        return behind(text, b"maildir:").map(ImportSource::Maildir).ok_or(EXPECTED);
    }
    if text.is_empty() { Err(EXPECTED) } else { Ok(ImportSource::Maildirs(text.into())) }
}

fn maildir(text: OsString) -> Result<PathBuf, &'static str> {
    behind(text, b"maildir:").ok_or("expected maildir:DIR")
}

fn behind(text: OsString, scheme: &[u8]) -> Option<PathBuf> {
    let text = text.into_vec();
    let path = text.strip_prefix(scheme).filter(|path| !path.is_empty())?;
    Some(OsString::from_vec(path.to_vec()).into())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn read(line: &str) -> Option<StoreCommand> {
        let line = ["pop3", "store"].into_iter().chain(line.split_whitespace());
        let Command::Store(store) = Cli::try_parse_from(line).ok()?.command else { panic!("not store") };
        Some(store.command)
    }

    #[test]
    fn sources_and_targets() {
        for (from, expected) in [
            ("mbox:a:b", ImportSource::Mbox("a:b".into())),
            ("maildir:c", ImportSource::Maildir("c".into())),
            ("/d", ImportSource::Maildirs("/d".into())),
        ] {
            let Some(StoreCommand::Import(import)) = read(&format!("import --from {from} --to maildir:e"))
            else {
                panic!("{from}")
            };
            assert_eq!((import.from, import.to), (expected, Some("e".into())));
            assert!(import.user.is_empty() && !import.x_uidl && !import.remove);
        }
        assert!(read("import --from a --store sqlite:b alice bob").is_some());
        assert!(read("export --store sqlite:b --to a alice bob").is_some());
        for bad in [
            "import --from mbox: --to maildir:b",
            "import --from a --to b",
            "import --from a --to maildir:b alice",
            "import --store sqlite:b",
            "export --store sqlite:b",
            "export --store maildir:b --to a --unique-ids x",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }
}
