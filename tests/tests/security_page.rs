//! The tests and attacks that `docs/security.md` names exist, each attack of the battery is on the page, and each promise
//! has something that shows it.
//!
//! `UPDATE_DOCS=1 cargo test -p pop3-tests --test security_page` makes the table of the battery from `tests/attack`.

use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str =
    "<!-- What follows is made by UPDATE_DOCS=1 cargo test -p pop3-tests --test security_page -->\n";
const END: &str = "<!-- The end of what is made -->\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    fs::read_to_string(root().join("docs/security.md")).unwrap()
}

/// Adds the text of all files with this ending.
fn sources(folder: &Path, ending: &str, text: &mut String) {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, ending, text);
        } else if path.extension().is_some_and(|extension| extension == ending) {
            *text += &fs::read_to_string(&path).unwrap();
        }
    }
}

/// The cells of the rows that have a heading with this last column.
fn rows<'a>(page: &'a str, last: &str) -> Vec<Vec<&'a str>> {
    let cells = |line: &'a str| -> Option<Vec<&'a str>> {
        Some(line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect())
    };
    let mut wanted = false;
    let mut rows = Vec::new();
    let mut before = "";
    for line in page.lines() {
        match cells(line) {
            // The first row of a table.
            Some(row) if !before.starts_with('|') => wanted = row.last() == Some(&last),
            Some(row) if wanted => rows.push(row),
            _ => {}
        }
        before = line;
    }
    rows
}

/// The names in a cell.
fn names<'a>(cell: &&'a str) -> impl Iterator<Item = &'a str> {
    cell.split('`').skip(1).step_by(2)
}

/// An attack of the battery: its name, the attacker, what is tried, and what must hold.
#[derive(Debug)]
struct Attack {
    name: String,
    texts: [String; 3],
}

/// The attacks in the order of their files.
fn attacks() -> Vec<Attack> {
    let mut text = String::new();
    sources(&root().join("tests/attack"), "py", &mut text);
    let decorated = text.split("\n@attack(").skip(1);
    let attack = |part: &str| {
        let (arguments, function) = part.split_once(")\ndef ").expect("a function below @attack");
        let mut literals = arguments.split('"').skip(1).step_by(2).map(ToOwned::to_owned);
        let texts = [(); 3].map(|()| literals.next().expect("three texts"));
        assert!(!arguments.contains('\\') && !arguments.contains('|'), "{arguments}");
        Attack { name: function.split('(').next().unwrap().to_owned(), texts }
    };
    decorated.map(attack).collect()
}

#[test]
fn every_test_that_is_named_is_there() {
    let (mut rust, mut python) = (String::new(), String::new());
    for folder in ["crates", "tests"] {
        sources(&root().join(folder), "rs", &mut rust);
        sources(&root().join(folder), "py", &mut python);
    }
    let page = page();
    let tables = ["tests", "shown by"].map(|last| rows(&page, last)).concat();
    let names: Vec<_> = tables.iter().flat_map(|row| row.last().into_iter().flat_map(names)).collect();
    assert!(names.len() > 100, "{}", names.len());
    for name in names {
        let in_rust = ["(", "<"].iter().any(|behind| rust.contains(&format!("fn {name}{behind}")));
        let there = in_rust || python.contains(&format!("def {name}("));
        assert!(there, "docs/security.md names a test that is not there: {name}");
    }
}

#[test]
fn each_promise_is_shown_by_a_test() {
    let page = page();
    for (last, columns, fewest) in [("shown by", 5, 15), ("tests", 3, 25)] {
        let rows = rows(&page, last);
        assert!(rows.len() >= fewest, "{last}: {}", rows.len());
        for row in rows {
            assert_eq!(row.len(), columns, "{row:?}");
            assert!(row.iter().all(|cell| !cell.is_empty()), "{row:?}");
            assert!(row.last().is_some_and(|cell| names(cell).next().is_some()), "no test: {row:?}");
        }
    }
}

#[test]
fn each_attack_shows_a_promise() {
    let page = page();
    let shown = rows(&page, "shown by");
    let shown: Vec<_> = shown.iter().flat_map(|row| row.last().into_iter().flat_map(names)).collect();
    let attacks = attacks();
    assert!(attacks.len() > 30, "{}", attacks.len());
    for attack in &attacks {
        assert!(shown.contains(&&*attack.name), "no promise of docs/security.md is shown by {}", attack.name);
    }
}

#[test]
fn the_table_of_the_battery_is_made_from_its_attacks() {
    let page = page();
    let (before, rest) = page.split_once(BEGIN).expect("the begin of the table");
    let (_, after) = rest.split_once(END).expect("the end of the table");
    let mut table =
        "\n| attack | attacker | what is tried | what must hold |\n|---|---|---|---|\n".to_owned();
    for Attack { name, texts: [attacker, tried, promise] } in attacks() {
        table += &format!("| `{name}` | {attacker} | {tried} | {promise} |\n");
    }
    let made = format!("{before}{BEGIN}{table}\n{END}{after}");
    if std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1") {
        fs::write(root().join("docs/security.md"), made).unwrap();
    } else {
        assert!(
            page == made,
            "docs/security.md is out of date: UPDATE_DOCS=1 cargo test -p pop3-tests --test security_page"
        );
    }
}
