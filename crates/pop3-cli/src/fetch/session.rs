//! The session of a fetch, on any transport.

use core::fmt::Display;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write as _};

use pop3_driver::Transport;
use pop3_driver::client::{Client, Error, Receiver, Refusal};
use pop3_proto::{MessageNumber, Octets};

use super::inbox::{Inbox, Incoming, Kept};
use super::plan::{Listed, Task, Wishes, census, plan};
use super::report::Report;
use crate::dial::{Dial, Session};
use crate::escape::Escaped;
use crate::exit::{Exit, Failure, reasons};
use crate::journal::{Id, Key};
use crate::login::Login;
use crate::progress::Progress;
use crate::tell::tell;

/// What a fetch needs beside the connection.
pub(super) struct Fetcher<'a> {
    pub(super) inbox: &'a mut Inbox,
    pub(super) login: Login,
    pub(super) wishes: Wishes,
    pub(super) quiet: bool,
    pub(super) report: Report,
}

/// Why a session ended before its time.
#[derive(Debug)]
pub(super) enum Ended {
    /// The server, or the line.
    Client(Error),
    /// The target, or the state file.
    Store(io::Error),
}

impl Ended {
    pub(super) fn failure(&self, dial: &Dial) -> Failure {
        match self {
            Self::Client(Error::Store(error)) | Self::Store(error) => {
                Failure::new(Exit::Partial, format!("{} (the rest stays on the server)", reasons(error)))
            }
            Self::Client(error) => dial.failure(error),
        }
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Store(error)
    }
}

impl Session for Fetcher<'_> {
    type Output = (Report, Result<(), Ended>);

    async fn run<T: Transport>(mut self, client: Client<T>) -> Self::Output {
        let result = self.fetch(client).await;
        (self.report, result)
    }
}

impl Fetcher<'_> {
    async fn fetch<T: Transport>(&mut self, mut client: Client<T>) -> Result<(), Ended> {
        self.login.log_in(&mut client).await?;
        let listing = list(&mut client).await?;
        let census = census(&listing);
        self.inbox.reconcile(&census)?;
        let plan = plan(&listing, &census, self.inbox.memory(), self.wishes);
        self.report.known = plan.known as u64;
        self.report.too_large = plan.too_large.len() as u64;
        let limit =
            self.wishes.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        // The server may list anything.
        let octets = plan.fetch.iter().take(limit).filter_map(|task| task.size).fold(0, u64::saturating_add);
        let mut storing = Storing {
            inbox: &mut *self.inbox,
            report: &mut self.report,
            progress: Progress::new(plan.fetch.len().min(limit), octets, self.quiet),
            tasks: plan.fetch.iter().copied().collect(),
            current: None,
            pending: None,
            stored: Vec::new(),
        };
        for (number, size) in &plan.too_large {
            storing.say(*number, format_args!("skipped: {size} octets are more than --max-size allows"));
        }
        let fetched = storing.fetch(&mut client, &plan.fetch, limit).await;
        storing.progress.finish();
        let stored = storing.stored;
        // What is complete is kept, whatever came after it.
        let committed = self.inbox.commit();
        (self.report.fetched, self.report.octets) = self.inbox.stored();
        fetched?;
        committed?;

        let mut marked = Vec::new();
        if self.wishes.delete {
            let stored = stored.into_iter().filter(|&(_, id)| self.inbox.is_stored(id));
            marked = self.mark(&mut client, plan.delete.into_iter().chain(stored).collect()).await?;
        }
        self.inbox.deleting(&marked)?;
        self.quit(client, &marked).await?;
        if self.report.is_complete() && self.report.left == 0 {
            self.inbox.prune(&census)?;
        }
        Ok(())
    }

    /// Sends DELE for messages that are stored, and returns those that the server has marked.
    async fn mark<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        stored: Vec<(MessageNumber, Id)>,
    ) -> Result<Vec<Id>, Ended> {
        let mut ids: BTreeMap<MessageNumber, Id> = stored.into_iter().collect();
        let numbers: Vec<MessageNumber> = ids.keys().copied().collect();
        for (number, refusal) in client.dele_all(&numbers).await? {
            ids.remove(&number);
            self.report.not_deleted += 1;
            tell(format_args!(
                "pop3: message {number} is stored, but the server does not delete it: {}",
                Escaped::new(&refusal.text)
            ));
        }
        Ok(ids.into_values().collect())
    }

    async fn quit<T: Transport>(&mut self, client: Client<T>, marked: &[Id]) -> Result<(), Ended> {
        match client.quit().await {
            Ok(()) => {
                self.report.deleted = marked.len() as u64;
                self.inbox.deleted()?;
                Ok(())
            }
            Err(Error::Refused(refusal)) => {
                // Which are gone is seen from the next listing.
                self.report.not_deleted += marked.len() as u64;
                tell(format_args!("pop3: the server says at the end: {}", Escaped::new(&refusal.text)));
                Ok(())
            }
            // All that was wanted is done.
            Err(_) if marked.is_empty() => Ok(()),
            Err(error) => {
                self.report.not_deleted += marked.len() as u64;
                Err(error.into())
            }
        }
    }
}

