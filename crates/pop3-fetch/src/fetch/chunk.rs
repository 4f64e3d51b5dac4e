//! The messages that are fetched together, and what speaks for each of them.

use core::iter::Peekable;
use std::io::{self, Write};

use pop3_proto::Octets;

use super::plan::Task;
use super::reception::Incoming;
use crate::journal::{Content, Key};

/// How many messages are fetched before it is proved that replies and commands are in step, and then stored together.
const MOST: usize = 1_024;

/// The same where each message is recorded durably by itself. That may take long, and the session waits for it while
/// the server's autologout timer runs.
const MOST_RECORDED: usize = 32;

/// How many octets, by the server's count.
const MOST_OCTETS: u64 = 8 << 20;

/// The most messages that are fetched together: one where step was lost before, so that all before the place where
/// that happens can be stored.
pub(super) const fn most(careful: bool, records_each: bool) -> usize {
    if careful {
        1
    } else if records_each {
        MOST_RECORDED
    } else {
        MOST
    }
}

/// Takes those that are fetched together, at most so many.
pub(super) fn take(tasks: &mut Peekable<impl Iterator<Item = Task>>, most: usize) -> Vec<Task> {
    let mut taken = Vec::new();
    let mut octets: u64 = 0;
    while taken.len() < most
        && let Some(task) = tasks.next_if(|task| {
            octets = octets.saturating_add(task.size.unwrap_or(0));
            taken.is_empty() || octets <= MOST_OCTETS
        })
    {
        taken.push(task);
    }
    taken
}

/// A copy of a message, to be compared with the first one.
#[derive(Debug)]
pub(super) struct Copy {
    content: Content,
    octets: Octets,
}

impl Copy {
    pub(super) fn new() -> Self {
        Self { content: Key::of_content(), octets: 0 }
    }

    /// Whether it is the message with this key and size.
    pub(super) fn is(self, key: Key, octets: Octets) -> bool {
        self.octets == octets && self.content.key() == key
    }
}

impl Write for Copy {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.content.update(octets);
        self.octets += octets.len() as Octets;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a message may be something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It begins as a reply does: a reply too many may have been taken for the first line of its own.
    LooksLikeAReply,
    /// It has not the size that is listed, and may be another one.
    Size,
    /// Nothing came, and the listing says that there is something.
    Empty,
}

/// A message whose terminator has come.
pub(super) struct Received {
    pub(super) task: Task,
    pub(super) incoming: Incoming,
    pub(super) doubt: Option<Doubt>,
}

impl Received {
    /// `shifted` says that the reply may be that to another command; `estimates`, that the sizes of this
    /// server mean nothing.
    pub(super) fn new(task: Task, incoming: Incoming, shifted: bool, estimates: bool) -> Self {
        let octets = incoming.gathered().octets();
        let wrong = task.size.is_some_and(|size| size != octets);
        let doubt = if octets == 0 && task.size != Some(0) {
            Some(Doubt::Empty)
        } else if incoming.gathered().looks_like_a_reply() {
            Some(Doubt::LooksLikeAReply)
        } else {
            (wrong && shifted && !estimates).then_some(Doubt::Size)
        };
        Self { task, incoming, doubt }
    }

    pub(super) const fn octets(&self) -> Octets {
        self.incoming.gathered().octets()
    }

    /// What its content is recognised by.
    pub(super) fn key(&self) -> Key {
        self.incoming.gathered().key()
    }

    /// Whether LIST says another size.
    pub(super) fn has_other_size(&self) -> bool {
        self.task.size.is_some_and(|size| size != self.octets())
    }
}

/// The messages of a chunk that have come, in the order of the replies.
#[derive(Default)]
pub(super) struct Chunk {
    pub(super) came: Vec<Received>,
    /// So many of them are followed by a reply. Where the terminator was a dot that the server did not stuff,
    /// no reply follows.
    followed: usize,
    /// So many had come when the server refused one, if it did: the refusal may be a reply too many.
    refused: Option<usize>,
    /// What is listed for all that was asked for.
    sizes: Vec<Option<Octets>>,
    files: usize,
}

impl Chunk {
    pub(super) fn new(tasks: &[Task]) -> Self {
        Self { sizes: tasks.iter().map(|task| task.size).collect(), ..Self::default() }
    }

    /// The first line of a reply has come.
    pub(super) fn follow(&mut self) {
        self.followed = self.came.len();
    }

    pub(super) fn refuse(&mut self) {
        self.refused.get_or_insert(self.came.len());
    }

    /// How many messages are in files that may be open.
    pub(super) fn files(&self) -> usize {
        self.files
    }

