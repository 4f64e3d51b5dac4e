//! The walks reach what they are meant to reach.

use std::collections::BTreeSet;

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use proptest_state_machine::ReferenceStateMachine as _;

use super::steps::{Step, Steps};
use super::world::{Reply, World};

/// What has happened in a step, in a word, if it is something that has to happen.
fn word(before: &World, step: &Step, after: &World) -> Option<&'static str> {
    Some(match (&after.reply, step) {
        (Reply::Delivered(_, false), _) => "a retry is recognised",
        (Reply::OverQuota, _) => "a quota is kept",
        (Reply::Imported(stored), _) if stored.contains(&false) && stored.contains(&true) => {
            "a part of an import is known"
        }
        (Reply::Opened(_), Step::Open { node, user, .. }) => {
            match before.maildrops[*user].owner.filter(|owner| owner != node) {
                Some(owner) if before.nodes.contains_key(&owner) => "a silent node is replaced",
                Some(_) => "a dead node is replaced",
                None => return None,
            }
        }
        (Reply::Locked, Step::Open { node, user, .. }) if before.maildrops[*user].owner != Some(*node) => {
            "another node has the maildrop"
        }
        (Reply::TooSoon, _) => "a login is too soon",
        (Reply::NoMessage, _) => "a session reads what another one has removed",
        (Reply::Committed { removed: 1.., .. }, _) => {
            let node = after.ended.as_ref().map(|session| session.node);
            if node.is_some_and(|node| after.nodes.contains_key(&node)) {
                "messages are removed"
            } else {
                "a node that is believed to be dead removes messages"
            }
        }
        (Reply::Committed { expired: 1.., .. }, _) => "messages expire",
        (Reply::LockLost, _) => {
            let session = after.ended.as_ref()?;
            match after.maildrops[session.user].owner {
                Some(_) => "a late commit while another node has the maildrop",
                None => "a late commit when another node has left",
            }
        }
        _ => return None,
    })
}

#[test]
fn the_walks_reach_everything() {
    let mut wanted = BTreeSet::from([
        "a retry is recognised",
        "a quota is kept",
        "a part of an import is known",
        "a silent node is replaced",
        "a dead node is replaced",
        "another node has the maildrop",
        "a login is too soon",
        "a session reads what another one has removed",
        "messages are removed",
        "a node that is believed to be dead removes messages",
        "messages expire",
        "a late commit while another node has the maildrop",
        "a late commit when another node has left",
    ]);
    let mut runner = TestRunner::deterministic();
    let walks = Steps::sequential_strategy(10..60);
    // The rarest of these come once in several runs.
    for _ in 0..super::WALKS * 5 {
        let (mut world, steps, _) = walks.new_tree(&mut runner).expect("a walk").current();
        for step in steps {
            let after = Steps::apply(world.clone(), &step);
            word(&world, &step, &after).map(|word| wanted.remove(word));
            world = after;
        }
    }
    assert!(wanted.is_empty(), "never: {wanted:?}");
}
