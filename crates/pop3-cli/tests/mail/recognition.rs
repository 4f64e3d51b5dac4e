//! How messages are recognised in a later run. A server that fails once does not cause
//! all of them to be fetched again.

use std::fs;
use std::process::Output;

use crate::listings::state_line;
use crate::support::{House, RUNTIMES, Script, Scripted, code, errors, script};

fn mail() -> Vec<Vec<u8>> {
    ["a", "b", "c"].map(|name| format!("Subject: {name}\r\n\r\nbody of {name}\r\n").into_bytes()).to_vec()
}

/// A server of this mail that sends these replies, each to one command.
fn answering(answers: &[(&'static str, &'static str)]) -> Script {
    let answers = answers.to_vec();
    script(mail(), move |line| {
        let found = answers.iter().find(|(command, _)| *command == line);
        found.map(|(_, answer)| Some(answer.as_bytes().to_vec()))
    })
}

/// Plays each script for one fetch. Returns what the fetches printed, and what they sent.
fn fetches(house: &House, runs: Vec<(Script, &[&str])>) -> (Vec<Output>, Vec<String>) {
    let (scripts, options): (Vec<_>, Vec<_>) = runs.into_iter().unzip();
    let server = Scripted::start(b"+OK\r\n", scripts);
    let to = house.to("dir");
    let fetch =
        |options: &[&str]| house.fetch(&server.url(), &[options, &["--to", &to]].concat()).output().unwrap();
    let outputs = options.into_iter().map(fetch).collect();
    (outputs, server.said())
}

fn count(said: &[String], verb: &str) -> usize {
    said.iter().filter(|line| line.starts_with(verb)).count()
}

const EMPTY: &[(&str, &str)] = &[("LIST", "+OK\r\n.\r\n"), ("UIDL", "+OK\r\n.\r\n"), ("STAT", "+OK 0 0\r\n")];
const NO_UIDL: (&str, &str) = ("UIDL", "-ERR what?\r\n");
const NO_CAPA: (&str, &str) = ("CAPA", "-ERR what?\r\n");

#[test]
fn a_uidl_that_is_refused_once_ends_the_run_before_anything_is_done() {
    for runtime in RUNTIMES {
        for (refusal, exit, what) in [
            (&[("UIDL", "-ERR [SYS/TEMP] not now\r\n")][..], 6, "refused UIDL"),
            (&[("UIDL", "-ERR not now\r\n")], 6, "refused UIDL"),
            (&[("UIDL", "-ERR [SYS/TEMP] not now\r\n"), NO_CAPA], 6, "refused UIDL"),
            (&[NO_UIDL, NO_CAPA], 5, "--recognise-by content"),
            // The server loses some unique-ids, or all, or contradicts itself.
            (
                &[("UIDL", "+OK\r\n1 uid-0\r\n3 uid-2\r\n.\r\n")],
                5,
                "no unique-id for 1 of its messages (the first is message 2)",
            ),
            (&[("UIDL", "+OK\r\n.\r\n")], 5, "no unique-id for 3 of"),
            (&[("UIDL", "+OK\r\n1\r\n2 b\r\n3 c\r\n.\r\n")], 5, "(the first is message 1)"),
            (&[("UIDL", "+OK\r\n1 a\r\n2 b\r\n2 c\r\n3 d\r\n.\r\n")], 5, "two unique-ids for message 2"),
            (&[("LIST", "-ERR [SYS/TEMP] not now\r\n")], 6, "refused LIST"),
            (&[("LIST", "-ERR not now\r\n")], 6, "refused LIST"),
        ] {
            if runtime != "tokio" && refusal[0].1 != "-ERR [SYS/TEMP] not now\r\n" {
                continue;
            }
            let house = House::new();
            let fetch: &[&str] = &["--runtime", runtime];
            let delete: &[&str] = &["--runtime", runtime, "--delete"];
            let (outputs, said) = fetches(
                &house,
                vec![(answering(&[]), fetch), (answering(refusal), delete), (answering(&[]), fetch)],
            );
            let text = errors(&outputs[1]);
            assert_eq!(code(&outputs[1]), exit, "{runtime} {refusal:?}: {text}");
            assert!(text.contains(what) && text.lines().count() == 1, "{text}");
            assert!(text.contains("nothing was fetched or deleted"), "{text}");
            assert_eq!((code(&outputs[0]), code(&outputs[2])), (0, 0), "{}", errors(&outputs[2]));
            assert_eq!((count(&said, "RETR"), count(&said, "DELE")), (3, 0), "{refusal:?}");
            assert_eq!(house.fetched(), mail());
        }
    }
}