/// What the server lists, in the order of the numbers. LIST and UIDL are optional each.
async fn list<T: Transport>(client: &mut Client<T>) -> Result<Vec<Listed>, Ended> {
    let mut listing = BTreeMap::new();
    let sizes = optional(client.list().await)?;
    let uids = optional(client.uidl().await)?;
    if sizes.is_none() && uids.is_none() {
        let messages = client.stat().await?.messages;
        for number in (1..=messages).filter_map(MessageNumber::new) {
            listing.insert(number, Listed { number, size: None, key: None });
        }
    }
    for (number, size) in sizes.into_iter().flatten() {
        listing.insert(number, Listed { number, size: Some(size), key: None });
    }
    for (number, uid) in uids.into_iter().flatten() {
        let listed = listing.entry(number).or_insert(Listed { number, size: None, key: None });
        listed.key = Some(Key::of_uid(&uid));
    }
    Ok(listing.into_values().collect())
}

fn optional<V>(result: Result<V, Error>) -> Result<Option<V>, Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Error::Refused(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Stores messages as they come.
struct Storing<'a> {
    inbox: &'a mut Inbox,
    report: &'a mut Report,
    progress: Progress,
    /// What was asked for and has not come.
    tasks: VecDeque<Task>,
    current: Option<(Task, Incoming, Octets)>,
    /// Complete by its terminator, but the next reply has not come: if that is none, the terminator was
    /// a dot that the server did not stuff, and the message was cut there.
    pending: Option<(Task, Incoming, Octets)>,
    /// What may be deleted once it is committed.
    stored: Vec<(MessageNumber, Id)>,
}

impl Storing<'_> {
    /// Fetches until so many new messages are here. What turns out to be here already, and what the
    /// server does not give, takes no place: else the same ones would hold up each run.
    async fn fetch<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        mut tasks: &[Task],
        limit: usize,
    ) -> Result<(), Error> {
        loop {
            let fetched = usize::try_from(self.report.fetched).unwrap_or(usize::MAX);
            let (now, later) = tasks.split_at(limit.saturating_sub(fetched).min(tasks.len()));
            self.report.left = later.len() as u64;
            if now.is_empty() {
                return Ok(());
            }
            tasks = later;
            let numbers: Vec<MessageNumber> = now.iter().map(|task| task.number).collect();
            client.retr_all(&numbers, self).await?;
            if self.pending.is_some() {
                match client.noop().await {
                    Ok(()) | Err(Error::Refused(_)) => self.settle().map_err(Error::Store)?,
                    Err(error) => return Err(error),
                }
            }
        }
    }

    /// Tells what is wrong with a message. What comes from the server must be escaped.
    fn say(&self, number: MessageNumber, what: impl Display) {
        self.progress.line(&format!("pop3: message {number} {what}"));
    }

    fn fail(&mut self, number: MessageNumber, what: impl Display) {
        self.report.failed += 1;
        self.say(number, what);
    }

    /// Keeps the message before: the reply behind it has come, so that server and client are in step.
    fn settle(&mut self) -> io::Result<()> {
        let Some((task, incoming, octets)) = self.pending.take() else { return Ok(()) };
        match self.inbox.keep(incoming, &task)? {
            Kept::New(id) => {
                self.report.fetched += 1;
                self.report.octets += octets;
                self.stored.push((task.number, id));
            }
            Kept::Known(id) => {
                self.report.known += 1;
                self.stored.push((task.number, id));
            }
        }
        Ok(())
    }

    /// Takes the task of the message; the replies come in the order of the tasks.
    fn task(&mut self, message: MessageNumber) -> io::Result<Task> {
        self.settle()?;
        self.progress.message();
        let task = self.tasks.pop_front().filter(|task| task.number == message);
        task.ok_or_else(|| io::Error::other("a message came that was not asked for"))
    }
}

impl Receiver for Storing<'_> {
    fn begin(&mut self, message: MessageNumber) -> io::Result<()> {
        let task = self.task(message)?;
        self.current = Some((task, self.inbox.begin(&task)?, 0));
        Ok(())
    }

    fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        let Some((_, incoming, count)) = &mut self.current else { return Ok(()) };
        *count += octets.len() as Octets;
        self.progress.octets(octets.len() as u64);
        incoming.write_all(octets)
    }

    fn end(&mut self) -> io::Result<()> {
        let Some((task, incoming, octets)) = self.current.take() else { return Ok(()) };
        let number = task.number;
        if octets == 0 && task.size != Some(0) {
            self.fail(number, "came empty, and is left on the server");
            return Ok(());
        }
        if let Some(size) = task.size
            && is_cut(octets, size)
        {
            self.fail(
                number,
                format_args!("came with {octets} octets where the server lists {size}, and is left there"),
            );
            return Ok(());
        }
        self.pending = Some((task, incoming, octets));
        Ok(())
    }

    fn refused(&mut self, message: MessageNumber, refusal: Refusal) -> io::Result<()> {
        let task = self.task(message)?;
        self.fail(task.number, format_args!("was refused by the server: {}", Escaped::new(&refusal.text)));
        Ok(())
    }
}

/// Whether so few octets came that the end of the message must be missing.
///
/// Sizes are hints: servers count line ends as one octet, count dots that are stuffed, or guess. None
/// of that makes them a quarter larger than the message. A lone dot that a server did not stuff cuts
/// a message anywhere.
const fn is_cut(octets: Octets, listed: Octets) -> bool {
    octets < listed.saturating_sub(listed / 4).saturating_sub(64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_hint_but_not_any_hint() {
        for (octets, listed, cut) in [
            (100, 100, false),
            (100, 90, false),
            (100, 120, false),
            (10, 60, false),
            (0, 100, true),
            (500, 1000, true),
        ] {
            assert_eq!(is_cut(octets, listed), cut, "{octets} {listed}");
        }
    }
}
