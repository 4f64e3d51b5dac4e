//! What a run will do: pure, from the listing, the memory and the options.

use std::collections::HashMap;

use pop3_proto::MessageNumber;

use crate::journal::{Census, Entry, Id, Key, Memory};

/// A message as the server lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) number: MessageNumber,
    /// The size that LIST says, if it does.
    pub(crate) size: Option<u64>,
    /// The key of the unique-id, if UIDL gives one.
    pub(crate) key: Option<Key>,
}

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wishes {
    /// Fetch what was fetched before too.
    pub(crate) all: bool,
    /// Delete what is stored.
    pub(crate) delete: bool,
    /// Fetch at most so many. The plan does not look at it: which messages are new, and which the
    /// server gives, is known only when they have come.
    pub(crate) limit: Option<u64>,
    /// Skip what is larger, in octets.
    pub(crate) max_size: Option<u64>,
}

/// A message to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Task {
    pub(crate) number: MessageNumber,
    pub(crate) size: Option<u64>,
    /// What it will be remembered by; `None` where that is its content.
    pub(crate) id: Option<Id>,
    /// How many messages are listed under its unique-id.
    pub(crate) total: u32,
}

/// What a run will do. Each list is in the order of the message numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// To fetch, and to delete when they are stored, if that was asked for.
    pub(crate) fetch: Vec<Task>,
    /// Fetched by an earlier run and still there: to delete only.
    pub(crate) delete: Vec<(MessageNumber, Id)>,
    /// Larger than allowed, with their sizes. A run with such ends with exit code 1.
    pub(crate) too_large: Vec<(MessageNumber, u64)>,
    /// How many were fetched before and are to stay.
    pub(crate) known: usize,
}

/// How often each unique-id is listed.
pub(crate) fn census(listing: &[Listed]) -> Census {
    Census::new(listing.iter().filter_map(|listed| listed.key))
}

/// Makes the plan. The memory must be reconciled with the same census.
///
/// A message counts as fetched when its unique-id is remembered. Before it is deleted without being
/// fetched again, its size must be the remembered one too: a server that gives a unique-id a second
/// time must not cost a message.
pub(crate) fn plan(listing: &[Listed], census: &Census, memory: &Memory, wishes: Wishes) -> Plan {
    let mut plan = Plan::default();
    let mut occurrences = HashMap::<Key, u32>::new();
    for listed in listing {
        let total = listed.key.map_or(0, |key| census.count(key));
        let id = listed
            .key
            .map(|key| Id { key, occurrence: if total > 1 { next(&mut occurrences, key) } else { 0 } });
        let known = id.and_then(|id| memory.known(id).map(|entry| (id, entry)));
        match known {
            Some((id, entry)) if !wishes.all && wishes.delete && same_size(entry, listed.size) => {
                plan.delete.push((listed.number, id));
                continue;
            }
            Some(_) if !wishes.all && !wishes.delete => {
                plan.known += 1;
                continue;
            }
            Some(_) | None => {}
        }
        if let (Some(size), Some(most)) = (listed.size, wishes.max_size)
            && size > most
        {
            plan.too_large.push((listed.number, size));
        } else {
            plan.fetch.push(Task { number: listed.number, size: listed.size, id, total });
        }
    }
    plan
}

fn same_size(entry: &Entry, listed: Option<u64>) -> bool {
    entry.size == 0 || listed.is_none_or(|size| size == entry.size)
}

/// Counts the messages of a key that stands in the listing more than once.
fn next(occurrences: &mut HashMap<Key, u32>, key: Key) -> u32 {
    let count = occurrences.entry(key).or_default();
    let occurrence = *count;
    *count += 1;
    occurrence
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(messages: &[(&str, u64)]) -> Vec<Listed> {
        let listed = |(index, &(uid, size)): (usize, &(&str, u64))| Listed {
            number: MessageNumber::from_index(index).unwrap(),
            size: Some(size),
            key: (!uid.is_empty()).then(|| Key::of_uid(uid.as_bytes())),
        };
        messages.iter().enumerate().map(listed).collect()
    }

    fn memory(messages: &[(&str, u32, u32, u64)]) -> Memory {
        let mut memory = Memory::default();
        for &(uid, occurrence, total, size) in messages {
            let id = Id { key: Key::of_uid(uid.as_bytes()), occurrence };
            memory.insert(id, Entry { size, total, deleting: false });
        }
        memory
    }

    fn planned(messages: &[(&str, u64)], memory: &Memory, wishes: Wishes) -> Plan {
        let listing = listing(messages);
        plan(&listing, &census(&listing), memory, wishes)
    }

    fn fetched(plan: &Plan) -> Vec<u32> {
        plan.fetch.iter().map(|task| task.number.number()).collect()
    }

    fn deleted(plan: &Plan) -> Vec<u32> {
        plan.delete.iter().map(|(number, _)| number.number()).collect()
    }

    const MAIL: [(&str, u64); 5] = [("a", 10), ("b", 20), ("b", 30), ("", 40), ("c", 50)];

    #[test]
    fn only_what_is_new() {
        let memory = memory(&[("a", 0, 1, 10), ("b", 1, 2, 30)]);
        let plan = planned(&MAIL, &memory, Wishes::default());
        assert_eq!((fetched(&plan), plan.known), (vec![2, 4, 5], 2));
        assert_eq!(plan.fetch[0].id.unwrap().occurrence, 0);
        assert_eq!((plan.fetch[0].total, plan.fetch[1].total, plan.fetch[1].id), (2, 0, None));
        assert_eq!(deleted(&plan), [0; 0]);
        let plan = planned(&MAIL, &memory, Wishes { all: true, ..Wishes::default() });
        assert_eq!((fetched(&plan), plan.known), (vec![1, 2, 3, 4, 5], 0));
    }

    #[test]
    fn what_was_fetched_before_is_deleted_only_if_it_is_the_same() {
        let memory = memory(&[("a", 0, 1, 10), ("b", 0, 2, 21), ("c", 0, 1, 0)]);
        let plan = planned(&MAIL, &memory, Wishes { delete: true, ..Wishes::default() });
        assert_eq!((deleted(&plan), fetched(&plan)), (vec![1, 5], vec![2, 3, 4]));
        let plan = planned(&MAIL, &memory, Wishes { delete: true, all: true, ..Wishes::default() });
        assert_eq!((deleted(&plan), fetched(&plan)), (vec![], vec![1, 2, 3, 4, 5]));
    }

    #[test]
    fn what_is_too_large_is_not_fetched() {
        let wishes = Wishes { max_size: Some(30), ..Wishes::default() };
        let plan = planned(&MAIL, &Memory::default(), wishes);
        assert_eq!(fetched(&plan), [1, 2, 3]);
        let large = plan.too_large.iter().map(|(number, size)| (number.number(), *size)).collect::<Vec<_>>();
        assert_eq!(large, [(4, 40), (5, 50)]);
    }
}
