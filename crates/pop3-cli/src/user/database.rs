//! The users of a database.

use pop3_proto::Secret;
use pop3_serve::{UserName, UsersFormat};
use pop3_sql::{Quota, SqlErrorKind};

use super::{forms, lines, name};
use crate::args::store_url::StoreUrl;
use crate::args::{Action, Change, Del, QuotaOptions};
use crate::database::{self, Database};
use crate::exit::Failure;
use crate::tell::{hand_out, tell};

pub(super) fn run(action: &Action, store: &StoreUrl) -> Result<(), Failure> {
    let url = database::url(store)?.ok_or_else(|| Failure::usage(format!("{store} is no database")))?;
    match action {
        Action::Add(add) => {
            if add.home.is_some() {
                return Err(Failure::usage("--home is for users with Maildirs; nothing was done"));
            }
            // The password is asked for before the database is used.
            let (name, forms) = new_forms(&add.change)?;
            let database = Database::open(&url)?;
            database.wait(database.store.add_user(&name, &exposed(&forms)))?;
        }
        Action::Passwd(change) => {
            let database = Database::open(&url)?;
            let name = name(&change.name, &change.file)?;
            if database.wait(database.store.find_user(&name))?.is_none() {
                return Err(Failure::usage(format!(
                    "{store} does not contain {name}; pop3 user add adds users"
                )));
            }
            let (_, forms) = new_forms(change)?;
            database.wait(database.store.set_password(&name, &exposed(&forms)))?;
        }
        Action::Del(del) => remove(&Database::open(&url)?, del)?,
        Action::List(_) => {
            let database = Database::open(&url)?;
            let mut last = None;
            loop {
                let users = database.wait(database.store.list_users(last.as_ref()))?;
                let Some((name, _)) = users.last() else { break };
                last = Some(name.clone());
                hand_out(&lines(&users))?;
            }
        }
        Action::Quota(options) => quota(&Database::open(&url)?, options)?,
    }
    Ok(())
}

/// Removes a user. The mail goes only if that was said.
fn remove(database: &Database, del: &Del) -> Result<(), Failure> {
    let (name, store) = (name(&del.name, &del.file)?, &database.store);
    let removed = database.wait(store.remove_user(&name));
    // A user may have gone before, and the mail may have stayed.
    let user = match removed {
        Err(error) if del.delete_mail && error.kind() == SqlErrorKind::NoUser => Err(error),
        removed => Ok(removed?),
    };
    let messages = match (database.wait(store.remove_maildrop(&name, del.delete_mail)), user) {
        (Err(error), user) if error.kind() == SqlErrorKind::NoMaildrop => return Ok(user?),
        (Err(error), _) if error.kind() == SqlErrorKind::Locked => {
            let text = format!(
                "{name} can't log in any more, but is still logged in, so that the maildrop stays; \
                repeat the command later"
            );
            return Err(Failure::new(crate::exit::Exit::TryLater, text));
        }
        (messages, _) => messages?,
    };
    match messages {
        0 => {}
        _ if del.delete_mail => tell(format!("pop3: {messages} messages of {name} were removed")),
        _ => tell(format!(
            "pop3: {name} can't log in any more; the maildrop stays with {messages} messages and still takes mail; \
             pop3 user del --delete-mail removes it"
        )),
    }
    Ok(())
}

/// Sets the limits that are given, and shows what there is.
fn quota(database: &Database, options: &QuotaOptions) -> Result<(), Failure> {
    let (name, store) = (name(&options.name, &options.file)?, &database.store);
    let (mut limits, held) = database.wait(store.quota(&name))?;
    if options.max_messages.is_some() || options.max_octets.is_some() {
        let messages = options.max_messages.unwrap_or(limits.messages);
        limits = Quota::new(messages, options.max_octets.unwrap_or(limits.octets));
        database.wait(store.set_quota(&name, limits))?;
    }
    let line = |what: &str, held: Option<u64>, limit: Option<u64>| {
        let limit = limit.map_or_else(|| "no limit".to_owned(), |limit| format!("at most {limit}"));
        format!("{what}\t{}\t{limit}\n", held.unwrap_or(0))
    };
    let messages = line("messages", held.messages, limits.messages);
    hand_out(&(messages + &line("octets", held.octets, limits.octets)))
}

fn new_forms(change: &Change) -> Result<(UserName, Vec<Secret<String>>), Failure> {
    Ok((name(&change.name, &change.file)?, forms(change, UsersFormat::Pop3)?))
}

fn exposed(forms: &[Secret<String>]) -> Vec<&[u8]> {
    forms.iter().map(|form| form.expose().as_bytes()).collect()
}
