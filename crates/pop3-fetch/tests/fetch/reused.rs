//! Unique-ids that a server gives to another message, in runs that keep the mail on it.

use pop3_fetch::FetchOptions;

use super::server::{Faults, Mail};
use super::{House, MAIL, Runtime, figures};

/// A run that deletes nothing, and how many messages were requested in it.
#[track_caller]
fn keeps(house: &House, expected: [u64; 5], requested: usize) {
    let before = house.server.retrs();
    assert_eq!(figures(&house.run(FetchOptions::new()).unwrap()), expected);
    assert_eq!(house.server.retrs() - before, requested);
}

#[test]
fn a_message_of_another_size_is_fetched_although_the_first_try_failed() {
    let house = House::new(Runtime::Tokio);
    keeps(&house, [3, 0, 0, 0, 0], 3);
    house.server.has(&MAIL[1..]);
    keeps(&house, [0, 2, 0, 0, 0], 0);
    let other = ("a", "Subject: a\r\n\r\nanother one\r\n");
    house.server.has(&[other, MAIL[1], MAIL[2]]);
    house.server.fail(Faults { refuses: Some(0), ..Faults::default() });
    keeps(&house, [0, 2, 1, 0, 0], 0);
    house.server.fail(Faults::default());
    keeps(&house, [1, 2, 0, 0, 0], 1);
    keeps(&house, [0, 3, 0, 0, 0], 0);
    house.has_each_message_once(&[other, MAIL[0], MAIL[1], MAIL[2]]);
}

#[test]
fn of_messages_with_one_unique_id_each_is_looked_at_when_they_return() {
    let house = House::new(Runtime::Tokio);
    let (twin, other): (Mail, Mail) =
        (("a", "Subject: t\r\n\r\ntwo\r\n"), ("a", "Subject: u\r\n\r\nsix\r\n"));
    house.server.has(&[MAIL[0], twin]);
    keeps(&house, [2, 0, 0, 0, 0], 2);
    house.server.has(&[]);
    keeps(&house, [0, 0, 0, 0, 0], 0);
    // As many as before, and of the same sizes.
    house.server.has(&[MAIL[0], other]);
    keeps(&house, [1, 1, 0, 0, 0], 2);
    keeps(&house, [0, 2, 0, 0, 0], 0);
    house.has_each_message_once(&[MAIL[0], twin, other]);
}

#[test]
fn of_messages_with_one_unique_id_one_that_has_another_size_is_looked_at() {
    let house = House::new(Runtime::Tokio);
    let (second, third): (Mail, Mail) =
        (("a", "Subject: n\r\n\r\nsecond\r\n"), ("a", "Subject: o\r\n\r\nno third\r\n"));
    house.server.has(&[MAIL[0], second]);
    keeps(&house, [2, 0, 0, 0, 0], 2);
    // The first one is gone, and the second one has moved into its place: it is stored again, since nobody can tell.
    house.server.has(&[second, third]);
    keeps(&house, [2, 0, 0, 0, 0], 2);
    keeps(&house, [0, 2, 0, 0, 0], 0);
    house.has_each_message_once(&[MAIL[0], second, second, third]);
}

#[test]
fn a_size_that_has_changed_is_noted_when_the_content_is_the_same() {
    let house = House::new(Runtime::Tokio);
    keeps(&house, [3, 0, 0, 0, 0], 3);
    let deleting = || figures(&house.run(FetchOptions::new().with_delete(true)).unwrap());
    house.server.fail(Faults { lists_less: true, refuses_dele: Some(1), ..Faults::default() });
    assert_eq!(deleting(), [0, 3, 0, 2, 1]);
    let before = house.server.retrs();
    house.server.fail(Faults { lists_less: true, ..Faults::default() });
    assert_eq!(deleting(), [0, 0, 0, 1, 0]);
    assert_eq!(house.server.retrs(), before);
    house.has_each_message_once(&MAIL);
}
