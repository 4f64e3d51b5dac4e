//! Where the state file lies when no option names it.

use std::env;
use std::path::{self, PathBuf};

use pop3_proto::url::Url;

use crate::args::Target;
use crate::exit::Failure;
use crate::journal::Key;

/// The text by which a state file knows its account: user, host, and port. The two standard ports lead
/// to the same maildrop, so that who moves to TLS does not fetch all again; of others that is not known.
pub(crate) fn account(url: &Url, user: &[u8]) -> String {
    let (user, host) = (user.escape_ascii(), url.host());
    match url.port() {
        110 | 995 => format!("{user}@{host}"),
        port => format!("{user}@{host}:{port}"),
    }
}

/// The text by which a state file knows its target: with the whole path, so that the folder in which
/// the program runs does not matter.
pub(crate) fn target(target: &Target) -> String {
    let whole = |path: &PathBuf| path::absolute(path).unwrap_or_else(|_| path.clone());
    match target {
        Target::Maildir(path) => Target::Maildir(whole(path)),
        Target::Mbox(path) => Target::Mbox(whole(path)),
        Target::Dir(path) => Target::Dir(whole(path)),
        Target::Stdout => Target::Stdout,
    }
    .to_string()
}

/// The default state file: one for each account and target, in `$XDG_STATE_HOME/pop3` or
/// `~/.local/state/pop3`.
///
/// # Errors
/// When there is no home.
pub(crate) fn default_path(account: &str, target: &str) -> Result<PathBuf, Failure> {
    // A path that is not absolute is to be ignored (XDG Base Directory Specification).
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let state = absolute("XDG_STATE_HOME").or_else(home).ok_or_else(|| {
        Failure::usage("there is no home folder to remember in what was fetched; give --state FILE")
    })?;
    let key = Key::of_uid(format!("{account}\0{target}").as_bytes());
    Ok(state.join("pop3").join(format!("{key}.state")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_and_targets_have_one_text_each() {
        let url = Url::parse("pop3s://a%40b@Mail.Example").unwrap();
        assert_eq!(account(&url, b"a@b"), "a@b@mail.example");
        let url = Url::parse("pop3://h:1110").unwrap();
        assert_eq!(account(&url, b"u"), "u@h:1110");
        let here = env::current_dir().unwrap().join("x");
        assert_eq!(target(&Target::Dir("x".into())), format!("dir:{}", here.display()));
        assert_eq!(target(&Target::Stdout), "-");
    }
}
