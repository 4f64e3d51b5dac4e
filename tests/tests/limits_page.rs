//! The numbers in `docs/limits.md` are the defaults, and the bounds of the attacks in `tests/attack`.

use core::time::Duration;
use std::fs;
use std::path::Path;

use pop3_driver::client::{ClientOptions, GRACE, LoginPolicy};
use pop3_driver::{Stop, server::WELCOME_TIMEOUT};
use pop3_proto::client;
use pop3_proto::server::Limits;

/// The second column of the table under a heading, by the first column.
fn section(page: &str, heading: &str) -> Vec<(String, String)> {
    let begin = page.find(&format!("\n## {heading}\n")).expect("the heading");
    let section = page[begin + 1..].lines().skip(1).take_while(|line| !line.starts_with("## "));
    let rows = section.filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    rows.map(|(name, rest)| (name.to_owned(), rest.split(" | ").next().unwrap().to_owned())).collect()
}

fn octets(octets: usize) -> Vec<String> {
    let grouped = match octets {
        1000.. => format!("{},{:03}", octets / 1000, octets % 1000),
        _ => octets.to_string(),
    };
    let mut forms = vec![format!("{octets} octets"), format!("{grouped} octets")];
    if octets.is_multiple_of(1024) {
        forms.push(format!("{} KiB", octets / 1024));
    }
    forms
}

fn count(count: usize) -> Vec<String> {
    let digits = count.to_string();
    let groups: Vec<_> =
        digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    vec![digits.clone(), groups.join(",")]
}

fn time(time: Duration) -> Vec<String> {
    let seconds = time.as_secs();
    let mut forms = vec![format!("{seconds} s")];
    if seconds.is_multiple_of(60) {
        forms.push(format!("{} min", seconds / 60));
    }
    forms
}

/// Each row of the page that is named after a setting contains its default, and all these rows exist.
fn compare(page: &str, heading: &str, defaults: &[(&str, Vec<String>)]) {
    let rows = section(page, heading);
    for (name, forms) in defaults {
        let Some((_, said)) = rows.iter().find(|(row, _)| row == name) else {
            panic!("docs/limits.md does not say {name} under {heading}");
        };
        // A number is followed by a word or by nothing.
        let says = |form: &String| {
            said == form
                || said.strip_prefix(form.as_str()).is_some_and(|rest| rest.starts_with([' ', ',', ';']))
        };
        assert!(forms.iter().any(says), "docs/limits.md says {said:?} of {name}, which is {forms:?}");
    }
    // Options of the program are not settings of the core.
    for (row, _) in rows.iter().filter(|(row, _)| !row.starts_with("--")) {
        assert!(defaults.iter().any(|(name, _)| name == row), "nothing compares {row} of docs/limits.md");
    }
}

#[test]
fn the_page_has_the_defaults() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/limits.md")).unwrap();
    let limits = Limits::default();
    let number = |number: u32| count(number as usize);
    compare(
        &page,
        "Server",
        &[
            ("command_line", octets(limits.command_line)),
            ("discarded_line", octets(limits.discarded_line)),
            ("sasl_line", octets(limits.sasl_line)),
            ("sasl_rounds", number(limits.sasl_rounds)),
            ("bad_commands_before_login", number(limits.bad_commands_before_login)),
            ("bad_commands", number(limits.bad_commands)),
            ("failed_logins", number(limits.failed_logins)),
            ("failure_delay", time(limits.failure_delay)),
            ("login_timeout", time(limits.login_timeout)),
            ("idle_timeout", time(limits.idle_timeout)),
            ("WELCOME_TIMEOUT", time(WELCOME_TIMEOUT)),
            ("store_timeout", time(limits.store_timeout)),
            ("Stop::GRACE", time(Stop::GRACE)),
            ("high_water", octets(limits.high_water)),
        ],
    );
    let config = pop3_observer::ObserverConfig::new();
    compare(
        &page,
        "Observer",
        &[
            ("max_line", octets(config.max_line)),
            ("max_outstanding", count(config.max_outstanding)),
            ("max_messages", count(config.max_messages)),
        ],
    );
    let config = pop3_sql::SqlConfig::new();
    compare(
        &page,
        "Databases",
        &[
            ("connections", count(config.connections)),
            ("wait", time(config.wait)),
            ("connect_timeout", time(config.connect_timeout)),
            ("statement_timeout", time(config.statement_timeout)),
        ],
    );
    let config = client::ClientConfig::default();
    assert_eq!(config.max_body, None);
    let options = ClientOptions::new();
    let mut rows = vec![
        ("max_octets_expected", octets(options.max_octets_expected as usize)),
        ("max_octets_in_flight", octets(config.max_octets_in_flight)),
        ("max_reply_line", octets(config.max_reply_line)),
        ("max_list_line", octets(config.max_list_line)),
        ("max_sasl_line", octets(config.max_sasl_line)),
        ("max_list_entries", count(config.max_list_entries)),
        ("max_capabilities", count(config.max_capabilities)),
        ("max_capability_octets", octets(config.max_capability_octets)),
        ("max_body", vec!["none".to_owned()]),
        ("max_iterations", number(LoginPolicy::default().max_iterations)),
        ("connect_timeout", time(options.connect_timeout)),
        ("greeting_timeout", time(config.greeting_timeout)),
        ("reply_timeout", time(config.reply_timeout)),
        ("min_octets", octets(config.min_octets as usize)),
        ("min_octets_period", time(config.min_octets_period)),
        ("quit_timeout", time(config.quit_timeout)),
        ("drain_timeout", time(options.drain_timeout)),
        ("client::GRACE", time(GRACE)),
    ];
    rows.sort_by_key(|(name, _)| *name);
    compare(&page, "Client", &rows);
}

#[test]
fn the_page_has_the_bounds_of_the_attacks() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/limits.md")).unwrap();
    let bounds = fs::read_to_string(root.join("tests/attack/bounds.txt")).unwrap();
    let section = page.split_once("\n## What an attack may cost\n").expect("the section").1;
    let section = section.split("\n## ").next().unwrap();
    let rows: Vec<_> = section.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let lines = bounds.lines().filter(|line| !line.starts_with('#'));
    let expected: Vec<_> = lines
        .filter_map(|line| {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            // What kills the server has no bounds.
            let &[name, memory, each, left, threads, hashes] = cells.as_slice() else { return None };
            let name = if name == "*" { "any other".to_owned() } else { format!("`{name}`") };
            let hashing = if hashes == "hashes" { ", and 19 MiB for each processor" } else { "" };
            Some(format!("| {name} | {memory} MiB{hashing} | {each} KiB | {left} MiB{hashing} | {threads} |"))
        })
        .collect();
    assert!(expected.len() > 2);
    assert_eq!(rows, expected);
}
