//! What the next listing makes of what is remembered.

use alloc::vec;

use super::*;

const DAY: Day = 20_000;

fn key() -> Key {
    Key::of_uid(b"u")
}

fn keys(count: usize) -> Vec<Key> {
    vec![key(); count]
}

fn forgetting(today: Day, after: Day) -> Forgetting {
    Forgetting { today: Some(today), after }
}

/// The memory of these occurrences out of `total`; the second list was marked as deleted.
fn memory(total: u32, fetched: &[u32], deleting: &[u32]) -> Memory {
    let mut memory = Memory::default();
    for &occurrence in fetched {
        let id = Id { key: key(), occurrence };
        memory.insert(id, SeenEntry { deleting: deleting.contains(&occurrence), ..SeenEntry::new(1, total) });
    }
    memory
}

fn memory_of_one() -> Memory {
    memory(1, &[0], &[])
}

fn known(memory: &Memory) -> Vec<u32> {
    memory.iter().map(|(id, _)| id.occurrence).collect()
}

/// Those that are not remembered as gone.
fn present(memory: &Memory) -> Vec<u32> {
    let present = memory.iter().filter(|(_, entry)| !matches!(entry.absence, Absence::Since(_)));
    present.map(|(id, _)| id.occurrence).collect()
}

#[test]
fn the_listing_tells_whether_a_deletion_took_place() {
    for (total, fetched, deleting, now, left) in [
        // One message, the usual case: still there, and gone.
        (1, &[0][..], &[0][..], 1, &[0][..]),
        (1, &[0], &[0], 0, &[]),
        // Two under one unique-id, both fetched and deleted.
        (2, &[0, 1], &[0, 1], 2, &[0, 1]),
        (2, &[0, 1], &[0, 1], 0, &[]),
        // Two, of which one was fetched and deleted: the other one is not known.
        (2, &[0], &[0], 2, &[0]),
        (2, &[0], &[0], 1, &[]),
        (2, &[1], &[1], 1, &[]),
        // Three, the middle one deleted: the last one has moved down.
        (3, &[1, 2], &[1], 2, &[1]),
        (3, &[1, 2], &[1], 3, &[1, 2]),
        // Nothing deleted; one of two is gone by other hands.
        (2, &[0, 1], &[], 1, &[0]),
        (2, &[0], &[], 1, &[]),
        // A new one has come.
        (1, &[0], &[], 2, &[0]),
        // Nothing is listed, nothing was deleted: remembered until the end of a whole run.
        (1, &[0], &[], 0, &[0]),
    ] {
        let mut memory = memory(total, fetched, deleting);
        let keys = keys(now);
        let census = Census::new(&keys);
        memory.reconcile(&census, forgetting(DAY, 90));
        assert_eq!(present(&memory), left, "{total} {fetched:?} {deleting:?} {now}");
        assert!(memory.iter().all(|(_, entry)| !entry.deleting));
        assert!(
            !memory.reconcile(&census, forgetting(DAY, 90)),
            "{total} {fetched:?} {deleting:?} {now}: not at rest"
        );
    }
}

#[test]
fn an_empty_listing_makes_nothing_forgotten() {
    // Whether or not DELE was sent, and for two messages with one unique-id too.
    for (total, fetched, deleting) in [
        (1, &[0][..], &[][..]),
        (1, &[0], &[0]),
        (2, &[0, 1], &[]),
        (2, &[0, 1], &[0, 1]),
        (2, &[0, 1], &[1]),
    ] {
        let mut memory = memory(total, fetched, deleting);
        for listed in [0, total, 1, total] {
            let keys = keys(listed as usize);
            memory.reconcile(&Census::new(&keys), forgetting(DAY, 90));
            memory.prune(&Census::new(&keys), forgetting(DAY, 90), |_| Some(true));
            assert_eq!(known(&memory), fetched, "{total} {deleting:?} {listed}");
        }
        // But what came back is not taken for the same without a look.
        assert!(memory.iter().all(|(_, entry)| entry.absence == Absence::Returned));
    }
}

#[test]
fn a_good_end_forgets_what_was_deleted() {
    let mut memory = memory(3, &[0, 1, 2], &[0, 2]);
    assert!(memory.deleted());
    assert!(!memory.deleted());
    assert_eq!(known(&memory), [0]);
    let keys = keys(1);
    assert!(!memory.reconcile(&Census::new(&keys), forgetting(DAY, 90)));
}