#[test]
fn a_first_run_takes_no_refusal_for_a_lack_of_unique_ids() {
    for (refusal, exit) in [
        // Announced by CAPA, or said to be temporary.
        (&[NO_UIDL][..], 6),
        (&[NO_CAPA, ("UIDL", "-ERR [SYS/TEMP] no\r\n")], 6),
        // Neither: the server has no unique-ids.
        (&[NO_UIDL, NO_CAPA], 0),
    ] {
        let house = House::new();
        let (outputs, _) = fetches(&house, vec![(answering(refusal), &[]), (answering(&[]), &[])]);
        assert_eq!(code(&outputs[0]), exit, "{refusal:?}: {}", errors(&outputs[0]));
        assert_eq!(code(&outputs[1]), 0, "{}", errors(&outputs[1]));
        assert_eq!(house.fetched(), mail());
    }
}

#[test]
fn an_account_stays_with_contents_when_the_server_gets_unique_ids() {
    let house = House::new();
    let plain = || answering(&[NO_UIDL, NO_CAPA]);
    let (outputs, said) = fetches(
        &house,
        vec![(plain(), &[]), (answering(&[]), &[]), (plain(), &[]), (answering(&[]), &["--delete"])],
    );
    assert!(outputs.iter().all(|output| code(output) == 0), "{}", errors(&outputs[1]));
    assert_eq!(house.fetched(), mail());
    assert_eq!((count(&said, "UIDL"), count(&said, "RETR"), count(&said, "DELE")), (1, 12, 3));
}

#[test]
fn how_messages_are_recognised_is_changed_on_demand() {
    // The server loses UIDL for good. Once the option is given, everything continues.
    let house = House::new();
    let plain = || answering(&[NO_UIDL, NO_CAPA]);
    let by_content: &[&str] = &["--recognise-by", "content"];
    let (outputs, _) =
        fetches(&house, vec![(answering(&[]), &[]), (plain(), &[]), (plain(), by_content), (plain(), &[])]);
    assert_eq!(outputs.iter().map(code).collect::<Vec<_>>(), [0, 5, 0, 0]);
    // The messages that are still there are fetched once more, but not a third time.
    assert_eq!(house.fetched().len(), 6);
    // And the reverse.
    let (outputs, said) = fetches(
        &House::new(),
        vec![(plain(), &[]), (answering(&[]), &["--recognise-by", "unique-ids"]), (answering(&[]), &[])],
    );
    assert_eq!(outputs.iter().map(code).collect::<Vec<_>>(), [0, 0, 0]);
    assert_eq!(count(&said, "RETR"), 6);
    // If there are none, the program says so.
    let (outputs, _) = fetches(&House::new(), vec![(plain(), &["--recognise-by", "unique-ids"])]);
    assert_eq!(code(&outputs[0]), 5);
}

#[test]
fn without_sizes_nothing_is_chosen_by_size() {
    let house = House::new();
    let no_list = || answering(&[("LIST", "-ERR what?\r\n")]);
    let (outputs, said) =
        fetches(&house, vec![(no_list(), &["--max-size", "5"]), (no_list(), &[]), (no_list(), &[])]);
    assert_eq!(outputs.iter().map(code).collect::<Vec<_>>(), [5, 0, 0], "{}", errors(&outputs[0]));
    assert_eq!((house.fetched(), count(&said, "RETR")), (mail(), 3));
}

