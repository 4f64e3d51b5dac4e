//! What must hold after each step.

use super::{Mail, World};

/// No message is lost, and none is passed on twice or damaged.
pub(super) fn check(history: &[Mail], vanished: &[String], world: &World) {
    for mail in history {
        let taken = world.taken.get(&mail.text).copied().unwrap_or_default();
        let there = world.maildrop.iter().any(|own| own.text == mail.text);
        // Nothing in a listing tells a message from one that another program has deleted, if the server gives it the
        // same unique-id and it has the same size.
        let is_taken_for_another = || {
            history.iter().any(|other| {
                other.uid == mail.uid && other.text.len() == mail.text.len() && vanished.contains(&other.text)
            })
        };
        assert!(there || taken > 0 || is_taken_for_another(), "lost: {}", mail.text);
        assert!(taken <= 1 || !mail.alone, "passed on {taken} times: {}", mail.text);
    }
    assert!(
        world.taken.keys().all(|text| history.iter().any(|mail| mail.text == *text)),
        "damaged: {world:?}"
    );
}

/// After a complete run that keeps the mail, all of it is here, but for a message that cannot be told from one that was
/// here before: it has the unique-id of that one, and its size, or it was alone with the unique-id in each listing.
pub(super) fn check_kept(history: &[Mail], world: &World) {
    for mail in &world.maildrop {
        let is_alone = world.maildrop.iter().filter(|other| other.uid == mail.uid).count() == 1;
        let is_known = history.iter().any(|other| {
            other.uid == mail.uid
                && world.taken.contains_key(&other.text)
                && (other.text.len() == mail.text.len() || (is_alone && !mail.fresh))
        });
        assert!(is_known || world.taken.contains_key(&mail.text), "not fetched: {} {world:?}", mail.text);
    }
}
