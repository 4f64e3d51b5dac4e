//! Finds what is wrong in the tables.

use pop3_proto::UniqueId;

use super::SqlStore;
use crate::error::SqlError;
use crate::spool::Spool;
use crate::sql;
use crate::statement::{Row, number};

/// Something that [`SqlStore::check`] has found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SqlFinding {
    /// The user whom it concerns, if it is one.
    pub user: Option<String>,
    /// The unique-id of the message, if it is one.
    pub unique_id: Option<String>,
    /// What is wrong, and what to do.
    pub text: String,
    /// Whether it needs nobody, such as the lock of a node that was killed: the next login takes it over.
    pub harmless: bool,
}

/// How many messages are examined before the findings are told.
const BATCH: i64 = 100;

impl SqlStore {
    /// Examines the tables, and calls the function with each thing that is wrong. Changes nothing, and does not need
    /// the nodes to be stopped. Reads every message, so it takes a while. Returns the number of messages.
    ///
    /// # Errors
    /// Returns the errors of the database.
    pub async fn check(&self, mut report: impl FnMut(SqlFinding) + Send) -> Result<u64, SqlError> {
        let store = self.clone();
        self.run(async move { store.check_rows().await }).await?.into_iter().for_each(&mut report);
        let (mut last, mut messages) = (0, 0);
        loop {
            let store = self.clone();
            let batch = async move { store.check_messages(last).await };
            let (findings, count, next) = self.run(batch).await?;
            findings.into_iter().for_each(&mut report);
            messages += count;
            match next {
                Some(next) => last = next,
                None => return Ok(messages),
            }
        }
    }

    /// What is wrong between the tables.
    async fn check_rows(&self) -> Result<Vec<SqlFinding>, SqlError> {
        let calls = vec![sql::WITHOUT_MAILDROP.with([]), sql::ORPHANS.with([]), sql::LEFT_LOCKS.with([])];
        let mut answers = self.engine().read(calls).await?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let (users, orphans, locks) = (next(), next(), next());
        let mut findings = Vec::new();
        let finding = |user, text: &str, harmless| SqlFinding {
            user,
            unique_id: None,
            text: text.to_owned(),
            harmless,
        };
        for mut row in users.rows {
            let text =
                "the user has no maildrop, so mail for it is refused; remove the user and add it again";
            findings.push(finding(Some(row.text(0)?), text, false));
        }
        if let Some(row) = orphans.first().filter(|row| row.number(0).is_ok_and(|count| count > 0)) {
            let text =
                format!("{} chunks belong to no message; delete them from pop3_chunks", row.number(0)?);
            findings.push(finding(None, &text, false));
        }
        for mut row in locks.rows {
            let text = "a node that has ended has left its lock; the next login takes it over";
            findings.push(finding(Some(row.text(0)?), text, true));
        }
        Ok(findings)
    }

    /// What is wrong with the messages behind this one, how many they are, and the last one unless they are all.
    async fn check_messages(&self, last: i64) -> Result<(Vec<SqlFinding>, u64, Option<i64>), SqlError> {
        let rows = self.engine().read_one(sql::CHECKED.with([last.into(), BATCH.into()])).await?.rows;
        let (mut findings, mut last) = (Vec::new(), None);
        let count = rows.len() as u64;
        for mut row in rows {
            let id = row.number(0)?;
            last = Some(id);
            let Some(text) = self.check_message(id, &mut row).await? else { continue };
            // It may have been removed while it was read.
            if self.engine().read_one(sql::IS_THERE.with([id.into()])).await?.rows.is_empty() {
                continue;
            }
            let (user, unique_id) = (row.text(1)?, row.text(2)?);
            findings.push(SqlFinding { user: Some(user), unique_id: Some(unique_id), text, harmless: false });
        }
        Ok((findings, count, last))
    }

    /// What is wrong with a message.
    async fn check_message(&self, id: i64, row: &mut Row) -> Result<Option<String>, SqlError> {
        let unique_id = row.text(2)?;
        let is_valid = UniqueId::parse(unique_id.as_bytes()).is_ok();
        row.put_text(2, unique_id);
        if !is_valid {
            return Ok(Some("the unique-id can't be sent, so no client sees the message".to_owned()));
        }
        let octets = row.count(3)?;
        let mut spool = Spool::measuring();
        for seq in 0.. {
            let call = sql::CHUNK.with([id.into(), number(seq).into()]);
            let Some(mut chunk) = self.engine().read_one(call).await?.first() else { break };
            spool.measure(&chunk.octets(0)?);
            if spool.octets() > octets {
                break;
            }
        }
        let found = spool.finish().map_err(|error| SqlError::invalid(error.to_string()))?;
        let wrong = |what: &str, noted: String, found: String| {
            Some(format!("{what} is {found}, but {noted} is noted; clients can't fetch the message"))
        };
        if found.octets() != octets {
            return Ok(wrong("the number of stored octets", octets.to_string(), found.octets().to_string()));
        }
        let size = row.count(4)?;
        if found.size() != size {
            return Ok(wrong("the size on the wire", size.to_string(), found.size().to_string()));
        }
        let ascii = row.maybe(5)?.and_then(|size| u64::try_from(size).ok());
        if found.ascii_size() != ascii || i64::from(found.needs_utf8()) != row.number(6)? {
            let show = |size: Option<u64>| size.map_or("none".to_owned(), |size| size.to_string());
            return Ok(wrong("the size with a header in ASCII", show(ascii), show(found.ascii_size())));
        }
        Ok(None)
    }
}
