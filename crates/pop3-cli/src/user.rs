//! `pop3 user`: changes the users file.

use pop3_proto::Secret;
use pop3_serve::{UserName, UsersEdit};

use crate::args::{Action, Change, File, User};
use crate::exit::{Exit, Failure};
use crate::passwd::{bad_name, explain, new_password};
use crate::tell::hand_out;

/// Does what the options say. A password is asked for before the file is locked.
pub(crate) fn run(options: &User) -> Result<Exit, Failure> {
    match &options.action {
        Action::Add(add) => {
            let (name, forms) = (name(&add.change.name, &add.change.file)?, forms(&add.change)?);
            let file = &add.change.file;
            let mut edit = UsersEdit::open_or_create(&file.path, file.format, file.names()?)?;
            edit.add(&name, &forms, add.home.as_deref())?;
            edit.save()?;
        }
        Action::Passwd(change) => {
            let name = name(&change.name, &change.file)?;
            let known = open(&change.file)?.list()?.iter().any(|(known, _)| *known == name);
            if !known {
                let path = change.file.path.display();
                return Err(Failure::usage(format!(
                    "{path} does not contain {name}; pop3 user add adds users"
                )));
            }
            let forms = forms(change)?;
            let mut edit = open(&change.file)?;
            edit.set_password(&name, &forms)?;
            edit.save()?;
        }
        Action::Del(del) => {
            let name = name(&del.name, &del.file)?;
            let mut edit = open(&del.file)?;
            edit.remove(&name)?;
            edit.save()?;
        }
        Action::List(list) => {
            let users = open(&list.file)?.list()?;
            let lines: String = users.iter().map(|(name, has)| format!("{name}\t{has}\n")).collect();
            hand_out(&lines)?;
        }
    }
    Ok(Exit::Done)
}

fn open(file: &File) -> Result<UsersEdit, Failure> {
    Ok(UsersEdit::open(&file.path, file.format, file.names()?)?)
}

fn name(name: &str, file: &File) -> Result<UserName, Failure> {
    file.names()?.apply(name.as_bytes()).ok_or_else(|| bad_name(name))
}

/// The forms of a new password.
fn forms(change: &Change) -> Result<Vec<Secret<String>>, Failure> {
    let password = new_password()?;
    let forms = change.stored.forms(change.file.format);
    let make = |form: &fn(u32) -> pop3_serve::PasswordForm| {
        form(change.stored.iterations).make(password.expose()).map_err(|error| explain(&error))
    };
    forms.iter().map(make).collect()
}
