//! Storing messages as they come, once they are proved to be what was asked for.

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Write as _};

use pop3_driver::Transport;
use pop3_driver::client::{self, Client, Receiver, Refusal};
use pop3_proto::client::ProtocolError;
use pop3_proto::{MessageNumber, Octets};

use super::catalogue::{Catalogue, Places};
use super::chunk::{self, Chunk, Doubt, Print, Received};
use super::inbox::{Inbox, Incoming, Kept};
use super::plan::{Task, task};
use crate::journal::{Census, Id};
use crate::{FetchError, FetchEvent, FetchReport, Notice};

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

/// Stores messages as they come.
///
/// They come in chunks. Behind each it is proved that replies and commands are in step, what is in doubt is
/// fetched once more, and only then the chunk is stored: until then nobody sees anything of it.
pub(super) struct Storing<'a> {
    inbox: &'a mut Inbox,
    report: &'a mut FetchReport,
    tell: &'a mut (dyn FnMut(FetchEvent<'_>) + Send),
    /// What was asked for and has not come.
    tasks: VecDeque<Task>,
    current: Option<(Task, Incoming, Print)>,
    chunk: Chunk,
    /// What RETR has begun to send and the target does not have. A server may remove at QUIT what it has sent,
    /// so as long as there is any, there must be no QUIT.
    owed: BTreeSet<MessageNumber>,
    /// What may be deleted: it is stored.
    stored: Vec<(MessageNumber, Id)>,
}

