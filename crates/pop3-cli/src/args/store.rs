//! The options of `pop3 store`.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, Subcommand};
use pop3_maildir::UidlFormat;

use super::EXIT_CODES;

#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Import an mbox, such as a spool in /var/mail, into a Maildir, with the unique-ids that clients have
    /// seen; serve it with --unique-ids dovecot
    Import(Import),
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Import {
    /// What to import: mbox:FILE
    #[arg(long, value_name = "SOURCE", value_parser = OsStringValueParser::new().try_map(mbox))]
    pub(crate) from: PathBuf,
    /// Where to: maildir:DIR, which is created if it does not exist; run as its owner
    #[arg(long, value_name = "TARGET", value_parser = OsStringValueParser::new().try_map(maildir))]
    pub(crate) to: PathBuf,
    /// The unique-ids that clients have seen: dovecot, or dovecot: and its pop3_uidl_format for this mbox
    #[arg(long, value_name = "WAY", default_value = "dovecot", value_parser = format)]
    pub(crate) unique_ids: UidlFormat,
    /// The field X-UIDL of a message is its unique-id, as with qpopper and with Dovecot's pop3_reuse_xuidl
    #[arg(long)]
    pub(crate) x_uidl: bool,
    /// Empty the mbox when all its messages are stored safely
    #[arg(long)]
    pub(crate) remove: bool,
}

fn mbox(text: OsString) -> Result<PathBuf, &'static str> {
    behind(text, b"mbox:").ok_or("expected mbox:FILE")
}

fn maildir(text: OsString) -> Result<PathBuf, &'static str> {
    behind(text, b"maildir:").ok_or("expected maildir:DIR")
}

fn behind(text: OsString, scheme: &[u8]) -> Option<PathBuf> {
    let text = text.into_vec();
    let path = text.strip_prefix(scheme).filter(|path| !path.is_empty())?;
    Some(OsString::from_vec(path.to_vec()).into())
}

fn format(text: &str) -> Result<UidlFormat, String> {
    match text.split_once(':') {
        None if text == "dovecot" => Ok(UidlFormat::default()),
        Some(("dovecot", format)) => UidlFormat::for_mbox(format).map_err(|error| error.to_string()),
        _ => Err("expected dovecot, or dovecot: and a format".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn import(line: &[&str]) -> Option<Import> {
        let line = ["pop3", "store", "import"].iter().chain(line);
        let Command::Store(store) = Cli::try_parse_from(line).ok()?.command else { panic!("not store") };
        let StoreCommand::Import(import) = store.command;
        Some(import)
    }

    #[test]
    fn sources_targets_and_formats() {
        let one = import(&["--from", "mbox:a:b", "--to", "maildir:c"]).unwrap();
        assert_eq!((one.from, one.to), ("a:b".into(), "c".into()));
        assert_eq!((one.unique_ids, one.x_uidl, one.remove), (UidlFormat::default(), false, false));
        let other = ["--from", "mbox:a", "--to", "maildir:c", "--unique-ids"];
        assert!(import(&[&other[..], &["dovecot:%m"]].concat()).is_some());
        for bad in ["dovecot:%f", "courier", ""] {
            assert!(import(&[&other[..], &[bad]].concat()).is_none(), "{bad}");
        }
        assert!(import(&["--from", "maildir:a", "--to", "maildir:b"]).is_none());
        assert!(import(&["--from", "mbox:", "--to", "maildir:b"]).is_none());
    }
}
