//! Generates and checks `docs/states.md`, the tables of all states and events of both roles.
//!
//! The test generates the tables from the rules and compares them with the file. After a change of the
//! rules, run it with `UPDATE_DOCS=1` and check the difference.

use std::path::Path;

mod client;
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