impl<'a> Storing<'a> {
    pub(super) fn new(
        inbox: &'a mut Inbox,
        report: &'a mut FetchReport,
        tell: &'a mut (dyn FnMut(FetchEvent<'_>) + Send),
    ) -> Self {
        Self {
            inbox,
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
        limit: usize,
    ) -> Result<(), FetchError> {
        let careful = self.inbox.traits().lost_synchronisation;
        let mut later = tasks.iter().peekable();
        let mut left = tasks.places.len();
        loop {
            self.report.left = left as u64;
            let fetched = usize::try_from(self.report.fetched).unwrap_or(usize::MAX);
            let now = chunk::take(&mut later, limit.saturating_sub(fetched), careful);
            if now.is_empty() {
                return Ok(());
            }
            left = left.saturating_sub(now.len());
            let before = self.done();
            let result = self.fetch_chunk(client, &now).await;
            let done = self.done().saturating_sub(before);
            self.report.left = (left as u64).saturating_add((now.len() as u64).saturating_sub(done));
            result?;
        }
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
        let came = client.retr_all(&numbers, self).await;
        let stopped = matches!(came, Err(client::ClientError::Stopped)) && client.is_quiet();
        let proved = match came {
            Err(error) if !stopped => Err(error),
            _ => prove(client).await,
        };
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
        let kept = self.keep();
        ended.and(kept)
    }

    /// Fetches each message in doubt once more, by itself. From the first that does not come the same, nothing
    /// is left.
    async fn settle<T: Transport>(&mut self, client: &mut Client<T>) -> Result<(), FetchError> {
        let mut estimates = self.inbox.traits().estimates_sizes;
        for index in 0..self.chunk.came.len() {
            let Some((doubt, other_size, again)) = self.chunk.came.get(index).map(|received| {
                let doubt = received.doubt.filter(|doubt| *doubt != Doubt::Size || !estimates);
                (doubt, received.has_other_size(), doubt.map(|_| (received.task, received.print.clone())))
            }) else {
                break;
            };
            if let Some((task, print)) = again
                && let Err(ended) = ask_again(client, task, print).await
            {
                self.chunk.came.truncate(index);
                return Err(ended);
            }
            estimates |= doubt != Some(Doubt::Empty) && other_size;
        }
        Ok(())
    }

    /// Stores what is left of the chunk.
    fn keep(&mut self) -> Result<(), FetchError> {
        let mut other_size = None;
        let kept = self.keep_each(&mut other_size);
        let committed = self.inbox.commit();
        (self.report.fetched, self.report.octets) = self.inbox.stored();
        let stored = kept?;
        committed?;
        for (number, id) in stored {
            self.owed.remove(&number);
            self.stored.push((number, id));
        }
        match other_size {
            Some((number, listed, octets)) => self.note_estimates(number, listed, octets),
            None => Ok(()),
        }
    }

    /// Has each message appear with the next commit.
    fn keep_each(
        &mut self,
        other_size: &mut Option<(MessageNumber, Octets, Octets)>,
    ) -> io::Result<Vec<(MessageNumber, Id)>> {
        let mut stored = Vec::new();
        for Received { task, incoming, print, doubt } in core::mem::take(&mut self.chunk).came {
            let number = task.number;
            if doubt == Some(Doubt::Empty) {
                self.fail(&Notice::Empty { message: number });
                continue;
            }
            if task.size.is_some_and(|size| size != print.octets) {
                other_size.get_or_insert((number, task.size.unwrap_or(0), print.octets));
            }
            let id = match self.inbox.keep(incoming, &task)? {
                Kept::New(id) => id,
                Kept::Known(id) => {
                    self.report.known += 1;
                    id
                }
            };
            stored.push((number, id));
        }
        Ok(stored)
    }

    /// Complete messages have other sizes than those that are listed.
    fn note_estimates(&mut self, number: MessageNumber, listed: u64, octets: u64) -> Result<(), FetchError> {
        let traits = self.inbox.traits();
        if traits.estimates_sizes {
            return Ok(());
        }
        self.say(&Notice::SizesAreEstimates { message: number, listed, octets });
        Ok(self.inbox.set_traits(crate::journal::Traits { estimates_sizes: true, ..traits })?)
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
    async fn begin(&mut self, message: MessageNumber, _size: Option<Octets>) -> io::Result<()> {
        self.owed.insert(message);
        let task = self.task(message)?;
        self.current = Some((task, self.inbox.begin()?, Print::default()));
        Ok(())
    }

    async fn data(&mut self, octets: &[u8]) -> io::Result<()> {
        let Some((_, incoming, print)) = &mut self.current else { return Ok(()) };
        print.write_all(octets)?;
        (self.tell)(FetchEvent::Octets(octets.len() as Octets));
        incoming.write_all(octets)
    }

    async fn end(&mut self, outstanding: usize) -> io::Result<()> {
        let Some((task, incoming, print)) = self.current.take() else { return Ok(()) };
        let shifted = outstanding > 0 || self.chunk.has_refusals();
        let estimates = self.inbox.traits().estimates_sizes;
        self.chunk.came.push(Received::new(task, incoming, print, shifted, estimates));
        Ok(())
    }

    async fn refused(&mut self, message: MessageNumber, refusal: Refusal) -> io::Result<()> {
        let task = self.task(message)?;
        self.chunk.refuse();
        self.fail(&Notice::Refused { message: task.number, refusal });
        Ok(())
    }
}

/// Proves that replies and commands are in step.
///
/// A reply too many shifts all later ones by one. What is left of the last RETR then is taken for the reply to
/// the first NOOP if it begins with `+OK`, but its content is no reply to the second. All that comes comes in
/// order, so it does not matter when.
async fn prove<T: Transport>(client: &mut Client<T>) -> Result<(), client::ClientError> {
    for _ in 0..2 {
        match client.noop().await {
            Ok(()) | Err(client::ClientError::Refused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    if client.is_quiet() { Ok(()) } else { Err(ProtocolError::Unsolicited(client.surplus()).into()) }
}

/// Fetches a message once more while nothing else is under way, and compares.
async fn ask_again<T: Transport>(client: &mut Client<T>, task: Task, first: Print) -> Result<(), FetchError> {
    let mut second = Print::default();
    match client.retr(task.number, &mut second).await {
        Ok(_) => {}
        Err(client::ClientError::Refused(_)) => return Err(FetchError::OutOfStep(task.number)),
        Err(error) => return Err(error.into()),
    }
    prove(client).await?;
    if first.equals(second) { Ok(()) } else { Err(FetchError::OutOfStep(task.number)) }
}
