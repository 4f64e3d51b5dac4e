//! Where the maildrop of a user is.

use core::fmt;
use core::str::FromStr;
use std::path::{Path, PathBuf};

use super::UserName;

/// Where the maildrop of a user is, below the directory of all maildrops: a relative path with placeholders, such as
/// `{domain}/{local}/Maildir`. Default: `{user}`.
///
/// - `{user}` is the name of the user.
/// - `{local}` is what stands before the last `@` of the name, or the name if it contains none.
/// - `{domain}` is what stands behind it.
/// - `{home}` is the home directory of the user. It can only be the beginning, and must be below the directory of all
///   maildrops.
///
/// No name leads out of the directory: a value that is empty or begins with a dot makes no path, and a name contains no
/// slash.
///
/// ```
/// let path: pop3_serve::MaildropPath = "{domain}/{local}/Maildir".parse()?;
/// let user = pop3_serve::UserName::parse(b"alice@example.org").ok_or("no name")?;
/// let maildrop = path.of("/srv/mail".as_ref(), &user, None)?;
/// assert_eq!(maildrop.to_str(), Some("/srv/mail/example.org/alice/Maildir"));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaildropPath {
    from_home: bool,
    components: Vec<Vec<Part>>,
}

/// A part of a component.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    User,
    Local,
    Domain,
}

/// A template that is no path of maildrops. Its text says why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMaildropPath(&'static str);

impl MaildropPath {
    /// Returns the path of the maildrop of a user, in this directory of all maildrops.
    ///
    /// # Errors
    /// Returns the reason if the user has none: the name has no domain, or the home directory is not known or not
    /// below the directory.
    pub fn of(
        &self,
        maildrops: &Path,
        user: &UserName,
        home: Option<&Path>,
    ) -> Result<PathBuf, &'static str> {
        let mut path = if self.from_home {
            let home = home.ok_or("the home directory is not known")?;
            below(maildrops, home)?
        } else {
            maildrops.to_owned()
        };
        for component in &self.components {
            path.push(name(component, user)?);
        }
        Ok(path)
    }
}

/// The home directory, if it is in the directory of all maildrops.
fn below(maildrops: &Path, home: &Path) -> Result<PathBuf, &'static str> {
    const OUTSIDE: &str = "the home directory is not below the directory of the maildrops";

    let maildrops = std::path::absolute(maildrops).map_err(|_| OUTSIDE)?;
    let goes_up = home.components().any(|component| component == std::path::Component::ParentDir);
    let inside = home.starts_with(&maildrops) && home != maildrops && !goes_up;
    if inside { Ok(home.to_owned()) } else { Err(OUTSIDE) }
}

/// The name of a component for this user.
fn name(component: &[Part], user: &UserName) -> Result<String, &'static str> {
    let user = user.as_str();
    let (local, domain) = match user.rsplit_once('@') {
        Some((local, domain)) => (local, Some(domain)),
        None => (user, None),
    };
    let mut name = String::new();
    for part in component {
        let value = match part {
            Part::Text(text) => {
                name.push_str(text);
                continue;
            }
            Part::User => user,
            Part::Local => local,
            Part::Domain => domain.ok_or("the name has no domain, and the path of the maildrop needs one")?,
        };
        if value.is_empty() || value.starts_with('.') {
            return Err("a part of the name is empty or begins with a dot");
        }
        name.push_str(value);
    }
    Ok(name)
}

impl Default for MaildropPath {
    fn default() -> Self {
        Self { from_home: false, components: vec![vec![Part::User]] }
    }
}

impl FromStr for MaildropPath {
    type Err = BadMaildropPath;

    fn from_str(text: &str) -> Result<Self, BadMaildropPath> {
        let bad = |why| Err(BadMaildropPath(why));
        if text.starts_with('/') {
            return bad(
                "the path must be relative: it begins in the directory of the maildrops, or with {home}",
            );
        }
        let (from_home, rest) = match text.strip_prefix("{home}") {
            None => (false, Some(text)),
            Some("") => (true, None),
            Some(rest) => match rest.strip_prefix('/') {
                Some(rest) => (true, Some(rest)),
                None => return bad("{home} must be followed by a slash or nothing"),
            },
        };
        let components = rest.map_or_else(|| Ok(Vec::new()), |rest| rest.split('/').map(component).collect());
        let components: Vec<Vec<Part>> = components.map_err(BadMaildropPath)?;
        let has = |wanted: &Part| components.iter().flatten().any(|part| part == wanted);
        if !from_home && !has(&Part::User) && !has(&Part::Local) {
            return bad(
                "the path must contain {user}, {local} or {home}, or all users would share a maildrop",
            );
        }
        Ok(Self { from_home, components })
    }
}

