//! Storing messages as they come, once they are proved to be what was asked for.

use core::mem::take;
use std::collections::{BTreeSet, VecDeque};
use std::io;

use pop3_driver::Transport;
use pop3_driver::client::{self, Client, Receiver, Refusal};
use pop3_proto::client::ProtocolError;
use pop3_proto::{MessageNumber, Octets};

use super::catalogue::{Catalogue, Places};
use super::chunk::{self, Chunk, Copy, Doubt, Received};
use super::inbox::Inbox;
use super::lent::Lent;
use super::plan::{Task, task};
use super::reception::{Incoming, Reception};
use super::shelf::{Shelved, shelve};
use crate::journal::{Census, Id, Key, Traits};
use crate::{FetchError, FetchEvent, FetchReport, Notice};

/// The most messages of a chunk whose files are open.
const OPEN: usize = 32;

/// What is to be fetched, made as it is needed.
#[derive(Clone, Copy)]
pub(super) struct Tasks<'a> {
    pub(super) catalogue: &'a Catalogue,
    pub(super) census: &'a Census<'a>,
    pub(super) places: &'a Places,
}

impl<'a> Tasks<'a> {
    fn iter(self) -> impl Iterator<Item = Task> + 'a {
        self.places.iter().filter_map(move |place| task(self.catalogue, self.census, place))
    }
}

/// The inbox, and what a thread has done with it.
pub(super) type LentInbox = Lent<Inbox, Shelved>;

/// Stores messages as they come.
///
/// They come in chunks. Behind each it is proved that replies and commands are in step, what is in doubt is
/// fetched once more, and only then the chunk is stored: until then nobody sees anything of it. It is stored by a
/// thread, while the next chunk comes.
pub(super) struct Storing<'a> {
    inbox: &'a mut LentInbox,
    reception: Reception,
    traits: Traits,
    report: &'a mut FetchReport,
    tell: &'a mut (dyn FnMut(FetchEvent<'_>) + Send),
    /// What was asked for and has not come.
    tasks: VecDeque<Task>,
    current: Option<(Task, Incoming)>,
    chunk: Chunk,
    /// What RETR has begun to send and the target does not have. A server may remove at QUIT what it has sent,
    /// so as long as there is any, there must be no QUIT.
    owed: BTreeSet<MessageNumber>,
    /// What may be deleted: it is stored.
    stored: Vec<(MessageNumber, Id)>,
}

