//! The session of a fetch, on any transport.

use std::collections::BTreeMap;
use std::io;

use pop3_driver::Transport;
use pop3_driver::client::{Client, Error};
use pop3_proto::MessageNumber;
use pop3_proto::client::Error as ProtocolError;
use pop3_text::{Escaped, reasons};

use super::catalogue::Catalogue;
use super::inbox::Inbox;
use super::listing::{Fault, Question, list};
use super::plan::{Wishes, plan, task};
use super::report::Report;
use super::storing::{Storing, Tasks};
use crate::dial::{Dial, Session};
use crate::exit::{Exit, Failure};
use crate::journal::{Id, RecognisedBy, Traits};
use crate::login::Login;
use crate::progress::Progress;
use crate::tell::tell;

/// What a fetch needs beside the connection.
pub(super) struct Fetcher<'a> {
    pub(super) inbox: &'a mut Inbox,
    pub(super) login: Login,
    pub(super) wishes: Wishes,
    /// What the user says about how messages are recognised.
    pub(super) recognise_by: Option<RecognisedBy>,
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
    /// This message came twice, and not the same.
    Doubt(MessageNumber),
    /// What the server lists can't be relied on.
    Listing(Fault),
}

impl Ended {
    pub(super) fn failure(&self, dial: &Dial) -> Failure {
        match self {
            Self::Client(Error::Store(error)) | Self::Store(error) => {
                Failure::new(Exit::Partial, format!("{} (the rest stays on the server)", reasons(error)))
            }
            Self::Client(error) => dial.failure(error),
            Self::Listing(fault) => fault.failure(&dial.place),
            Self::Doubt(number) => Failure::new(
                Exit::Protocol,
                format!(
                    "{}: message {number} came twice, and not the same: replies and commands are out of step. From it on nothing is stored, and nothing is deleted (the next run sends one command at a time)",
                    dial.place
                ),
            ),
        }
    }

    /// Whether replies can't be paired with commands any more.
    pub(super) const fn is_out_of_step(&self) -> bool {
        match self {
            Self::Doubt(_) => true,
            Self::Client(Error::Protocol(error)) => matches!(
                error,
                ProtocolError::OutOfStep(_) | ProtocolError::Unsolicited(_) | ProtocolError::LineTooLong(_)
            ),
            Self::Client(_) | Self::Store(_) | Self::Listing(_) => false,
        }
    }
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self::Client(error)
    }
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Listing(fault)
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
        let catalogue = self.list(&mut client).await?;
        let census = catalogue.census();
        self.inbox.reconcile(&census)?;
        let plan = plan(&catalogue, &census, self.inbox.memory(), self.wishes);
        self.report.known = plan.known as u64;
        self.report.too_large = plan.too_large.len() as u64;
        let limit =
            self.wishes.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let sizes = plan.fetch.iter().take(limit).filter_map(|place| catalogue.get(place)?.size);
        // The server may list anything.
        let octets = sizes.fold(0, u64::saturating_add);
        let progress = Progress::new(plan.fetch.len().min(limit), octets, self.quiet);
        let mut storing = Storing::new(&mut *self.inbox, &mut self.report, progress, self.quiet);
        if !self.quiet {
            storing.tell_too_large(&catalogue, &plan.too_large);
        }
        let tasks = Tasks { catalogue: &catalogue, census: &census, places: &plan.fetch };
        let fetched = storing.fetch(&mut client, tasks, limit).await;
        let (stored, owes) = storing.finish();
        match fetched {
            Ok(()) => {}
            Err(Ended::Client(Error::Stopped)) if client.is_quiet() && !owes => {
                // It makes no difference how that ends.
                let _ = client.quit().await;
                return Err(Error::Stopped.into());
            }
            Err(ended) => return Err(self.lost(ended)),
        }
        if owes {
            // Dropped without QUIT.
            drop(client);
            if self.wishes.delete {
                self.report.not_deleted += (plan.delete.len() + stored.len()) as u64;
            }
            tell(
                "pop3: the session ends without QUIT, at which the server might remove what it sent and we do not have; nothing is deleted",
            );
            return Ok(());
        }

        let mut marked = Vec::new();
        if self.wishes.delete {
            let stored = stored.into_iter().filter(|&(_, id)| self.inbox.is_stored(id));
            let known = plan.delete.iter().filter_map(|place| task(&catalogue, &census, place));
            let known = known.filter_map(|task| Some((task.number, task.id?)));
            let all = known.chain(stored).collect();
            marked = self.mark(&mut client, all).await.map_err(|ended| self.lost(ended))?;
        }
        self.inbox.deleting(&marked)?;
        self.quit(client, &marked).await?;
        self.inbox.prune(&census, self.report.is_whole(), self.wishes.forget_after)?;
        Ok(())
    }

    /// What the server has. How it is recognised is noted before anything is fetched.
    async fn list<T: Transport>(&mut self, client: &mut Client<T>) -> Result<Catalogue, Ended> {
        let traits = self.inbox.traits();
        let question = Question {
            recognised_by: self.recognise_by.or(traits.recognised_by),
            remembers_sizes: self.inbox.memory().iter().any(|(_, entry)| entry.size > 0),
            chooses_by_size: self.wishes.max_size.is_some(),
        };
        let (catalogue, recognised_by) = list(client, question).await?;
        self.inbox.set_traits(Traits { recognised_by: Some(recognised_by), ..traits })?;
        Ok(catalogue)
    }

    /// Remembers that replies and commands got out of step, if they did.
    fn lost(&mut self, ended: Ended) -> Ended {
        if ended.is_out_of_step() {
            let traits = Traits { lost_synchronisation: true, ..self.inbox.traits() };
            // What went wrong before is more to the point than a note that can't be written.
            let _ = self.inbox.set_traits(traits);
        }
        ended
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
