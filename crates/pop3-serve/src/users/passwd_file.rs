//! Lines of a passwd-file of Dovecot: `user:password:uid:gid:gecos:home:shell:extra fields`.

use super::form::{Form, parse_nets, scheme};
use super::home::parse_home;
use super::{NameRule, User, UserName};

/// What a line says.
pub(super) struct Line {
    pub(super) name: UserName,
    pub(super) user: User,
    /// What is in the line and has no effect, though one could expect it.
    pub(super) remarks: Vec<&'static str>,
}

/// Where the home and the extra fields are.
const HOME: usize = 5;
const EXTRA: usize = 7;

/// Parses a line that is not empty and no comment.
///
/// # Errors
/// What is wrong with it, which holds no part of the line. Among it is all that makes Dovecot let fewer users in than
/// this program would.
pub(super) fn parse_line(line: &[u8], names: &NameRule) -> Result<Line, &'static str> {
    let fields: Vec<_> = line.splitn(EXTRA + 1, |&octet| octet == b':').collect();
    let &[name, password, ..] = &fields[..] else { return Err("a name is not followed by a colon") };
    let name = names.apply(name).ok_or(UserName::RULE)?;
    let mut line = Line { name, user: User::new(), remarks: Vec::new() };
    line.password(password)?;
    if let Some(home) = fields.get(HOME).filter(|home| !home.is_empty()) {
        line.home(home);
    }
    let extra = fields.get(EXTRA).copied().unwrap_or_default();
    let extra = str::from_utf8(extra).map_err(|_| "the extra fields are not UTF-8")?;
    for field in extra.split_ascii_whitespace() {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        line.extra(key, value)?;
    }
    Ok(line)
}

impl Line {
    fn password(&mut self, password: &[u8]) -> Result<(), &'static str> {
        let form = match password {
            // There is none. Certificates and tokens are possible.
            [] => return Ok(()),
            // What no hash begins with locks an account.
            [b'!' | b'*', ..] => Form::NoLogin,
            [b'{', rest @ ..] => {
                let end = rest.iter().position(|&octet| octet == b'}').ok_or("a brace is not closed")?;
                let scheme = str::from_utf8(&rest[..end]).map_err(|_| "the scheme in braces is not UTF-8")?;
                scheme::parse(scheme, &rest[end + 1..])?
            }
            hash => scheme::parse_crypt(hash)?,
        };
        self.user.add(form)
    }

    fn home(&mut self, home: &[u8]) {
        match parse_home(home) {
            Ok(home) => self.user.home = Some(home),
            Err(_) => self
                .remarks
                .push("the home directory is not an absolute path without .., so it has no effect"),
        }
    }

    fn extra(&mut self, key: &str, value: &str) -> Result<(), &'static str> {
        match key {
            "allow_nets" => self.user.add(Form::AllowNets(parse_nets(value)?)),
            "nologin" => {
                self.user.barred = true;
                Ok(())
            }
            "userdb_home" => {
                self.home(value.as_bytes());
                Ok(())
            }
            "userdb_mail" => {
                self.remarks.push("userdb_mail has no effect; --maildrop-path says where the mail is");
                Ok(())
            }
            "nopassword" => Err("nopassword would let in whoever comes; it is not supported"),
            // They concern logs, and the delay of failures.
            "nodelay" | "reason" => Ok(()),
            _ if key.starts_with("userdb_") || key.starts_with("event_") || key.starts_with("forward_") => {
                Ok(())
            }
            _ => Err(
                "an extra field is not supported, and could matter for who may log in; allow_nets, nologin \
                and userdb_* are supported",
            ),
        }
    }
}
