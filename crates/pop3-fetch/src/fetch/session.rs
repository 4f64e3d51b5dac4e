//! The session of a fetch, on any transport.

#[cfg(test)]
mod tests;

use core::fmt;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use pop3_disk::{Disk, System};
use pop3_driver::Transport;
use pop3_driver::client::{self, Client};
use pop3_proto::{Command, Keyword, MessageNumber};

use super::catalogue::Catalogue;
use super::inbox::{Inbox, To};
use super::listing::{Question, list};
use super::plan::{plan, task};
use super::storing::{LentInbox, Storing, Tasks};
use crate::journal::{Id, Traits};
use crate::{FetchError, FetchEvent, FetchOptions, FetchReport, FetchedMessage, Notice, Target};

/// A target and a state file, opened for one or more runs in sequence.
///
/// While this value exists, no other process can fetch the account into the target or use the state file.
pub struct Fetch {
    inbox: LentInbox,
    /// As the last run has noted it.
    traits: Traits,
    options: FetchOptions,
    report: FetchReport,
    tell: Box<dyn FnMut(FetchEvent<'_>) + Send>,
}

impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch")
            .field("options", &self.options)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}

impl Fetch {
    /// Opens the target and the state file. Creates them if they do not exist, and completes the work of an
    /// interrupted run. This blocks on the file system, and up to about ten seconds on locks that other programs
    /// hold.
    ///
    /// `state` is the file that records what was fetched. Use one for each account and target;
    /// [`default_state`](crate::default_state) returns a suitable path. `account` identifies the account in this
    /// file; [`account`](crate::account) creates it. A state file of another account is rejected.
    ///
    /// # Errors
    /// Returns [`FetchError::Unusable`] if the target or the state file cannot be used, or if messages written to
    /// standard output should be deleted. Returns [`FetchError::Running`] if another process uses the target or the
    /// state file.
    pub fn open(
        target: &Target,
        state: &Path,
        account: &str,
        options: FetchOptions,
    ) -> Result<Self, FetchError> {
        Self::open_on(&System::shared(), target, state, account, options)
    }

    /// [Opens](Self::open) the target and the state file on another [`Disk`], for example in tests.
    ///
    /// # Errors
    /// Returns the same errors as [`open`](Self::open).
    pub fn open_on(
        disk: &Arc<dyn Disk>,
        target: &Target,
        state: &Path,
        account: &str,
        options: FetchOptions,
    ) -> Result<Self, FetchError> {
        if options.delete && matches!(target, Target::Stdout) {
            return Err(FetchError::unusable(
                "mail that goes to standard output can't be deleted from the server, because the reader \
                 may have discarded it; fetch into files",
            ));
        }
        Self::with(disk, To::Target(target), state, account, options)
    }

