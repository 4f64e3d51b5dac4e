//! `pop3 user`: changes the users file, or the users of a database.

#[cfg(feature = "tokio")]
mod database;

use std::path::Path;

use pop3_proto::Secret;
use pop3_serve::{UserName, UsersEdit, UsersFormat};

use crate::args::{Action, Change, File, User, UsersAt};
use crate::exit::{Exit, Failure};
use crate::passwd::{bad_name, explain, new_password};
use crate::tell::hand_out;

/// Does what the options say. A password is asked for before the file is locked.
pub(crate) fn run(options: &User) -> Result<Exit, Failure> {
    let file = options.action.file();
    match file.at()? {
        UsersAt::File(path) => in_file(&options.action, file, &path)?,
        #[cfg(feature = "tokio")]
        UsersAt::Database(store) => database::run(&options.action, &store)?,
        #[cfg(not(feature = "tokio"))]
        UsersAt::Database(store) => return Err(crate::store::without_databases(&store)),
    }
    Ok(Exit::Done)
}

fn in_file(action: &Action, file: &File, path: &Path) -> Result<(), Failure> {
    let open = || UsersEdit::open(path, file.format, file.names()?).map_err(Failure::from);
    match action {
        Action::Add(add) => {
            let (name, forms) = (name(&add.change.name, file)?, forms(&add.change, file.format)?);
            let mut edit = UsersEdit::open_or_create(path, file.format, file.names()?)?;
            edit.add(&name, &forms, add.home.as_deref())?;
            edit.save()?;
        }
        Action::Passwd(change) => {
            let name = name(&change.name, file)?;
            let known = open()?.list()?.iter().any(|(known, _)| *known == name);
            if !known {
                let path = path.display();
                return Err(Failure::usage(format!(
                    "{path} does not contain {name}; pop3 user add adds users"
                )));
            }
            let forms = forms(change, file.format)?;
            let mut edit = open()?;
            edit.set_password(&name, &forms)?;
            edit.save()?;
        }
        Action::Del(del) => {
            let name = name(&del.name, file)?;
            let mut edit = open()?;
            edit.remove(&name)?;
            edit.save()?;
        }
        Action::List(_) => hand_out(&lines(&open()?.list()?))?,
        Action::Quota(_) => {
            return Err(Failure::usage("only users of a database have a quota: give --store URL"));
        }
    }
    Ok(())
}

/// A line for each user.
fn lines(users: &[(UserName, String)]) -> String {
    users.iter().map(|(name, has)| format!("{name}\t{has}\n")).collect()
}

fn name(name: &str, file: &File) -> Result<UserName, Failure> {
    file.names()?.apply(name.as_bytes()).ok_or_else(|| bad_name(name))
}

/// The forms of a new password.
fn forms(change: &Change, format: UsersFormat) -> Result<Vec<Secret<String>>, Failure> {
    let password = new_password()?;
    let forms = change.stored.forms(format);
    let make = |form: &fn(u32) -> pop3_serve::PasswordForm| {
        form(change.stored.iterations).make(password.expose()).map_err(|error| explain(&error))
    };
    forms.iter().map(make).collect()
}
