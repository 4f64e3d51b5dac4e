//! The options of `pop3 deliver`.

use core::time::Duration;

use clap::Args;

use super::seconds;
use super::store_at::StoreAt;

/// What `pop3 deliver --help` says below the options.
const EXIT_CODES: &str = "\
Exit codes:
  0   EX_OK: the message is stored, and survives a power failure
  67  EX_NOUSER: there is no such user
  75  EX_TEMPFAIL: try again later; also if the options or the store have to be corrected first
  77  EX_NOPERM: the maildrop is full";

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Deliver {
    /// Who gets the message on standard input
    #[arg(value_name = "USER")]
    pub(crate) user: String,
    #[command(flatten)]
    pub(crate) at: StoreAt,
    /// Add the field Return-Path with this address, which may be empty
    #[arg(long, short = 'f', value_name = "ADDRESS", value_parser = address)]
    return_path: Option<String>,
    /// Add the field Delivered-To with this address
    #[arg(long, short = 'a', value_name = "ADDRESS", value_parser = address)]
    delivered_to: Option<String>,
    /// What the mail server calls this delivery, the same in each of its attempts: if one of them within a week has
    /// stored the same text for this user, nothing is stored again; only for databases
    #[arg(long, value_name = "ID", value_parser = id)]
    pub(crate) id: Option<String>,
    /// Say on standard error if an earlier attempt has stored the message
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// Give up after this time; less than the mail server gives this program, because some return the
    /// message when that is over
    #[arg(long, value_name = "SECS", default_value = "300", value_parser = seconds)]
    pub(crate) timeout: Duration,
}

impl Deliver {
    /// The header fields that are added, without line ends.
    pub(crate) fn fields(&self) -> Vec<String> {
        let path = self.return_path.as_ref().map(|address| format!("Return-Path: <{}>", bare(address)));
        let to = self.delivered_to.as_ref().map(|address| format!("Delivered-To: {}", bare(address)));
        path.into_iter().chain(to).collect()
    }
}

/// The address without angle brackets.
fn bare(address: &str) -> &str {
    address.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(address)
}

/// An id, which is at most 90 octets long.
fn id(text: &str) -> Result<String, &'static str> {
    if text.is_empty() || text.len() > 90 {
        return Err("expected 1 to 90 octets");
    }
    Ok(text.to_owned())
}

/// An address that does not break its line.
fn address(text: &str) -> Result<String, &'static str> {
    if text.len() > 900 || text.chars().any(char::is_control) {
        return Err("expected an address of at most 900 octets without control characters");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::{Cli, Command};

    fn fields(line: &[&str]) -> Option<Vec<String>> {
        let all = ["pop3", "deliver", "--store", "maildir:d", "alice"];
        let Command::Deliver(deliver) = Cli::try_parse_from(all.iter().chain(line)).ok()?.command else {
            panic!("not deliver");
        };
        Some(deliver.fields())
    }

    #[test]
    fn fields_hold_an_address_each() {
        assert_eq!(fields(&[]).unwrap(), [""; 0]);
        let both = fields(&["-f", "<a@b>", "-a", "c@d"]).unwrap();
        assert_eq!(both, ["Return-Path: <a@b>", "Delivered-To: c@d"]);
        assert_eq!(fields(&["--return-path", ""]).unwrap(), ["Return-Path: <>"]);
        for bad in ["a\nb", "a\r", "\0", "a\u{85}", &"a".repeat(901)] {
            assert!(fields(&["-a", bad]).is_none(), "{bad:?}");
        }
    }
}
