//! The rights of the process: those of root end before anything is read or served.

use rustix::process::geteuid;

#[cfg(target_os = "linux")]
use self::account::Account;
use crate::args::{Privileges, RunAs};
use crate::exit::Failure;

/// What is to become of the rights, decided before the ports are bound.
#[derive(Debug)]
#[must_use]
pub(super) enum Rights {
    /// They stay as they are.
    Keep,
    /// They become those of this user.
    #[cfg(target_os = "linux")]
    Become(Account),
}

/// Decides with which rights to serve.
///
/// # Errors
/// When they would be those of root and nobody has said so, or when there is no such user or group.
pub(super) fn decide(options: &Privileges) -> Result<Rights, Failure> {
    let Some(run_as) = &options.run_as else {
        if geteuid().is_root() && !options.allow_root {
            return Err(Failure::usage(
                "refusing to serve maildrops as root: name the user to continue as with --run-as, after the ports are \
                 bound, or start pop3 as that user; --allow-root serves as root all the same",
            ));
        }
        return Ok(Rights::Keep);
    };
    #[cfg(target_os = "linux")]
    return account::decide(run_as);
    #[cfg(not(target_os = "linux"))]
    Err(Failure::usage(format!("--run-as {} works on Linux only: start pop3 as this user", run_as.user)))
}

impl Rights {
    /// Gives up what is not to be kept.
    ///
    /// # Errors
    /// When the system refuses that, or when root could be regained.
    pub(super) fn apply(self) -> Result<(), Failure> {
        match self {
            Self::Keep => Ok(()),
            #[cfg(target_os = "linux")]
            Self::Become(account) => account.enter(),
        }
    }
}

/// Says who is not allowed to read a file, if the process has become somebody else.
pub(super) fn explain(options: &Privileges, failure: Failure) -> Failure {
    match &options.run_as {
        Some(RunAs { user, .. }) if failure.message().contains(DENIED) => Failure::new(
            failure.exit(),
            format!(
                "{}; it is read as {user} (--run-as), as it is again whenever it is reloaded",
                failure.message()
            ),
        ),
        _ => failure,
    }
}

/// How the standard library shows EACCES.
const DENIED: &str = "(os error 13)";

/// The user to become.
#[cfg(target_os = "linux")]
mod account {
    use std::ffi::CString;

    use nix::errno::Errno;
    use nix::sys::prctl;
    use nix::unistd::{
        Gid, Group, ResGid, ResUid, Uid, User, getegid, geteuid, getgroups, getresgid, getresuid, initgroups,
        setgroups, setresgid, setresuid,
    };

    use super::Rights;
    use crate::args::RunAs;
    use crate::exit::Failure;

    #[derive(Debug)]
    pub(in crate::serve) struct Account {
        /// As it was given.
        shown: String,
        /// The name by which the groups of the user are found, if there is an entry.
        name: Option<CString>,
        uid: Uid,
        gid: Gid,
    }

    /// The rights of this user, unless the process has them.
    pub(super) fn decide(run_as: &RunAs) -> Result<Rights, Failure> {
        let account = Account::find(run_as)?;
        if account.uid.is_root() {
            return Err(Failure::usage("--run-as names root; --allow-root serves with the rights of root"));
        }
        if geteuid().is_root() {
            return Ok(Rights::Become(account));
        }
        if (geteuid(), getegid()) == (account.uid, account.gid) {
            return Ok(Rights::Keep);
        }
        Err(Failure::usage(format!(
            "only root can use --run-as {}: start pop3 as root, or as that user",
            account.shown
        )))
    }

    impl Account {
        fn find(RunAs { user, group }: &RunAs) -> Result<Self, Failure> {
            let cant = |errno: Errno| {
                Failure::usage(format!("the user {user} of --run-as can't be looked up: {errno}"))
            };
            let number = user.parse().ok().map(Uid::from_raw);
            let entry = match User::from_name(user).map_err(cant)? {
                None => number.map(User::from_uid).transpose().map_err(cant)?.flatten(),
                entry => entry,
            };
            let uid = entry.as_ref().map(|entry| entry.uid).or(number);
            let uid =
                uid.ok_or_else(|| Failure::usage(format!("there is no user {user}, named by --run-as")))?;
            let gid = match (group, &entry) {
                (Some(group), _) => find_group(group)?,
                (None, Some(entry)) => entry.gid,
                (None, None) => {
                    let why = format!(
                        "the user {user} of --run-as has no entry, so name a group as well: {user}:GROUP"
                    );
                    return Err(Failure::usage(why));
                }
            };
            let shown = group.as_ref().map_or_else(|| user.clone(), |group| format!("{user}:{group}"));
            let name = entry.and_then(|entry| CString::new(entry.name).ok());
            Ok(Self { shown, name, uid, gid })
        }

        /// Becomes this user for good. The C library does it in all threads of the process.
        pub(super) fn enter(self) -> Result<(), Failure> {
            let Self { shown, name, uid, gid } = self;
            let cant = |what: &str, why: Errno| {
                Failure::usage(format!(
                    "can't give up the rights of root for --run-as {shown}: {what}: {why}"
                ))
            };
            match &name {
                Some(name) => initgroups(name, gid),
                None => setgroups(&[gid]),
            }
            .map_err(|why| cant("the groups", why))?;
            setresgid(gid, gid, gid).map_err(|why| cant("the group", why))?;
            setresuid(uid, uid, uid).map_err(|why| cant("the user", why))?;
            // Programs that the token command starts do not get more rights than the server.
            prctl::set_no_new_privs().map_err(|why| cant("no_new_privs", why))?;
            if !is_for_good(uid, gid).map_err(|why| cant("checking it", why))? {
                return Err(Failure::usage(format!(
                    "--run-as {shown} has left the process a way back to root"
                )));
            }
            Ok(())
        }
    }

    fn find_group(group: &str) -> Result<Gid, Failure> {
        let cant = |errno: Errno| {
            Failure::usage(format!("the group {group} of --run-as can't be looked up: {errno}"))
        };
        let entry = Group::from_name(group).map_err(cant)?.map(|entry| entry.gid);
        let gid = entry.or_else(|| group.parse().ok().map(Gid::from_raw));
        gid.ok_or_else(|| Failure::usage(format!("there is no group {group}, named by --run-as")))
    }

    /// Whether nothing of root is left, and root refuses to come back.
    fn is_for_good(uid: Uid, gid: Gid) -> Result<bool, Errno> {
        let ResUid { real, effective, saved } = getresuid()?;
        let users_are = [real, effective, saved] == [uid; 3];
        let ResGid { real, effective, saved } = getresgid()?;
        let groups_are = [real, effective, saved] == [gid; 3];
        let root = Gid::from_raw(0);
        let groups_are = groups_are && (gid == root || !getgroups()?.contains(&root));
        let (kept, user) = (Uid::from_raw(u32::MAX), Uid::from_raw(0));
        // The maximum leaves a number as it is.
        let comes_back = [[user, kept, kept], [kept, user, kept], [kept, kept, user]]
            .into_iter()
            .any(|[real, effective, saved]| setresuid(real, effective, saved).is_ok());
        Ok(users_are && groups_are && !comes_back)
    }
}
