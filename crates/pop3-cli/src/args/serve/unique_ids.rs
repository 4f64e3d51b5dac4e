//! Where the unique-ids of the Maildirs come from.

use clap::Args;
use pop3_serve::{InfoSeparator, UniqueIds, parse_unique_ids};

use crate::args::named::named;

#[derive(Debug, Args)]
pub(crate) struct UniqueIdOptions {
    /// Where unique-ids come from: maildir (from the file names), dovecot (from dovecot-uidlist, as
    /// Dovecot's POP3 server shows them; append its pop3_uidl_format after a colon if that is not
    /// %08Xu%08Xv), or courier (from courierpop3dsizelist). After a change, clients that leave mail on the
    /// server fetch all of it again
    #[arg(long, value_name = "WAY", default_value = "maildir", value_parser = parse_unique_ids)]
    pub(crate) unique_ids: UniqueIds,
    /// The character that begins the flags in the names of files that had none; all three are understood
    #[arg(long, value_name = "CHAR", default_value = ":", value_parser = named(SEPARATORS))]
    pub(crate) maildir_separator: InfoSeparator,
}

const SEPARATORS: &[(&str, InfoSeparator, &str)] = &[
    (":", InfoSeparator::Colon, ""),
    (";", InfoSeparator::Semicolon, "For file systems of Windows"),
    ("!", InfoSeparator::Exclamation, "The same"),
];

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn parse(line: &[&str]) -> Option<UniqueIdOptions> {
        let all = ["pop3", "serve", "--maildrops", "d", "--users", "u"];
        let Command::Serve(serve) = Cli::try_parse_from(all.iter().chain(line)).ok()?.command else {
            panic!("not serve");
        };
        Some(serve.unique_ids)
    }

    #[test]
    fn ways_and_separators() {
        let way = |way| parse(&["--unique-ids", way]).map(|options| options.unique_ids);
        assert_eq!(parse(&[]).unwrap().unique_ids, UniqueIds::Maildir);
        assert_eq!(way("courier"), Some(UniqueIds::Courier));
        assert_eq!(way("dovecot"), way("dovecot:%08Xu%08Xv"));
        assert_ne!(way("dovecot"), way("dovecot:%v.%u"));
        for bad in ["", "auto", "dovecot:", "dovecot:%m", "courier:x", "Maildir"] {
            assert_eq!(way(bad), None, "{bad}");
        }
        let separator = parse(&["--maildir-separator", ";"]).unwrap().maildir_separator;
        assert_eq!(separator, InfoSeparator::Semicolon);
        assert!(parse(&["--maildir-separator", "."]).is_none());
    }
}