/// Parses what stands between two slashes.
fn component(text: &str) -> Result<Vec<Part>, &'static str> {
    if text.is_empty() || text == "." || text == ".." {
        return Err("a component of the path is empty, . or ..");
    }
    if text.contains('\0') {
        return Err("the path contains a NUL");
    }
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (plain, braced) =
            rest.split_once('{').map_or((rest, None), |(plain, braced)| (plain, Some(braced)));
        if plain.contains('}') {
            return Err("a brace is closed that was not opened");
        }
        if !plain.is_empty() {
            parts.push(Part::Text(plain.to_owned()));
        }
        let Some(braced) = braced else { break };
        let (name, after) = braced.split_once('}').ok_or("a brace is not closed")?;
        parts.push(match name {
            "user" => Part::User,
            "local" => Part::Local,
            "domain" => Part::Domain,
            "home" => return Err("{home} can only be the beginning of the path"),
            _ => return Err("unknown name in braces; use {user}, {local}, {domain} or {home}"),
        });
        rest = after;
    }
    Ok(parts)
}

impl fmt::Display for BadMaildropPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for BadMaildropPath {}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(template: &str, user: &str, home: Option<&str>) -> Option<String> {
        let template: MaildropPath = template.parse().unwrap();
        let user = UserName::parse(user.as_bytes()).unwrap();
        let path = template.of(Path::new("/srv/mail"), &user, home.map(Path::new)).ok()?;
        Some(path.to_str().unwrap().to_owned())
    }

    // SEC-11
    #[test]
    fn maildrops_stay_inside_their_directory() {
        const DOMAINS: &str = "{domain}/{local}/Maildir";
        for (template, user, path) in [
            ("{user}", "alice", Some("/srv/mail/alice")),
            ("{user}", "alice@a.b", Some("/srv/mail/alice@a.b")),
            (DOMAINS, "alice@a.b", Some("/srv/mail/a.b/alice/Maildir")),
            (DOMAINS, "alice@c@a.b", Some("/srv/mail/a.b/alice@c/Maildir")),
            ("x-{local}.{domain}", "a@b", Some("/srv/mail/x-a.b")),
            (".mail/{user}", "a", Some("/srv/mail/.mail/a")),
            (DOMAINS, "alice", None),
            (DOMAINS, "alice@", None),
            (DOMAINS, "alice@.", None),
            (DOMAINS, "alice@..", None),
            (DOMAINS, "alice@.b", None),
            (DOMAINS, "@b", None),
            ("a{domain}/{local}", "alice@..", None),
        ] {
            assert_eq!(of(template, user, None).as_deref(), path, "{template} {user}");
        }
        for (home, path) in [
            (Some("/srv/mail/a"), Some("/srv/mail/a/Maildir")),
            (Some("/srv/mail/a/../../etc"), None),
            (Some("/srv/mail"), None),
            (Some("/srv/mailbox"), None),
            (Some("srv/mail/a"), None),
            (None, None),
        ] {
            assert_eq!(of("{home}/Maildir", "a", home).as_deref(), path, "{home:?}");
        }
        assert_eq!(of("{home}", "a", Some("/srv/mail/a")).as_deref(), Some("/srv/mail/a"));
    }

    #[test]
    fn templates() {
        assert_eq!("{user}".parse(), Ok(MaildropPath::default()));
        for bad in [
            "",
            "/",
            "/{user}",
            "{user}/",
            "a//{user}",
            "../{user}",
            "{user}/..",
            "{user}/./x",
            "mail",
            "{domain}",
            "{User}",
            "{user",
            "user}",
            "{}",
            "{home}Maildir",
            "x/{home}",
            "{user}\0",
        ] {
            assert!(bad.parse::<MaildropPath>().is_err(), "{bad:?}");
        }
    }
}