#[test]
fn a_mark_on_a_message_known_by_its_content_does_not_outlive_the_session() {
    let mut memory = memory(0, &[0], &[0]);
    assert!(memory.reconcile(&Census::new(&[]), forgetting(DAY, 90)));
    assert!(!memory.deleted());
    assert_eq!(known(&memory), [0]);
}

#[test]
fn what_is_gone_is_forgotten_in_time() {
    let (one, none) = (keys(1), keys(0));
    let (one, none) = (Census::new(&one), Census::new(&none));
    let all = |_| Some(true);
    let mut memory = memory(1, &[0], &[]);
    assert!(!memory.prune(&one, forgetting(DAY, 90), all));
    assert!(memory.prune(&none, forgetting(DAY, 90), all));
    assert!(!memory.prune(&none, forgetting(DAY + 89, 90), all));
    // It is back, and goes again: the time begins anew.
    assert!(memory.prune(&one, forgetting(DAY + 89, 90), all));
    assert!(memory.prune(&none, forgetting(DAY + 90, 90), all));
    assert!(!memory.prune(&none, forgetting(DAY + 179, 90), all));
    assert!(memory.prune(&none, forgetting(DAY + 180, 90), all));
    assert_eq!(memory.len(), 0);
    // At once, if that is wanted.
    let mut memory = memory_of_one();
    assert!(memory.prune(&none, forgetting(DAY, 0), all));
    assert_eq!(memory.len(), 0);
}

#[test]
fn a_clock_that_jumps_forgets_nothing_too_soon() {
    let none = keys(0);
    let none = Census::new(&none);
    let all = |_| Some(true);
    // Without a clock, then with one.
    let mut memory = memory(1, &[0], &[]);
    memory.prune(&none, Forgetting { today: None, after: 90 }, all);
    memory.prune(&none, Forgetting { today: None, after: 90 }, all);
    memory.prune(&none, forgetting(DAY, 90), all);
    memory.prune(&none, forgetting(DAY + 89, 90), all);
    assert_eq!(memory.len(), 1);
    // The clock is set back by ten years: it does not stay for ten years and more.
    memory.prune(&none, forgetting(DAY - 3_650, 90), all);
    assert_eq!(memory.len(), 1);
    memory.prune(&none, forgetting(DAY - 3_650 + 90, 90), all);
    assert_eq!(memory.len(), 0);
}

#[test]
fn what_was_not_looked_for_is_not_missed() {
    let mut memory = memory(0, &[0], &[]);
    assert!(!memory.prune(&Census::new(&[]), forgetting(DAY, 0), |_| None));
    assert!(memory.prune(&Census::new(&[]), forgetting(DAY, 0), |_| Some(false)));
    assert_eq!(memory.len(), 0);
}

#[test]
fn many_are_put_in_as_one_by_one() {
    let entry = |index: u32| {
        let id = Id { key: Key::of_uid(&(index % 700).to_be_bytes()), occurrence: 0 };
        (id, SeenEntry::new(index.into(), 1))
    };
    let (mut one_by_one, mut many) = (Memory::default(), Memory::default());
    for range in [0..500, 400..410, 300..1_000] {
        range.clone().map(entry).for_each(|(id, entry)| one_by_one.insert(id, entry));
        many.extend(&mut range.map(entry).collect());
    }
    assert_eq!(one_by_one, many);
}

/// A server that gives two messages one unique-id may list one of them, then both.
#[test]
fn of_messages_with_one_unique_id_none_is_deleted_without_a_look() {
    let all = |_| Some(true);
    // The first was not listed, so the second was stored as the only one.
    let mut one = memory_of_one();
    for listed in [2, 2, 1, 1] {
        let keys = keys(listed);
        one.reconcile(&Census::new(&keys), forgetting(DAY, 90));
        one.prune(&Census::new(&keys), forgetting(DAY, 90), all);
        let entry = one.known(Id { key: key(), occurrence: 0 });
        assert!(entry.is_none_or(|entry| !entry.may_be_deleted(Some(1))), "{listed} {entry:?}");
        if listed == 2 {
            assert!(entry.is_some_and(|entry| !entry.is_same(Some(1))), "{entry:?}");
        }
    }
    // Both were looked at: they need not be fetched again, but are not deleted without another look.
    let looked_at = memory(2, &[0, 1], &[]);
    assert!(looked_at.iter().all(|(_, entry)| entry.is_same(Some(1)) && !entry.may_be_deleted(Some(1))));
}