    /// A message has come.
    pub(super) fn push(&mut self, received: Received) {
        self.files += usize::from(!received.incoming.gathered().is_in_memory());
        self.came.push(received);
    }

    pub(super) const fn has_refusals(&self) -> bool {
        self.refused.is_some()
    }

    /// Leaves those that are what they should be, though the session has ended without a proof: `lost` where
    /// replies and commands were out of step, and not only the connection gone.
    pub(super) fn keep_certain(&mut self, lost: bool) {
        // A reply that was sent twice stands in the place of the next one, and shifts all behind it.
        if let Some(first) = self.first_repeated() {
            self.came.truncate(first);
        }
        let certain = self.anchored().max(if lost { 0 } else { self.untroubled() });
        self.came.truncate(certain);
    }

    /// The first message with the content of the one before it.
    fn first_repeated(&self) -> Option<usize> {
        let is_same = |pair: &[Received]| match pair {
            [one, next] => one.octets() == next.octets() && one.key() == next.key(),
            _ => false,
        };
        self.came.windows(2).position(is_same).map(|index| index + 1)
    }

    /// Those before the first message in doubt.
    fn undoubted(&self) -> usize {
        let first = self.came.iter().position(|received| received.doubt.is_some());
        first.unwrap_or(self.came.len()).min(self.followed)
    }

    /// Those before the first that may be something else.
    fn untroubled(&self) -> usize {
        self.undoubted().min(self.refused.unwrap_or(usize::MAX))
    }

    /// Those up to the last that has exactly the size that is listed, and is the only one to have it: it is
    /// itself, so until then no reply too many had shifted the others.
    fn anchored(&self) -> usize {
        let mut anchored = 0;
        for index in 0..self.undoubted() {
            let Some(received) = self.came.get(index) else { break };
            let octets = received.octets();
            let alike = self.sizes.iter().filter(|size| size.is_none_or(|size| size == octets)).count();
            if received.task.size == Some(octets) && alike == 1 {
                anchored = index + 1;
            }
        }
        anchored
    }
}

#[cfg(test)]
mod tests {
    use pop3_disk::System;
    use pop3_driver::Stop;
    use pop3_proto::MessageNumber;

    use super::super::inbox::{Inbox, To};
    use super::*;

    #[test]
    fn what_is_certain_of_a_chunk_that_breaks_off() {
        let folder = tempfile::tempdir().unwrap();
        let deliver = To::Caller(Box::new(|_| Ok(())));
        let state = folder.path().join("state");
        let inbox = Inbox::open(&System::shared(), deliver, &state, "u@h", false, &Stop::new()).unwrap();
        // The messages with their listed sizes, how many were followed by another reply, and before which a refusal came.
        let kept = |texts: &[&str], followed: usize, refused: Option<usize>, lost: bool| {
            let tasks: Vec<Task> = texts
                .iter()
                .enumerate()
                .map(|(index, text)| Task {
                    number: MessageNumber::from_index(index).unwrap(),
                    size: Some(text.len() as u64),
                    id: None,
                    total: 1,
                })
                .collect();
            let mut chunk = Chunk::new(&tasks);
            for (index, (task, text)) in tasks.iter().zip(texts).enumerate() {
                if refused == Some(index) {
                    chunk.refuse();
                }
                let mut incoming = inbox.reception().begin(task.size);
                incoming.push(text.as_bytes()).and_then(|()| incoming.finish(false)).unwrap();
                chunk.push(Received::new(*task, incoming, true, false));
                if index + 1 == followed {
                    chunk.follow();
                }
            }
            chunk.keep_certain(lost);
            chunk.came.len()
        };
        assert_eq!(kept(&["abc", "12345", "67890"], 3, None, false), 3);
        assert_eq!(kept(&["abc", "12345", "67890"], 2, None, false), 2, "nothing followed the last");
        assert_eq!(kept(&["abc", "12345", "67890"], 3, None, true), 1, "others have the size of the second");
        assert_eq!(
            kept(&["abc", "12345", "67890", "longer"], 4, None, true),
            4,
            "nothing else has that size"
        );
        assert_eq!(kept(&["abc", "+OK x", "67890"], 3, None, false), 1, "that may be a reply");
        assert_eq!(kept(&["abc", "+OK x", "67890", "longer"], 4, None, true), 1);
        assert_eq!(kept(&["12345", "67890", "12345"], 3, Some(1), false), 1, "the refusal may be another's");
        assert_eq!(kept(&["12345", "67890", "longer"], 3, Some(1), true), 3);
        for lost in [false, true] {
            assert_eq!(
                kept(&["abc", "abc", "longer"], 3, None, lost),
                usize::from(!lost),
                "a reply came twice"
            );
        }
    }
}
