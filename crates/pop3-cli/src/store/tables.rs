//! `pop3 store init` and `pop3 store check`.

use pop3_sql::{SqlFinding, SqlStore};
use pop3_text::Printable;

use super::database;
use crate::args::{CheckStore, Init};
use crate::database::{config, url, wait};
use crate::exit::{Exit, Failure};
use crate::tell::hand_out;

/// Creates or updates the tables.
pub(super) fn init(options: &Init) -> Result<Exit, Failure> {
    let store = options.store.required()?;
    let url = url(&store)?.ok_or_else(|| {
        Failure::usage(format!("{store} needs no tables; pop3 deliver and pop3 store import make Maildirs"))
    })?;
    let migration = wait(SqlStore::migrate(&url, config()))??;
    let (from, to) = (migration.from, migration.to);
    hand_out(&match from {
        0 => format!("{store}: the tables of version {to} were created\n"),
        _ if from == to => format!("{store}: the tables have version {to} already\n"),
        _ => format!("{store}: the tables were brought from version {from} to {to}\n"),
    })?;
    Ok(Exit::Done)
}

/// Prints what is wrong, one line each.
pub(super) fn check(options: &CheckStore) -> Result<Exit, Failure> {
    let store = options.store.required()?;
    let database = database(&store)?;
    let (mut wrong, mut printed) = (0_u64, Ok(()));
    let report = |finding: SqlFinding| {
        wrong += u64::from(!finding.harmless);
        if printed.is_ok() {
            printed = hand_out(&line(&finding));
        }
    };
    let messages = database.wait(database.store.check(report))?;
    printed?;
    if wrong > 0 {
        return Err(Failure::new(Exit::Partial, format!("{store}: {wrong} things are wrong, see above")));
    }
    hand_out(&format!("{store}: {messages} messages, nothing is wrong\n"))?;
    Ok(Exit::Done)
}

fn line(SqlFinding { user, unique_id, text, harmless, .. }: &SqlFinding) -> String {
    let parts = [harmless.then_some("harmless"), user.as_deref(), unique_id.as_deref(), Some(text)];
    let parts: Vec<_> =
        parts.into_iter().flatten().map(|part| Printable::whole(part.as_bytes()).to_string()).collect();
    parts.join(": ") + "\n"
}
