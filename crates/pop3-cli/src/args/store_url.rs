//! Where the maildrops are: the option `--store`, which several commands have.

use core::fmt;
use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use pop3_proto::Secret;

use crate::exit::Failure;

/// The environment variable that stands for the option where it is not given, so that a password need not stand on the
/// command line.
pub(crate) const STORE_VARIABLE: &str = "POP3_STORE";

/// A store of maildrops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// `maildir:PATH`: a directory with Maildirs.
    Maildir(PathBuf),
    /// `sqlite:FILE`: a database in a file.
    Sqlite(PathBuf),
    /// `postgres://` or `postgresql://` and what the driver understands, which may be a password.
    Postgres(HiddenUrl),
}

/// The URL of a database. It may have a password in it, so that nothing shows it whole.
#[derive(Clone)]
pub(crate) struct HiddenUrl(Secret<String>);

/// The value of `--store`, which is not understood yet. The error of a parser would repeat a password that is in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StoreText(OsString);

/// The option for commands that need a store.
#[derive(Debug, Args)]
pub(crate) struct StoreOption {
    /// Where the maildrops are: maildir:PATH, sqlite:FILE, or postgres://USER@HOST/DATABASE; a password in it is better
    /// kept in the environment variable POP3_STORE, which is used without this option
    #[arg(long, value_name = "URL", value_parser = StoreText::parser())]
    pub(crate) store: Option<StoreText>,
}

/// What a store may be.
const EXPECTED: &str = "expected maildir:PATH, sqlite:FILE or postgres://USER@HOST/DATABASE";

impl StoreOption {
    /// The store of the option, or else of the environment.
    ///
    /// # Errors
    /// When it is not understood.
    pub(crate) fn url(&self) -> Result<Option<StoreUrl>, Failure> {
        match &self.store {
            Some(text) => text.url().map(Some),
            None => env::var_os(STORE_VARIABLE).map(|text| StoreUrl::read(STORE_VARIABLE, &text)).transpose(),
        }
    }

    /// Does the same for a command that cannot do without.
    ///
    /// # Errors
    /// Also when there is none.
    pub(crate) fn required(&self) -> Result<StoreUrl, Failure> {
        let missing =
            || Failure::usage(format!("there is no store: give --store URL, or set {STORE_VARIABLE}"));
        self.url()?.ok_or_else(missing)
    }
}

impl StoreText {
    /// Takes any text.
    pub(crate) fn parser() -> impl TypedValueParser<Value = Self> {
        OsStringValueParser::new().map(Self)
    }

    /// What it stands for.
    ///
    /// # Errors
    /// When it is not understood. The message does not repeat it.
    pub(crate) fn url(&self) -> Result<StoreUrl, Failure> {
        StoreUrl::read("--store", &self.0)
    }
}

impl fmt::Debug for StoreText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreText({})", shown(&self.0))
    }
}

impl StoreUrl {
    /// Whether it is a database.
    pub(crate) const fn is_database(&self) -> bool {
        matches!(self, Self::Sqlite(_) | Self::Postgres(_))
    }

    /// Reads the value of an option or a variable.
    fn read(name: &str, text: &OsStr) -> Result<Self, Failure> {
        let path = |scheme: &str| {
            let path = text.as_bytes().strip_prefix(scheme.as_bytes())?;
            Some(PathBuf::from(OsString::from_vec(path.to_vec())))
        };
        let bad = |why: &str| Failure::usage(format!("{name}: {why}"));
        let url = match (path("maildir:"), path("sqlite:"), text.to_str()) {
            (Some(path), ..) => Self::Maildir(path),
            (_, Some(path), _) => Self::Sqlite(path),
            (.., Some(text))
                if ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) =>
            {
                return Ok(Self::Postgres(HiddenUrl(Secret::new(text.to_owned()))));
            }
            _ => return Err(bad(EXPECTED)),
        };
        match &url {
            Self::Maildir(path) | Self::Sqlite(path) if path.as_os_str().is_empty() => {
                Err(bad("the path is missing"))
            }
            Self::Maildir(_) | Self::Sqlite(_) | Self::Postgres(_) => Ok(url),
        }
    }
}

impl fmt::Display for StoreUrl {
    /// Without a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Maildir(path) => write!(f, "maildir:{}", path.display()),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => write!(f, "{url}"),
        }
    }
}

impl HiddenUrl {
    /// All of it.
    #[cfg(any(feature = "tokio", test))]
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl PartialEq for HiddenUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.same_octets(other.0.expose().as_bytes())
    }
}

impl Eq for HiddenUrl {}

impl fmt::Display for HiddenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown(OsStr::new(self.0.expose())))
    }
}

impl fmt::Debug for HiddenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The value of `--store` for the log: of a URL only the scheme, the host and the path, as everything else may be a
/// password.
pub(crate) fn shown(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    let Some((scheme, rest)) = text.split_once("://") else {
        let is_path = ["maildir:", "sqlite:"].iter().any(|scheme| text.starts_with(scheme));
        return if is_path { text.into_owned() } else { "(not understood)".to_owned() };
    };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let rest = rest.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{rest}")
}

/// A value of `--store` whose path begins in this directory, if it is relative.
pub(crate) fn in_folder(text: &str, folder: &Path) -> OsString {
    for scheme in ["maildir:", "sqlite:"] {
        if let Some(path) = text.strip_prefix(scheme).filter(|path| !path.is_empty()) {
            let mut value = OsString::from(scheme);
            value.push(folder.join(path));
            return value;
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<StoreUrl, Failure> {
        StoreText(text.into()).url()
    }

    #[test]
    fn stores_are_told_by_their_scheme() {
        assert_eq!(read("maildir:/srv/mail").unwrap(), StoreUrl::Maildir("/srv/mail".into()));
        assert_eq!(read("sqlite:mail.db").unwrap(), StoreUrl::Sqlite("mail.db".into()));
        for url in ["postgres://a:b@c/d", "postgresql:///d?host=/run"] {
            let StoreUrl::Postgres(read) = read(url).unwrap() else { panic!("{url}") };
            assert_eq!(read.expose(), url);
        }
        for bad in ["", "maildir:", "sqlite:", "mail", "mysql://a:pw@c/d", "postgres:pw", "/srv/mail"] {
            let failure = read(bad).unwrap_err();
            assert!(!failure.to_string().contains("pw"), "{failure}");
        }
    }

    #[test]
    fn nothing_shows_a_password() {
        for (text, expected) in [
            ("postgres://user:p@w@db.example:5432/mail?password=pw", "postgres://db.example:5432/mail"),
            ("postgres:///mail?user=x&password=pw", "postgres:///mail"),
            ("sqlite:pw", "sqlite:pw"),
            ("pw", "(not understood)"),
        ] {
            assert_eq!(shown(OsStr::new(text)), expected);
            assert_eq!(format!("{:?}", StoreText(text.into())), format!("StoreText({expected})"));
            if let Ok(url) = read(text) {
                assert_eq!(url.to_string(), expected);
                assert!(!format!("{url:?}").contains("pw") || expected.contains("pw"));
            }
        }
    }

    #[test]
    fn relative_paths_begin_at_the_configuration_file() {
        for (text, expected) in [
            ("sqlite:mail.db", "sqlite:/etc/pop3/mail.db"),
            ("maildir:/srv/mail", "maildir:/srv/mail"),
            ("postgres:///mail", "postgres:///mail"),
            ("sqlite:", "sqlite:"),
        ] {
            assert_eq!(in_folder(text, Path::new("/etc/pop3")), expected);
        }
    }
}
