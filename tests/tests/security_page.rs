//! The tests that `docs/security.md` names exist.

use std::fs;
use std::path::Path;

fn sources(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            *text += &fs::read_to_string(&path).unwrap();
        }
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut text = String::new();
    for folder in ["crates", "tests"] {
        sources(&root.join(folder), &mut text);
    }
    let page = fs::read_to_string(root.join("docs/security.md")).unwrap();
    // The names are in the third column.
    let columns = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").nth(2));
    let names: Vec<_> = columns.flat_map(|column| column.split('`').skip(1).step_by(2)).collect();
    assert!(names.len() > 30, "{}", names.len());
    for name in names {
        let there = ["(", "<"].iter().any(|behind| text.contains(&format!("fn {name}{behind}")));
        assert!(there, "docs/security.md names a test that is not there: {name}");
    }
}