#[test]
fn a_count_of_messages_that_none_can_be_takes_no_memory() {
    let house = House::new();
    let only_stat =
        answering(&[NO_CAPA, NO_UIDL, ("LIST", "-ERR what?\r\n"), ("STAT", "+OK 4000000000 5\r\n")]);
    let (outputs, said) = fetches(&house, vec![(only_stat, &[])]);
    assert_eq!(code(&outputs[0]), 5, "{}", errors(&outputs[0]));
    assert!(errors(&outputs[0]).contains("4000000000 messages"), "{}", errors(&outputs[0]));
    assert_eq!(count(&said, "RETR"), 0);
}

#[test]
fn a_maildrop_that_is_empty_once_is_not_fetched_again() {
    for runtime in RUNTIMES {
        for (capa, retrieved) in [(None, 3), (Some(NO_CAPA), 6)] {
            let house = House::new();
            let usual = || answering(&capa.into_iter().chain(capa.map(|_| NO_UIDL)).collect::<Vec<_>>());
            let empty = || match capa {
                None => answering(EMPTY),
                Some(_) => answering(&[NO_CAPA, NO_UIDL, EMPTY[0], EMPTY[2]]),
            };
            let options: &[&str] = &["--runtime", runtime];
            let (outputs, said) =
                fetches(&house, vec![(usual(), options), (empty(), options), (usual(), options)]);
            assert!(outputs.iter().all(|output| code(output) == 0), "{}", errors(&outputs[2]));
            assert_eq!((house.fetched(), count(&said, "RETR")), (mail(), retrieved), "{runtime}");
        }
    }
}

#[test]
fn what_came_back_is_deleted_after_a_look_and_not_stored_again() {
    let house = House::new();
    let delete: &[&str] = &["--delete"];
    // The second message is now a different one, with the same size and unique-id.
    let other = mail()[1].to_ascii_uppercase();
    let mut changed = mail();
    changed[1] = other.clone();
    let changed = script(changed, |_| None);
    let (outputs, said) = fetches(
        &house,
        vec![(answering(&[]), &[]), (answering(EMPTY), &[]), (answering(&[]), &[]), (changed, delete)],
    );
    assert!(outputs.iter().all(|output| code(output) == 0), "{}", errors(&outputs[3]));
    assert_eq!((count(&said, "RETR"), count(&said, "DELE")), (6, 3));
    let mut expected = mail();
    expected.push(other);
    expected.sort();
    assert_eq!(house.fetched(), expected);
}

#[test]
fn how_long_to_remember_is_the_users_choice() {
    let house = House::new();
    let at_once: &[&str] = &["--forget-after", "0"];
    let (_, said) =
        fetches(&house, vec![(answering(&[]), &[]), (answering(EMPTY), at_once), (answering(&[]), &[])]);
    assert_eq!((house.fetched().len(), count(&said, "RETR")), (6, 6));
}

/// A state file of the first version of the program can be read, and the account continues.
#[test]
fn a_state_file_of_the_first_version_is_read() {
    let house = House::new();
    let server = Scripted::start(
        b"+OK\r\n",
        vec![answering(&[]), answering(&[]), answering(&[("UIDL", "-ERR no\r\n")])],
    );
    let state = house.path(&format!("state-{}", server.port));
    let run = || house.fetch(&server.url(), &["--to", &house.to("dir")]).output().unwrap();
    assert_eq!(code(&run()), 0);
    let old = fs::read_to_string(&state).unwrap().lines().filter_map(first_version).collect::<String>();
    assert!(old.contains("pop3-state-1 ") && old.contains(" s "), "{old}");
    fs::write(&state, old).unwrap();
    assert_eq!(code(&run()), 0);
    assert_eq!(house.fetched(), mail());
    assert_eq!(code(&run()), 6);
    assert_eq!(count(&server.said(), "RETR"), 3);
}

/// A line of the state file as the first version wrote it.
fn first_version(line: &str) -> Option<String> {
    let (_, text) = line.split_once(' ')?;
    let words = text.split(' ').collect::<Vec<_>>();
    let words = match words[0] {
        "a" => return None,
        "pop3-state-3" => [&["pop3-state-1"], &words[1..]].concat(),
        "s" => words[..7].to_vec(),
        _ => words,
    };
    Some(state_line(&words.join(" ")))
}
