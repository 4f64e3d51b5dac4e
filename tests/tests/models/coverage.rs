//! The random sessions reach what they are meant to reach.

use std::collections::BTreeSet;

use pop3_tests::model::{Expected, Model, Said};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use proptest_state_machine::ReferenceStateMachine as _;

use crate::sessions::{Sessions, Step};

/// The name of a command in the model.
fn command(said: &Said) -> String {
    let text = format!("{said:?}");
    text.split('(').next().unwrap_or_default().to_owned()
}

fn state(model: &Model) -> &'static str {
    match (model.end(), model.exchange(), model.is_logged_in()) {
        (Some(_), ..) => "over",
        (_, Some(_), _) => "exchange",
        (_, _, true) => "transaction",
        (_, _, false) => "authorization",
    }
}

#[test]
fn each_command_is_said_in_each_state_with_each_kind_of_reply() {
    let commands = [
        "User", "Pass", "Apop", "Auth", "AuthList", "Capa", "Stls", "Utf8", "Lang", "Xclient", "Stat",
        "List", "Uidl", "Retr", "Top", "Dele", "Noop", "Rset", "Last", "Quit", "Respond", "Cancel",
        "Nonsense",
    ];
    let mut wanted = BTreeSet::new();
    for command in commands {
        for state in ["authorization", "exchange", "transaction", "over"] {
            wanted.insert((state, command.to_owned(), None));
        }
    }
    let both = [
        ("authorization", &["User", "Pass", "Apop", "AuthList", "Stls", "Utf8", "Lang", "Xclient"][..]),
        ("transaction", &["List", "Uidl", "Retr", "Top", "Dele", "Lang", "Last", "Quit"]),
        ("exchange", &["Respond"]),
    ];
    for (state, commands) in both {
        for command in commands {
            wanted.extend([true, false].map(|positive| (state, (*command).to_owned(), Some(positive))));
        }
    }
    let mut runner = TestRunner::deterministic();
    let sessions = Sessions::<false>::sequential_strategy(1..60);
    for _ in 0..2000 {
        let (mut walk, steps, _) = sessions.new_tree(&mut runner).expect("a session").current();
        for step in steps {
            let state = state(&walk.model);
            walk = Sessions::<false>::apply(walk, &step);
            let Step::Say(said) = step else { continue };
            let reply = walk.owed().last().filter(|due| due.said == said && state != "over");
            wanted.remove(&(state, command(&said), None));
            if let Some(due) = reply {
                let negative = matches!(due.expected, Expected::Negative | Expected::Refused(_));
                wanted.remove(&(state, command(&said), Some(!negative)));
            }
        }
        if wanted.is_empty() {
            return;
        }
    }
    panic!("the weights in sessions.rs are too small for {wanted:?}");
}