    /// Opens the state file and passes each message to a function, for example to store it in a database or to open a
    /// ticket. `state` and `account` are as for [`open`](Self::open).
    ///
    /// `deliver` is called when a message is complete and known to be the requested one. If it returns `Ok`, the
    /// message counts as stored and may be deleted from the server: make it durable first. If the process then ends
    /// before the state file is written, the same message is delivered again. An error ends the run, and the next run
    /// delivers the message again. The function may block, like writing to a file. It is called on another thread than
    /// [`run`](Self::run), for one message at a time.
    ///
    /// # Errors
    /// Returns [`FetchError::Unusable`] if the state file cannot be used, or [`FetchError::Running`] if another
    /// process uses it.
    pub fn deliver_to(
        deliver: impl FnMut(&mut FetchedMessage<'_>) -> io::Result<()> + Send + 'static,
        state: &Path,
        account: &str,
        options: FetchOptions,
    ) -> Result<Self, FetchError> {
        Self::with(&System::shared(), To::Caller(Box::new(deliver)), state, account, options)
    }

    fn with(
        disk: &Arc<dyn Disk>,
        to: To<'_>,
        state: &Path,
        account: &str,
        options: FetchOptions,
    ) -> Result<Self, FetchError> {
        let inbox = Inbox::open(disk, to, state, account, options.all, &options.stop)?;
        let (traits, inbox) = (inbox.traits(), LentInbox::new(disk, inbox));
        Ok(Self { inbox, traits, options, report: FetchReport::default(), tell: Box::new(|_| {}) })
    }

    /// Calls a function for each event of a run.
    #[must_use]
    pub fn on_event(mut self, tell: impl FnMut(FetchEvent<'_>) + Send + 'static) -> Self {
        self.tell = Box::new(tell);
        self
    }

    /// Returns whether replies and commands were out of step in an earlier run. If so, disable
    /// [pipelining](pop3_proto::client::ClientConfig::pipelining) in the client's options before it connects.
    #[must_use]
    pub const fn lost_synchronisation(&self) -> bool {
        self.traits.lost_synchronisation
    }

    /// Returns the report of the last run, even if it ended early.
    #[must_use]
    pub const fn report(&self) -> &FetchReport {
        &self.report
    }

    /// Fetches new messages with a client that is logged in, and ends its session.
    ///
    /// A problem with a single message does not end the run. It is reported as an [event](Self::on_event) and counted
    /// in the [report](Self::report), which is available after an error, too.
    ///
    /// If you drop the future before it deletes messages, the session ends without QUIT, and nothing is deleted. While
    /// it deletes, stored messages may or may not be removed; the next run finds out. The messages stored so far are
    /// recorded, and the next run continues from there. Messages that are being stored then are stored completely: the
    /// next run, and dropping this value, wait for that.
    ///
    /// # Errors
    /// Returns an error if the run ends early. The next run continues from there.
    pub async fn run<T: Transport>(&mut self, client: Client<T>) -> Result<FetchReport, FetchError> {
        self.report = FetchReport::default();
        self.inbox.get().begin_run()?;
        let fetched = self.fetch(client).await;
        let inbox = self.inbox.get();
        inbox.end_run();
        self.traits = inbox.traits();
        fetched?;
        Ok(self.report)
    }
}

impl Fetch {
    async fn fetch<T: Transport>(&mut self, mut client: Client<T>) -> Result<(), FetchError> {
        let catalogue = self.list(&mut client).await?;
        let census = catalogue.census();
        self.inbox.get().reconcile(&census)?;
        let plan = plan(&catalogue, &census, self.inbox.get().memory(), &self.options);
        self.report.known = plan.known as u64;
        self.report.too_large = plan.too_large.len() as u64;
        let limit = self.options.limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX));
        let most = limit.unwrap_or(usize::MAX);
        let sizes = plan.fetch.iter().take(most).filter_map(|place| catalogue.get(place)?.size);
        // The server may list anything.
        let octets = sizes.fold(0, u64::saturating_add);
        (self.tell)(FetchEvent::Planned { messages: plan.fetch.len().min(most), octets });
        let mut storing = Storing::new(&mut self.inbox, &mut self.report, &mut *self.tell);
        storing.tell_too_large(&catalogue, &plan.too_large);
        let tasks = Tasks { catalogue: &catalogue, census: &census, places: &plan.fetch };
        let fetched = storing.fetch(&mut client, tasks, limit).await;
        let (stored, owes) = storing.finish();
        match fetched {
            Ok(()) => {}
            Err(FetchError::Client(client::ClientError::Stopped)) if client.is_quiet() && !owes => {
                // The result does not matter.
                let _ = client.quit().await;
                return Err(client::ClientError::Stopped.into());
            }
            Err(ended) => return Err(self.lost(ended)),
        }
        if owes {
            // Dropped without QUIT.
            drop(client);
            if self.options.delete {
                self.report.not_deleted += (plan.delete.len() + stored.len()) as u64;
            }
            self.notice(&Notice::NoQuit);
            return Ok(());
        }

        let mut all = BTreeMap::new();
        if self.options.delete {
            let inbox = self.inbox.get();
            let stored = stored.into_iter().filter(|&(_, id)| inbox.is_stored(id));
            let known = plan.delete.iter().filter_map(|place| task(&catalogue, &census, place));
            let known = known.filter_map(|task| Some((task.number, task.id?)));
            all = known.chain(stored).collect();
        }
        self.delete(client, all).await?;
        self.inbox.get().prune(&census, self.report.is_whole(), self.options.forget_after)?;
        Ok(())
    }

