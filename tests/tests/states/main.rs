//! Generates and checks `docs/states.md`, the tables of all states and events of both roles.
//!
//! The test generates the tables from the rules and compares them with the file. After a change of the
//! rules, run it with `UPDATE_DOCS=1` and check the difference.

use std::path::Path;

mod client;
mod reachable_client;
mod reachable_server;
mod server;

// 1939-3.08
#[test]
fn docs_states_is_the_table_of_the_rules() {
    let mut made = "# States and events\n\nThis page shows how each session reacts to each event in each state. \
                    `UPDATE_DOCS=1 cargo test -p pop3-tests --test states` generates\nit from the rules. Do not edit it \
                    by hand.\n\n"
        .to_owned();
    server::tables(&mut made);
    client::tables(&mut made);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/states.md");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((number, (kept, made))) = kept
        .lines()
        .chain([""])
        .zip(made.lines().chain([""]))
        .enumerate()
        .find(|(_, (kept, made))| kept != made)
    {
        panic!(
            "docs/states.md is not what the rules say, from line {}:\n  it has:        {kept}\n  the rules say: {made}\n\
             If the rules are right: UPDATE_DOCS=1 cargo test -p pop3-tests --test states",
            number + 1
        );
    }
    assert_eq!(kept, made, "docs/states.md: run UPDATE_DOCS=1 cargo test -p pop3-tests --test states");
}

/// A keyword that is new in the core must get its rows.
#[test]
fn the_tables_have_every_keyword() {
    use arbitrary::{Arbitrary as _, Unstructured};
    use pop3_proto::server::ServerEvent;
    use pop3_proto::{Command, Keyword};
    use std::collections::HashSet;

    // The octets of a generator that gets to each value of a small choice.
    let made: HashSet<Keyword> = (0..=u16::MAX)
        .filter_map(|seed| {
            let octets: Vec<u8> = seed.to_be_bytes().repeat(40);
            Some(Command::arbitrary(&mut Unstructured::new(&octets)).ok()?.keyword())
        })
        .collect();
    assert!(made.len() > 15, "only {made:?}");
    let of_client: HashSet<Keyword> = client::keywords().into_iter().collect();
    let of_server: HashSet<Keyword> =
        server::commands()
            .into_iter()
            .filter_map(|(_, make)| {
                if let ServerEvent::Command(command) = make() { Some(command.keyword()) } else { None }
            })
            .collect();
    let missing = |rows: &HashSet<Keyword>| made.difference(rows).copied().collect::<Vec<_>>();
    assert_eq!(missing(&of_client), []);
    // An extension is a command that only a client knows.
    assert_eq!(missing(&of_server).into_iter().filter(|keyword| *keyword != Keyword::Extension).count(), 0);
}
