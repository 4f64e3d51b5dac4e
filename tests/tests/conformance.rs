//! `docs/conformance.md`: which requirement is proved by which test. It is made from
//! `tests/data/conformance.txt` and the comments of the tests, which name requirements as
//! `1939-5.20`: RFC and section, and a running number.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const INTRODUCTION: &str = "\
# Conformance

Which requirement is proved by which test. A requirement has the number of its RFC and section and a
running number (`1939-5.20` is the twentieth of RFC 1939 section 5), or a name for what is practice only.
S is the server, C the client, B both. *practice* is what no RFC says, or not clearly: there a row stands
for a decision of ours.

Rows of SASL, UTF8, LANG, the lookup of services and the tolerance of clients come with those parts.

This page is made by `UPDATE_DOCS=1 cargo test -p pop3-tests --test conformance` from
`tests/data/conformance.txt` and from the comments of the tests. A test fails when it is out of date, when a
requirement has neither test nor reason, and when a test that is named does not exist.
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All Rust files with tests, with their paths from the root.
fn sources() -> BTreeMap<String, String> {
    let mut sources = BTreeMap::new();
    let mut folders = vec![PathBuf::from("crates"), PathBuf::from("tests/tests"), PathBuf::from("tests/src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let path = folder.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(root().join(&path)).unwrap();
                sources.insert(path.to_str().unwrap().to_owned(), text);
            }
        }
    }
    sources
}

/// The requirements that a comment names.
fn named(comment: &str) -> impl Iterator<Item = &str> {
    comment.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))).filter_map(|word| {
        let word = word.trim_end_matches('.');
        let (head, number) = word.split_once('-')?;
        let rfc = head.len() == 4 && head.bytes().all(|octet| octet.is_ascii_digit()) && number.contains('.');
        let practice = matches!(head, "SEC" | "PRS" | "MDR");
        let digits = number.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
        ((rfc || practice) && digits && !number.is_empty()).then_some(word)
    })
}

/// Which functions prove a requirement: a comment above a function, or in it, names it.
fn proofs(sources: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut proofs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, text) in
        sources.iter().filter(|(path, _)| path.contains("tests/") && !path.ends_with("/conformance.rs"))
    {
        // A comment belongs to the function that it stands in, or that follows it.
        let mut function = None;
        let mut waiting: Vec<&str> = Vec::new();
        for line in text.lines() {
            let code = line.trim_start();
            let indent = line.len() - code.len();
            if let Some(comment) = code.find("//").and_then(|at| code.get(at..)) {
                waiting.extend(named(comment));
            }
            if let Some(name) = function_name(code) {
                function = Some(name);
            }
            let inside = indent > 0 && !code.starts_with("//!");
            if let Some(name) = function
                && (inside || function_name(code).is_some())
            {
                for id in waiting.drain(..) {
                    proofs.entry(id.to_owned()).or_default().insert(format!("{path}::{name}"));
                }
            }
            if line == "}" {
                function = None;
            }
        }
        for id in waiting {
            proofs.entry(id.to_owned()).or_default().insert(path.clone());
        }
    }
    proofs
}

fn function_name(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("pub(crate) ").unwrap_or(code);
    let rest = rest.strip_prefix("async ").unwrap_or(rest).strip_prefix("fn ")?;
    rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next()
}

fn page() -> (String, Vec<String>) {
    let (mut page, mut faults) = (INTRODUCTION.to_owned(), Vec::new());
    let sources = sources();
    let mut proofs = proofs(&sources);
    let mut seen = BTreeSet::new();
    let list = fs::read_to_string(root().join("tests/data/conformance.txt")).unwrap();
    for line in list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        if let Some((_, title)) = line.strip_prefix('[').and_then(|line| line.split_once("] ")) {
            page.push_str(&format!(
                "\n## {title}\n\n| requirement | role | level | proved by |\n|---|:-:|---|---|\n"
            ));
            continue;
        }
        let (row, given) = line.split_once(" = ").map_or((line, None), |(row, given)| (row, Some(given)));
        let [id, role, level] = row.split(' ').collect::<Vec<_>>()[..] else {
            faults.push(format!("tests/data/conformance.txt: this line is none: {line}"));
            continue;
        };
        if !seen.insert(id.to_owned()) {
            faults.push(format!("tests/data/conformance.txt: {id} stands there twice"));
        }
        let mut tests = proofs.remove(id).unwrap_or_default();
        let mut reason = None;
        match given.map(|given| given.strip_prefix("reason: ").ok_or(given)) {
            Some(Ok(why)) => reason = Some(why),
            Some(Err(named)) => tests.extend(named.split("; ").map(str::to_owned)),
            None => {}
        }
        for test in &tests {
            let (path, function) = test.split_once("::").unwrap_or((test, ""));
            let found = sources.get(path).is_some_and(|text| {
                function.is_empty()
                    || text.lines().any(|line| function_name(line.trim_start()) == Some(function))
            });
            if !found {
                faults.push(format!(
                    "{id}: there is no test {test}; name another in tests/data/conformance.txt"
                ));
            }
        }
        let mut proof: Vec<String> = tests.iter().map(|test| format!("`{test}`")).collect();
        proof.extend(reason.map(str::to_owned));
        if proof.is_empty() {
            faults.push(format!(
                "{id} is not proved: name it in a comment of a test, or give a test or a reason in tests/data/conformance.txt"
            ));
        }
        page.push_str(&format!("| {id} | {role} | {level} | {} |\n", proof.join("<br>")));
    }
    // Requirements of parts that are still to come may be named already.
    (page, faults)
}

#[test]
fn every_requirement_is_proved_or_has_a_reason() {
    let (page, faults) = page();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let path = root().join("docs/conformance.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/conformance.md is out of date: UPDATE_DOCS=1 cargo test -p pop3-tests --test conformance makes it anew"
    );
}

#[test]
fn names_are_told_from_other_words() {
    let found: Vec<_> = named("// 1939-3.05, SEC-04: see RFC 1939-x, 2026-11, MDR-05.").collect();
    assert_eq!(found, ["1939-3.05", "SEC-04", "MDR-05"]);
}