    /// What the server has. How it is recognised is noted before anything is fetched.
    async fn list<T: Transport>(&mut self, client: &mut Client<T>) -> Result<Catalogue, FetchError> {
        let inbox = self.inbox.get();
        let traits = inbox.traits();
        let question = Question {
            recognised_by: self.options.recognised_by.or(traits.recognised_by),
            remembers_sizes: inbox.memory().iter().any(|(_, entry)| entry.size > 0),
            chooses_by_size: self.options.max_size.is_some(),
        };
        let (catalogue, recognised_by) = list(client, question).await?;
        self.inbox.get().set_traits(Traits { recognised_by: Some(recognised_by), ..traits })?;
        Ok(catalogue)
    }

    fn notice(&mut self, notice: &Notice) {
        (self.tell)(FetchEvent::Notice(notice));
    }

    /// Remembers that replies and commands got out of step, if they did.
    fn lost(&mut self, ended: FetchError) -> FetchError {
        if ended.is_out_of_step() {
            let inbox = self.inbox.get();
            let traits = Traits { lost_synchronisation: true, ..inbox.traits() };
            // The earlier error is more useful than one about writing this note.
            let _ = inbox.set_traits(traits);
        }
        ended
    }

    /// Deletes messages that are stored, and ends the session.
    async fn delete<T: Transport>(
        &mut self,
        mut client: Client<T>,
        mut ids: BTreeMap<MessageNumber, Id>,
    ) -> Result<(), FetchError> {
        let numbers: Vec<MessageNumber> = ids.keys().copied().collect();
        let all: Vec<Id> = ids.values().copied().collect();
        let ended = if numbers.is_empty() {
            client.quit().await
        } else if self.inbox.get().are_alone(&all) {
            // For each of them, the next listing tells whether it was deleted, so QUIT need not wait for the replies.
            self.inbox.get().deleting(&all)?;
            let mut refused = Vec::new();
            let ended = client
                .dele_all_and_quit(&numbers, |message, refusal| {
                    refused.extend(ids.remove(&message));
                    self.tell_refused(message, refusal);
                })
                .await;
            // Otherwise the refusals may be those of others.
            if ended.is_ok() {
                self.inbox.get().not_deleting(&refused);
            }
            ended
        } else {
            let marked = client
                .call_all(numbers.into_iter().map(Command::Dele), |command, refusal| {
                    if let Command::Dele(message) = command {
                        ids.remove(&message);
                        self.tell_refused(message, refusal);
                    }
                })
                .await;
            // It must be known which of them are marked.
            let proved = match marked {
                Ok(()) => client.verify_step().await,
                failed => failed,
            };
            if let Err(error) = proved {
                self.report.not_deleted += ids.len() as u64;
                return Err(self.lost(error.into()));
            }
            self.inbox.get().deleting(&ids.values().copied().collect::<Vec<_>>())?;
            client.quit().await
        };
        let marked = ids.len() as u64;
        match ended {
            Ok(()) => {
                self.report.deleted = marked;
                self.inbox.get().deleted()?;
                Ok(())
            }
            Err(client::ClientError::Refused(refusal)) => {
                // The next listing shows which messages are gone.
                self.report.not_deleted += marked;
                self.notice(&match refusal.keyword {
                    Some(Keyword::Stat) => Notice::DeletionsUnverified { refusal },
                    _ => Notice::QuitRefused { refusal },
                });
                Ok(())
            }
            Err(error) => {
                self.report.not_deleted += marked;
                let ended = self.lost(error.into());
                // All that was wanted may be done.
                if marked == 0 { Ok(()) } else { Err(ended) }
            }
        }
    }

    /// Tells that the server does not delete a message.
    fn tell_refused(&mut self, message: MessageNumber, refusal: client::Refusal) {
        self.report.not_deleted += 1;
        self.notice(&Notice::NotDeleted { message, refusal });
    }
}
