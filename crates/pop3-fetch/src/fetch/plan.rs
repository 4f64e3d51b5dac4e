//! What a run will do: pure, from the listing, the memory and the options.

use pop3_proto::MessageNumber;

use super::catalogue::{Catalogue, Places};
use crate::FetchOptions;
use crate::journal::{Census, Id, Memory};

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
    pub(crate) fetch: Places,
    /// Fetched by an earlier run and still there: to delete only.
    pub(crate) delete: Places,
    /// Larger than allowed.
    pub(crate) too_large: Places,
    /// How many were fetched before and are to stay.
    pub(crate) known: usize,
}

/// Makes the plan. The memory must be reconciled with the same census.
///
/// A message counts as fetched when its unique-id is remembered. Before it is deleted without being
/// fetched again, its size must be the remembered one too, and each run must have seen it: a server
/// that gives a unique-id a second time must not cost a message. What came back with another size is
/// fetched again. If its content turns out to be the same, it is not stored again.
pub(crate) fn plan(
    catalogue: &Catalogue,
    census: &Census<'_>,
    memory: &Memory,
    wishes: &FetchOptions,
) -> Plan {
    let mut plan = Plan::default();
    for (place, listed) in catalogue.iter().enumerate() {
        let known = id(catalogue, census, place).and_then(|(id, _)| memory.known(id));
        if let (Some(entry), false) = (known, wishes.all) {
            if wishes.delete && entry.may_be_deleted(listed.size) {
                plan.delete.push(place);
                continue;
            }
            if !wishes.delete && entry.is_same(listed.size) {
                plan.known += 1;
                continue;
            }
        }
        match (listed.size, wishes.max_size) {
            (Some(size), Some(most)) if size > most => plan.too_large.push(place),
            _ => plan.fetch.push(place),
        }
    }
    plan
}

/// What the message at this place is remembered by, and how many are listed under its unique-id.
fn id(catalogue: &Catalogue, census: &Census<'_>, place: usize) -> Option<(Id, u32)> {
    let key = catalogue.get(place)?.key?;
    let (occurrence, total) = census.occurrence(place);
    Some((Id { key, occurrence }, total))
}

/// The task for the message at this place.
pub(crate) fn task(catalogue: &Catalogue, census: &Census<'_>, place: usize) -> Option<Task> {
    let listed = catalogue.get(place)?;
    let (id, total) = id(catalogue, census, place).unzip();
    Some(Task { number: listed.number, size: listed.size, id, total: total.unwrap_or(0) })
}

#[cfg(test)]
mod tests {
    use pop3_seen::Absence;

    use super::super::catalogue::Listed;
    use super::*;
    use crate::journal::{Key, SeenEntry};

    fn catalogue(messages: &[(&str, u64)]) -> Catalogue {
        let listed = |(index, &(uid, size)): (usize, &(&str, u64))| Listed {
            number: MessageNumber::from_index(index).unwrap(),
            size: Some(size),
            key: (!uid.is_empty()).then(|| Key::of_uid(uid.as_bytes())),
        };
        messages.iter().enumerate().map(listed).collect()
    }

    fn id(uid: &str, occurrence: u32) -> Id {
        Id { key: Key::of_uid(uid.as_bytes()), occurrence }
    }

    fn memory(messages: &[(&str, u32, u32, u64)]) -> Memory {
        let mut memory = Memory::default();
        for &(uid, occurrence, total, size) in messages {
            memory.insert(id(uid, occurrence), SeenEntry::new(size, total));
        }
        memory
    }

    fn planned(messages: &[(&str, u64)], memory: &Memory, wishes: &FetchOptions) -> Plan {
        let catalogue = catalogue(messages);
        plan(&catalogue, &catalogue.census(), memory, wishes)
    }

    /// Numbers.
    fn numbers(places: &Places) -> Vec<usize> {
        places.iter().map(|place| place + 1).collect()
    }

    const MAIL: [(&str, u64); 5] = [("a", 10), ("b", 20), ("b", 30), ("d", 40), ("c", 50)];

    fn delete() -> FetchOptions {
        FetchOptions::new().with_delete(true)
    }

    #[test]
    fn only_what_is_new() {
        let memory = memory(&[("a", 0, 1, 10), ("b", 1, 2, 30)]);
        let plan = planned(&MAIL, &memory, &FetchOptions::new());
        assert_eq!((numbers(&plan.fetch), plan.known), (vec![2, 4, 5], 2));
        assert_eq!(numbers(&plan.delete), [0; 0]);
        let catalogue = catalogue(&MAIL);
        let task = |place| task(&catalogue, &catalogue.census(), place).unwrap();
        assert_eq!((task(1).id, task(1).total, task(1).size), (Some(id("b", 0)), 2, Some(20)));
        assert_eq!((task(3).id, task(3).total, task(3).number.number()), (Some(id("d", 0)), 1, 4));
        let plan = planned(&MAIL, &memory, &FetchOptions::new().with_all(true));
        assert_eq!((numbers(&plan.fetch), plan.known), (vec![1, 2, 3, 4, 5], 0));
    }

    #[test]
    fn without_unique_ids_all_is_fetched_to_be_recognised() {
        let mail = [("", 5), ("", 6)];
        let plan = planned(&mail, &memory(&[("a", 0, 1, 5)]), &delete());
        assert_eq!(numbers(&plan.fetch), [1, 2]);
        let catalogue = catalogue(&mail);
        let task = task(&catalogue, &catalogue.census(), 1).unwrap();
        assert_eq!((task.id, task.total), (None, 0));
    }

    #[test]
    fn what_was_fetched_before_is_deleted_only_if_it_is_the_same() {
        let memory = memory(&[("a", 0, 1, 10), ("b", 0, 2, 21), ("c", 0, 1, 0)]);
        let plan = planned(&MAIL, &memory, &delete());
        assert_eq!((numbers(&plan.delete), numbers(&plan.fetch)), (vec![1, 5], vec![2, 3, 4]));
        let plan = planned(&MAIL, &memory, &delete().with_all(true));
        assert_eq!((numbers(&plan.delete), numbers(&plan.fetch)), (vec![], vec![1, 2, 3, 4, 5]));
    }

    #[test]
    fn what_came_back_is_deleted_only_after_a_look_at_it() {
        let mail = [("a", 10), ("b", 20), ("c", 30)];
        let mut memory = Memory::default();
        for (uid, size, absence) in
            [("a", 10, Absence::Since(3)), ("b", 21, Absence::Since(3)), ("c", 31, Absence::Returned)]
        {
            memory.insert(id(uid, 0), SeenEntry { absence, ..SeenEntry::new(size, 1) });
        }
        let plan = planned(&mail, &memory, &FetchOptions::new());
        assert_eq!((numbers(&plan.fetch), plan.known), (vec![2, 3], 1));
        let plan = planned(&mail, &memory, &delete());
        assert_eq!((numbers(&plan.fetch), numbers(&plan.delete)), (vec![1, 2, 3], vec![]));
    }

    #[test]
    fn what_is_too_large_is_not_fetched() {
        let wishes = FetchOptions::new().with_max_size(Some(30));
        let plan = planned(&MAIL, &Memory::default(), &wishes);
        assert_eq!((numbers(&plan.fetch), numbers(&plan.too_large)), (vec![1, 2, 3], vec![4, 5]));
    }
}