/// A server that reuses a unique-id lists another message with it, and the first run that sees it does not get it.
#[test]
fn a_message_that_returned_with_another_size_stays_new_until_it_is_fetched() {
    let all = |_| Some(true);
    let mut memory = memory_of_one();
    for listed in [0, 1, 1, 1] {
        let keys = keys(listed);
        memory.reconcile(&Census::new(&keys), forgetting(DAY, 90));
        let entry = memory.known(Id { key: key(), occurrence: 0 }).unwrap();
        assert!(listed == 0 || !entry.is_same(Some(2)), "{entry:?}");
        assert!(entry.is_same(Some(1)), "{entry:?}");
        memory.prune(&Census::new(&keys), forgetting(DAY, 90), all);
    }
}

#[test]
fn of_messages_with_one_unique_id_each_is_new_that_was_missing_or_has_another_size() {
    let all = |_| Some(true);
    // Both were missing; the second was missing; both were always listed.
    for (gap, wanted) in [(&[0][..], [false, false]), (&[1], [false, false]), (&[], [true, true])] {
        let mut memory = memory(2, &[0, 1], &[]);
        for &listed in gap {
            let keys = keys(listed);
            memory.reconcile(&Census::new(&keys), forgetting(DAY, 90));
            memory.prune(&Census::new(&keys), forgetting(DAY, 90), all);
        }
        memory.reconcile(&Census::new(&keys(2)), forgetting(DAY, 90));
        let entries = memory.iter().map(|(_, entry)| entry).collect::<Vec<_>>();
        assert_eq!([entries[0].is_same(Some(1)), entries[1].is_same(Some(1))], wanted, "{entries:?}");
        // They may have moved.
        assert!(entries.iter().all(|entry| !entry.is_same(Some(2))), "{entries:?}");
    }
}

#[test]
fn a_message_that_was_always_listed_is_known_whatever_its_size_and_deleted_if_it_is_the_same() {
    let memory_of = |total| {
        let memory = memory(total, &[0], &[]);
        memory.known(Id { key: key(), occurrence: 0 }).unwrap()
    };
    let (alone, shared) = (memory_of(1), memory_of(2));
    for (size, deleted) in [(Some(1), true), (Some(2), false), (None, false)] {
        assert_eq!((alone.is_same(size), alone.may_be_deleted(size)), (true, deleted), "{size:?}");
        // Without a size, nothing tells that it is another one.
        assert_eq!((shared.is_same(size), shared.may_be_deleted(size)), (size != Some(2), false), "{size:?}");
    }
}

#[test]
fn a_message_whose_deletion_was_refused_stays_known() {
    let mut memory = memory_of_one();
    let id = Id { key: key(), occurrence: 0 };
    memory.deleting(id);
    memory.not_deleting(id);
    assert!(!memory.deleted() && !memory.is_empty());
    memory.deleting(id);
    assert!(memory.deleted() && memory.is_empty());
}

#[test]
fn what_a_listing_changes_is_told_so_that_it_is_written() {
    // The number of messages with the unique-id, and a mark.
    for (total, fetched, deleting, listed) in
        [(1, &[0][..], &[][..], 2), (2, &[0, 1], &[], 1), (1, &[0], &[0], 1), (0, &[0], &[0], 0)]
    {
        let mut memory = memory(total, fetched, deleting);
        let keys = keys(listed);
        assert!(memory.reconcile(&Census::new(&keys), forgetting(DAY, 90)), "{total} {deleting:?} {listed}");
        assert!(!memory.reconcile(&Census::new(&keys), forgetting(DAY, 90)), "{total} {deleting:?} {listed}");
    }
}

#[test]
fn an_empty_listing_takes_nothing_away_though_another_message_was_not_stored() {
    let mut memory = memory(2, &[0], &[]);
    assert!(!memory.reconcile(&Census::new(&[]), forgetting(DAY, 90)));
    assert_eq!(present(&memory), [0]);
}

/// One that is missing does not stand for one that was never stored.
#[test]
fn of_several_messages_of_which_one_was_not_stored_the_one_that_is_left_is_new() {
    let mut memory = memory(3, &[0, 1, 2], &[]);
    memory.reconcile(&Census::new(&keys(2)), forgetting(DAY, 90));
    memory.remove(Id { key: key(), occurrence: 1 });
    memory.reconcile(&Census::new(&keys(1)), forgetting(DAY, 90));
    assert!(memory.is_empty());
}