impl<'a> Storing<'a> {
    pub(super) fn new(
        inbox: &'a mut LentInbox,
        report: &'a mut FetchReport,
        tell: &'a mut (dyn FnMut(FetchEvent<'_>) + Send),
    ) -> Self {
        let (reception, traits) = (inbox.get().reception().clone(), inbox.get().traits());
        Self {
            inbox,
            reception,
            traits,
            report,
            tell,
            tasks: VecDeque::new(),
            current: None,
            chunk: Chunk::default(),
            owed: BTreeSet::new(),
            stored: Vec::new(),
        }
    }

    /// What is stored, and whether QUIT could lose something that was sent.
    pub(super) fn finish(self) -> (Vec<(MessageNumber, Id)>, bool) {
        (self.tell)(FetchEvent::Finished);
        (self.stored, !self.owed.is_empty())
    }

    /// Fetches until so many new messages are here. What turns out to be here already, and what the
    /// server does not give, takes no place: else the same ones would hold up each run.
    pub(super) async fn fetch<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        tasks: Tasks<'_>,
        limit: Option<usize>,
    ) -> Result<(), FetchError> {
        let before = self.done();
        let left = |storing: &Self| {
            let done = storing.done().saturating_sub(before);
            (tasks.places.len() as u64).saturating_sub(done)
        };
        let fetched = self.fetch_chunks(client, tasks, limit).await;
        let shelved = self.shelved().await;
        self.inbox.end_thread();
        // A message that was cut.
        self.current = None;
        self.reception.release();
        self.report.left = left(self);
        fetched.and(shelved)
    }

    async fn fetch_chunks<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        tasks: Tasks<'_>,
        limit: Option<usize>,
    ) -> Result<(), FetchError> {
        let most = chunk::most(self.traits.lost_synchronisation, self.inbox.get().records_each());
        let mut later = tasks.iter().peekable();
        self.report.left = tasks.places.len() as u64;
        // Those of the chunk before, which a thread may be storing.
        let mut given = 0;
        loop {
            let mut now = chunk::take(&mut later, self.room(limit, given).min(most));
            if now.is_empty() && later.peek().is_some() {
                // How many are new is known when they are stored.
                self.shelved().await?;
                now = chunk::take(&mut later, self.room(limit, 0).min(most));
            }
            if now.is_empty() {
                return Ok(());
            }
            self.fetch_chunk(client, &now).await?;
            given = now.len();
        }
    }

    /// How many messages may still be fetched, if so many that are not counted yet are new.
    fn room(&self, limit: Option<usize>, given: usize) -> usize {
        let fetched = usize::try_from(self.report.fetched).unwrap_or(usize::MAX);
        limit.map_or(usize::MAX, |limit| limit.saturating_sub(fetched).saturating_sub(given))
    }

    /// How many messages were dealt with, in whatever way.
    const fn done(&self) -> u64 {
        self.report.fetched.saturating_add(self.report.known).saturating_add(self.report.failed)
    }

    async fn fetch_chunk<T: Transport>(
        &mut self,
        client: &mut Client<T>,
        now: &[Task],
    ) -> Result<(), FetchError> {
        self.chunk = Chunk::new(now);
        self.tasks = now.iter().copied().collect();
        let numbers: Vec<MessageNumber> = now.iter().map(|task| task.number).collect();
        let came = client.retr_all_in_step(&numbers, self).await;
        let stopped = matches!(came, Err(client::ClientError::Stopped)) && client.is_quiet();
        let proved = if stopped { client.verify_step().await } else { came };
        let ended = match proved {
            Err(error) => {
                let ended = FetchError::from(error);
                // An unasked refusal may be that of another command.
                let dismissed = matches!(
                    ended,
                    FetchError::Client(client::ClientError::Protocol(ProtocolError::Dismissed(_)))
                );
                self.chunk.keep_certain(dismissed || ended.is_out_of_step());
                Err(ended)
            }
            // No more messages are requested.
            Ok(()) if stopped => {
                self.chunk.follow();
                self.chunk.keep_certain(false);
                Err(client::ClientError::Stopped.into())
            }
            Ok(()) => self.settle(client).await,
        };
        // Keep the messages that are certain, whatever followed them.
        let kept = self.keep().await;
        ended.and(kept)
    }

    /// Fetches each message in doubt once more, by itself. From the first that does not come the same, nothing
    /// is left.
    async fn settle<T: Transport>(&mut self, client: &mut Client<T>) -> Result<(), FetchError> {
        let mut estimates = self.traits.estimates_sizes;
        for index in 0..self.chunk.came.len() {
            let Some(received) = self.chunk.came.get(index) else { break };
            let doubt = received.doubt.filter(|doubt| *doubt != Doubt::Size || !estimates);
            let other_size = received.has_other_size();
            if doubt.is_some() {
                let (task, key, octets) = (received.task, received.key(), received.octets());
                if let Err(ended) = ask_again(client, task, key, octets).await {
                    self.chunk.came.truncate(index);
                    return Err(ended);
                }
            }
            estimates |= doubt != Some(Doubt::Empty) && other_size;
        }
        Ok(())
    }

    /// Has what is left of the chunk stored, when the chunk before is.
    async fn keep(&mut self) -> Result<(), FetchError> {
        let came = take(&mut self.chunk).came;
        self.shelved().await?;
        let (empty, came): (Vec<_>, Vec<_>) =
            came.into_iter().partition(|received| received.doubt == Some(Doubt::Empty));
        for received in empty {
            self.fail(&Notice::Empty { message: received.task.number });
        }
        if let Some(other) = came.iter().find(|received| received.has_other_size())
            && !self.traits.estimates_sizes
        {
            // Complete messages have other sizes than those that are listed.
            self.traits.estimates_sizes = true;
            let listed = other.task.size.unwrap_or(0);
            let (message, octets) = (other.task.number, other.octets());
            self.say(&Notice::SizesAreEstimates { message, listed, octets });
        }
        if came.is_empty() {
            return Ok(());
        }
        let traits = self.traits;
        self.inbox.start(move |inbox| shelve(inbox, came, traits));
        Ok(())
    }

    /// Waits until what was given to the thread is stored.
    async fn shelved(&mut self) -> Result<(), FetchError> {
        let Some(shelved) = self.inbox.finished().await else { return Ok(()) };
        (self.report.fetched, self.report.octets) = self.inbox.get().stored();
        self.report.known += shelved.known;
        for (number, id) in shelved.stored {
            self.owed.remove(&number);
            self.stored.push((number, id));
        }
        Ok(shelved.result?)
    }

    /// Tells which messages are skipped.
    pub(super) fn tell_too_large(&mut self, catalogue: &Catalogue, too_large: &Places) {
        for listed in too_large.iter().filter_map(|place| catalogue.get(place)) {
            let octets = listed.size.unwrap_or_default();
            self.say(&Notice::TooLarge { message: listed.number, octets });
        }
    }

    fn say(&mut self, notice: &Notice) {
        (self.tell)(FetchEvent::Notice(notice));
    }

    /// Tells what is wrong with a message.
    fn fail(&mut self, notice: &Notice) {
        self.report.failed += 1;
        self.say(notice);
    }

    /// Takes the task of the message; the replies come in the order of the tasks.
    fn task(&mut self, message: MessageNumber) -> io::Result<Task> {
        self.chunk.follow();
        let task = self.tasks.pop_front().filter(|task| task.number == message);
        let unrequested = || io::Error::other("the server sent a message that was not requested");
        let task = task.ok_or_else(unrequested)?;
        (self.tell)(FetchEvent::Message { message, octets: task.size });
        Ok(task)
    }
}

