//! Where the database is.

use core::fmt;
use core::net::IpAddr;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::error::SqlError;

/// The URL of a store: `sqlite:FILE`, or `postgres://USER:PASSWORD@HOST:PORT/DATABASE` with options after a `?`. Both
/// `postgres` and `postgresql` are accepted as the scheme. `Display` and `Debug` show no password.
///
/// | option of PostgreSQL | meaning |
/// |---|---|
/// | `host=/run/postgresql` | the directory of a Unix socket; instead of a host, as in `postgres:///mail?host=/run/postgresql` |
/// | `sslmode=` | `disable`, or `require`, `verify-ca` or `verify-full`, which all mean TLS with a verified certificate. Default: `verify-full`, but `disable` for this machine |
/// | `sslrootcert=FILE` | the authorities that may sign the certificate. Default: those of the system |
/// | `connect_timeout=SECONDS`, `keepalives_idle=SECONDS`, `target_session_attrs=read-write`, and more | as in libpq; several hosts with commas between them are tried in order |
///
/// ```
/// let url: pop3_sql::SqlUrl = "postgres://pop3:secret@db.example/mail".parse()?;
/// assert_eq!(url.to_string(), "postgres://pop3@db.example/mail");
/// assert!("mysql://db.example/mail".parse::<pop3_sql::SqlUrl>().is_err());
/// # Ok::<(), pop3_sql::SqlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SqlUrl(pub(crate) Place);

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(Box<Address>),
}

/// How to connect to PostgreSQL.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) config: Config,
    /// The file with the authorities that may sign the server's certificate.
    pub(crate) authorities: Option<PathBuf>,
    /// The URL without its password.
    shown: String,
}

impl SqlUrl {
    /// Returns the URL of an SQLite database in this file.
    #[must_use]
    pub fn sqlite(file: impl Into<PathBuf>) -> Self {
        Self(Place::Sqlite(file.into()))
    }

    /// Returns the file of an SQLite database, or `None` for PostgreSQL.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match &self.0 {
            Place::Sqlite(file) => Some(file),
            Place::Postgres(_) => None,
        }
    }

    /// Returns whether the URL contains a password. Always `false` for SQLite, which has none.
    #[must_use]
    pub fn has_password(&self) -> bool {
        match &self.0 {
            Place::Sqlite(_) => false,
            Place::Postgres(address) => address.config.get_password().is_some(),
        }
    }

    /// Sets the password, so that it need not be part of a URL that others can see. Does nothing for SQLite.
    #[must_use]
    pub fn with_password(mut self, password: impl AsRef<[u8]>) -> Self {
        if let Place::Postgres(address) = &mut self.0 {
            address.config.password(password);
        }
        self
    }
}

impl FromStr for SqlUrl {
    type Err = SqlError;

    /// Parses a URL.
    ///
    /// # Errors
    /// Returns an error of kind [`Unusable`](crate::SqlErrorKind::Unusable), which does not contain the password.
    fn from_str(text: &str) -> Result<Self, SqlError> {
        let (scheme, rest) = text.split_once(':').unwrap_or((text, ""));
        match scheme {
            "sqlite" if rest.is_empty() => Err(SqlError::unusable("sqlite: must be followed by a file")),
            "sqlite" => {
                Ok(Self::sqlite(rest.strip_prefix("//").filter(|rest| rest.starts_with('/')).unwrap_or(rest)))
            }
            "postgres" | "postgresql" => {
                Address::parse(text).map(|address| Self(Place::Postgres(address.into())))
            }
            _ => {
                Err(SqlError::unusable("the URL of a store is sqlite:FILE or postgres://USER@HOST/DATABASE"))
            }
        }
    }
}

impl Address {
    fn parse(text: &str) -> Result<Self, SqlError> {
        let (front, options) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut authorities, mut others) = (None, None, Vec::new());
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", "system")) => authorities = None,
                Some(("sslrootcert", file)) => authorities = Some(PathBuf::from(file)),
                _ => others.push(option),
            }
        }
        let plain =
            if others.is_empty() { front.to_owned() } else { format!("{front}?{}", others.join("&")) };
        let mut config: Config = plain.parse().map_err(|error: tokio_postgres::Error| {
            // The error names the option that is wrong, and no value of it.
            SqlError::unusable(format!("the URL of the PostgreSQL database can't be used: {error}"))
        })?;
        let local = config.get_hosts().iter().all(is_local);
        config.ssl_mode(match mode {
            None if local => SslMode::Disable,
            Some("disable") => SslMode::Disable,
            None | Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
            Some(_) => {
                return Err(SqlError::unusable("sslmode must be disable, require, verify-ca or verify-full"));
            }
        });
        Ok(Self { config, authorities, shown: without_password(front) })
    }
}

/// Whether nobody else can be between this process and the host.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The URL up to its options, without the password.
fn without_password(front: &str) -> String {
    let Some((scheme, rest)) = front.split_once("://") else { return front.to_owned() };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => format!("{}@{host}", user.split(':').next().unwrap_or_default()),
        None => authority.to_owned(),
    };
    format!("{scheme}://{authority}{path}")
}

impl fmt::Display for SqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Sqlite(file) => write!(f, "sqlite:{}", file.display()),
            Place::Postgres(address) => f.write_str(&address.shown),
        }
    }
}

impl fmt::Debug for SqlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        match text.parse::<SqlUrl>().unwrap().0 {
            Place::Postgres(address) => address.config,
            Place::Sqlite(_) => panic!("{text}"),
        }
    }

    #[test]
    fn urls_of_both_kinds() {
        for (text, shown) in [
            ("sqlite:/var/mail.db", "sqlite:/var/mail.db"),
            ("sqlite:///var/mail.db", "sqlite:/var/mail.db"),
            ("sqlite:mail.db", "sqlite:mail.db"),
            ("postgres://a:b@h/d?connect_timeout=3", "postgres://a@h/d"),
            ("postgresql://a:b%40c@h,i:5433/d", "postgresql://a@h,i:5433/d"),
            ("postgres:///d?host=/run/postgresql&user=a&password=secret", "postgres:///d"),
        ] {
            let url: SqlUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("secret"));
        }
        for bad in [
            "",
            "sqlite:",
            "mail.db",
            "maildir:x",
            "postgres://h/d?sslmode=prefer",
            "postgres://h/d?nonsense=1",
        ] {
            assert!(bad.parse::<SqlUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_this_machine_is_reached_without_tls() {
        for (text, mode) in [
            ("postgres://a@localhost/d", SslMode::Disable),
            ("postgres://a@127.0.0.1/d", SslMode::Disable),
            ("postgres:///d?host=/run/postgresql", SslMode::Disable),
            ("postgres://a@localhost/d?sslmode=require", SslMode::Require),
            ("postgres://a@db.example/d", SslMode::Require),
            ("postgres://a@localhost,db.example/d", SslMode::Require),
            ("postgres://a@db.example/d?sslmode=disable", SslMode::Disable),
            ("postgres://a@db.example/d?sslmode=verify-ca", SslMode::Require),
        ] {
            assert_eq!(config(text).get_ssl_mode(), mode, "{text}");
        }
    }

    #[test]
    fn a_password_can_come_from_elsewhere() {
        let url: SqlUrl = "postgres://a@localhost/d".parse().unwrap();
        assert!(!url.has_password() && url.clone().with_password("x").has_password());
        assert!(!SqlUrl::sqlite("a").with_password("x").has_password());
    }
}
