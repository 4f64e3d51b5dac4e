//! The options of `pop3 serve` that are about the rights of the process.

use core::str::FromStr;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Privileges {
    /// Bind the ports, then give up the rights of root and continue as this user, by name or number. All files are
    /// read as this user, at the start and later. Without GROUP, the groups are those of the user
    #[arg(long, value_name = "USER[:GROUP]")]
    pub(crate) run_as: Option<RunAs>,
    /// Serve maildrops with the rights of root, which is refused by default
    #[arg(long)]
    pub(crate) allow_root: bool,
}

/// A user, and perhaps a group, by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunAs {
    pub(crate) user: String,
    pub(crate) group: Option<String>,
}

impl FromStr for RunAs {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let is_name = |name: &str| !name.is_empty() && !name.contains([':', '\0']);
        if !is_name(user) || !group.is_none_or(is_name) {
            return Err("expected USER or USER:GROUP");
        }
        Ok(Self { user: user.to_owned(), group: group.map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_and_perhaps_a_group() {
        for (text, user, group) in
            [("pop3", "pop3", None), ("pop3:mail", "pop3", Some("mail")), ("8:9", "8", Some("9"))]
        {
            let expected = RunAs { user: user.to_owned(), group: group.map(str::to_owned) };
            assert_eq!(text.parse::<RunAs>().unwrap(), expected);
        }
        for text in ["", ":", "a:", ":b", "a:b:c", "a\0"] {
            text.parse::<RunAs>().unwrap_err();
        }
    }
}