impl Receiver for Storing<'_> {
    async fn begin(&mut self, message: MessageNumber, size: Option<Octets>) -> io::Result<()> {
        self.owed.insert(message);
        let task = self.task(message)?;
        self.current = Some((task, self.reception.begin(size)));
        Ok(())
    }

    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        let Some((_, incoming)) = &mut self.current else { return Ok(()) };
        (self.tell)(FetchEvent::Octets(octets.len() as Octets));
        incoming.push(octets)
    }

    async fn end(&mut self, outstanding: usize) -> io::Result<()> {
        let Some((task, mut incoming)) = self.current.take() else { return Ok(()) };
        incoming.finish(self.chunk.files() >= OPEN)?;
        let shifted = outstanding > 0 || self.chunk.has_refusals();
        self.chunk.push(Received::new(task, incoming, shifted, self.traits.estimates_sizes));
        Ok(())
    }

    async fn refused(&mut self, message: MessageNumber, refusal: Refusal) -> io::Result<()> {
        let task = self.task(message)?;
        self.chunk.refuse();
        self.fail(&Notice::Refused { message: task.number, refusal });
        Ok(())
    }
}

/// Fetches a message once more while nothing else is under way, and compares.
async fn ask_again<T: Transport>(
    client: &mut Client<T>,
    task: Task,
    key: Key,
    octets: Octets,
) -> Result<(), FetchError> {
    let mut second = Copy::new();
    match client.retr(task.number, &mut second).await {
        Ok(_) => {}
        Err(client::ClientError::Refused(_)) => return Err(FetchError::OutOfStep(task.number)),
        Err(error) => return Err(error.into()),
    }
    client.verify_step().await?;
    if second.is(key, octets) { Ok(()) } else { Err(FetchError::OutOfStep(task.number)) }
}
