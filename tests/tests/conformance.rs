//! Generates and checks `docs/conformance.md`, which lists every requirement with the tests that prove it.
//! Its sources are `tests/data/conformance.txt` and the comments of the tests. They name requirements by
//! number: the RFC, the section, and a running number.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LIST: &str = "tests/data/conformance.txt";

const INTRODUCTION: &str = "\
# Conformance

This page lists every requirement on POP3 servers and clients, and what proves that ours meet it. Requirements come
from the RFCs and from the practice of servers and clients.

A number such as `1939-5.20` consists of the RFC, its section, and a running number. Requirements that are in no RFC
have a name: SEC for robustness, PRS for the practice of servers, TOL for the tolerance of clients, MDR for Maildirs,
and LOGIN, XOA and EXT for SASL mechanisms. The role is S for the server, C for the client, and B for both. The level
*practice* means that no RFC states the requirement clearly; the row describes our decision.

Each link leads to the file of the test that it names. *interop* is a check of [tests/interop](interop.md) with real
clients and servers. A proof in words says why there is no test: the row does not apply, it is our own choice, or
we reviewed the code.

`UPDATE_DOCS=1 cargo test -p pop3-tests --test conformance` generates this page from `tests/data/conformance.txt` and
the comments of the tests. The test fails if

- the page is out of date;
- a row has neither a proof nor a reason;
- a comment names a row that does not exist, or does not belong to a test;
- a named test or check does not exist.
";

/// The macros whose arguments are test functions.
const SCENARIOS: [&str; 2] = ["everywhere!(", "on_each_runtime!("];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files with these endings in these directories, by their paths relative to the root.
fn files(directories: &[&str], endings: &[&str]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut directories: Vec<_> = directories.iter().map(PathBuf::from).collect();
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root().join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            let name = path.to_str().unwrap().to_owned();
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                files.insert(name, fs::read_to_string(root().join(path)).unwrap());
            }
        }
    }
    files
}

/// The requirements that a comment names.
fn named(comment: &str) -> impl Iterator<Item = &str> {
    comment.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))).filter_map(|word| {
        let word = word.trim_end_matches('.');
        let (head, number) = word.split_once('-')?;
        let digits = number.starts_with(|c: char| c.is_ascii_digit())
            && number.bytes().all(|octet| octet.is_ascii_digit() || octet == b'.');
        let rfc = head.len() == 4 && head.bytes().all(|octet| octet.is_ascii_digit());
        let name = matches!(head, "SEC" | "PRS" | "TOL" | "MDR");
        let mechanism = matches!(head, "LOGIN" | "XOA" | "EXT");
        (digits && (name || ((rfc || mechanism) && number.contains('.')))).then_some(word)
    })
}

/// A function in a file, from the line of its comment to its last line.
#[derive(Debug, PartialEq, Eq)]
struct Function<'t> {
    name: &'t str,
    first: usize,
    last: usize,
    /// Whether it runs as a test.
    test: bool,
}

fn function_name(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("pub(crate) ").unwrap_or(code);
    let rest = rest.strip_prefix("async ").unwrap_or(rest).strip_prefix("fn ")?;
    rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next()
}

/// The functions in a file that rustfmt has formatted.
fn functions(text: &str) -> Vec<Function<'_>> {
    let lines: Vec<_> = text.lines().collect();
    let mut scenarios = BTreeSet::new();
    for opening in SCENARIOS {
        for behind in text.split(opening).skip(1) {
            let list = behind.split(')').next().unwrap_or_default();
            scenarios.extend(list.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')));
        }
    }
    let mut functions = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let Some(name) = function_name(code) else { continue };
        let indent = &line[..line.len() - code.len()];
        let above = lines[..at].iter().rev();
        let head = above.take_while(|line| {
            let code = line.trim_start();
            code.starts_with("//") && !code.starts_with("//!") || code.starts_with("#[")
        });
        let head: Vec<_> = head.map(|line| line.trim_start()).collect();
        let end = format!("{indent}}}");
        let whole = line.ends_with([';', '}']);
        let length = if whole { 0 } else { lines[at..].iter().position(|line| *line == end).unwrap_or(0) };
        let test = head.contains(&"#[test]") || scenarios.contains(name);
        functions.push(Function { name, first: at - head.len(), last: at + length, test });
    }
    functions
}

/// The tests that prove each requirement: those with a comment that names it, above or inside the test.
fn proofs(sources: &BTreeMap<String, String>) -> (BTreeMap<String, BTreeSet<String>>, Vec<String>) {
    let mut proofs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut faults = Vec::new();
    for (path, text) in sources.iter().filter(|(path, _)| !path.ends_with("/conformance.rs")) {
        let functions = functions(text);
        let mut in_tests = path.contains("tests/");
        for (at, line) in text.lines().enumerate() {
            // The code of a crate may name requirements, too, but only tests prove them.
            in_tests |= line == "#[cfg(test)]";
            let Some(comment) = line.find("//").and_then(|at| line.get(at..)) else { continue };
            if !in_tests {
                continue;
            }
            let ids: Vec<_> = named(comment).collect();
            let around =
                || functions.iter().filter(|function| (function.first..=function.last).contains(&at));
            if ids.is_empty() {
                continue;
            }
            for pair in ids.windows(2) {
                if comment.contains(&format!("{} to {}", pair[0], pair[1])) {
                    faults.push(format!("{path}:{}: name each requirement, not a range", at + 1));
                }
            }
            match around().find(|function| function.test) {
                Some(function) => {
                    for id in ids {
                        proofs.entry(id.to_owned()).or_default().insert(format!("{path}::{}", function.name));
                    }
                }
                None => {
                    faults.push(format!("{path}:{}: {} does not belong to a test", at + 1, ids.join(", ")))
                }
            }
        }
    }
    (proofs, faults)
}

/// A row of the list.
#[derive(Debug, Default)]
struct Row {
    id: String,
    role: String,
    level: String,
    text: String,
    tests: Vec<String>,
    interop: Vec<String>,
    why: Vec<String>,
    from: Option<String>,
}

/// The list: groups with their titles, and the rows that are open.
#[derive(Debug, Default)]
struct List {
    groups: Vec<(String, String, Vec<Row>)>,
    open: BTreeSet<String>,
    faults: Vec<String>,
}

fn read(text: &str) -> List {
    let mut list = List::default();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        let fault = format!("{LIST}: invalid line: {line}");
        if line == "[open]" {
            continue;
        } else if let Some((group, title)) = line.strip_prefix('[').and_then(|line| line.split_once("] ")) {
            list.groups.push((group.to_owned(), title.to_owned(), Vec::new()));
        } else if list.groups.is_empty() {
            list.open.extend(line.split_whitespace().map(str::to_owned));
        } else if let Some(more) = line.strip_prefix("  ") {
            let row = list.groups.last_mut().and_then(|(_, _, rows)| rows.last_mut());
            match (row, more.split_once(": ")) {
                (Some(row), Some(("test", tests))) => row.tests.extend(tests.split("; ").map(str::to_owned)),
                (Some(row), Some(("interop", name))) => row.interop.push(name.to_owned()),
                (Some(row), Some(("why", text))) => row.why.push(text.to_owned()),
                (Some(row), Some(("from", text))) => row.from = Some(text.to_owned()),
                _ => list.faults.push(fault),
            }
        } else {
            let (head, text) = line.split_once(" | ").unwrap_or_default();
            let words: Vec<_> = head.split(' ').collect();
            let (
                &[id, role @ ("S" | "C" | "B"), level @ ("MUST" | "SHOULD" | "MAY" | "practice")],
                Some(group),
            ) = (&words[..], list.groups.last_mut())
            else {
                list.faults.push(fault);
                continue;
            };
            if named(id).next() != Some(id) {
                list.faults.push(format!("{LIST}: {id} is not the number of a requirement"));
            }
            let [id, role, level, text] = [id, role, level, text].map(str::to_owned);
            group.2.push(Row { id, role, level, text, ..Row::default() });
        }
    }
    list
}

/// A link to a test, or what is wrong with it.
fn link(sources: &BTreeMap<String, String>, test: &str) -> Result<String, String> {
    let (path, name) = test.split_once("::").unwrap_or((test, ""));
    let exists =
        |text: &String| functions(text).iter().any(|function| function.test && function.name == name);
    match sources.get(path).filter(|text| exists(text)) {
        Some(_) => Ok(format!("[{name}](../{path})")),
        None => Err(format!("there is no test {test}")),
    }
}

/// The page, the faults, the rows in `[open]`, and those of them that are now proved.
fn page() -> (String, Vec<String>, Vec<String>, Vec<String>) {
    let sources = files(&["crates", "tests/tests", "examples"], &[".rs"]);
    let interop = files(&["tests/interop"], &[".py", "/run"]);
    let list = read(&fs::read_to_string(root().join(LIST)).unwrap());
    let (mut proofs, mut faults) = proofs(&sources);
    faults.extend(list.faults);
    let (mut tables, mut counts, mut sum) = (String::new(), String::new(), [0; 4]);
    let (mut seen, mut open, mut proved) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (group, title, rows) in &list.groups {
        tables.push_str(&format!(
            "\n## {group}: {title}\n\n| row | role | level | requirement | proof |\n|---|:-:|---|---|---|\n"
        ));
        let mut count = [rows.len(), 0, 0, 0];
        for row in rows {
            let Row { id, role, level, text, .. } = row;
            if !seen.insert(id) {
                faults.push(format!("{LIST}: {id} appears twice"));
            }
            let mut tests = proofs.remove(id).unwrap_or_default();
            tests.extend(row.tests.iter().cloned());
            let mut proof = Vec::new();
            for test in &tests {
                match link(&sources, test) {
                    Ok(link) => proof.push(link),
                    Err(fault) => faults.push(format!("{id}: {fault}")),
                }
            }
            for name in &row.interop {
                match interop.iter().find(|(_, text)| text.contains(name)) {
                    Some((path, _)) => proof.push(format!("interop: [{name}](../{path})")),
                    None => faults.push(format!("{id}: tests/interop has no check {name}")),
                }
            }
            let is_open = list.open.contains(id);
            let kind = match (proof.is_empty() && row.why.is_empty(), proof.is_empty()) {
                (true, _) if is_open => {
                    open.push(id.clone());
                    proof.push("*open*".to_owned());
                    3
                }
                (true, _) => {
                    faults.push(format!(
                        "{id} is not proved: name it in a comment of a test, or add a test or a reason to {LIST}"
                    ));
                    3
                }
                (_, true) => 2,
                _ => 1,
            };
            count[kind] += 1;
            if is_open && kind != 3 {
                proved.push(id.clone());
            }
            proof.extend(row.why.iter().cloned());
            let from = row.from.as_ref().map(|from| format!(" *({from})*")).unwrap_or_default();
            let cells = [id, role, level, &format!("{text}{from}"), &proof.join("<br>")];
            tables.push_str(&format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | ")));
        }
        let [rows, tested, reasoned, _] = count;
        counts.push_str(&format!("| {group} | {title} | {rows} | {tested} | {reasoned} |\n"));
        sum = core::array::from_fn(|index| sum[index] + count[index]);
    }
    faults.extend(
        list.open
            .iter()
            .filter(|id| !seen.contains(id))
            .map(|id| format!("{LIST}: [open] lists {id}, which is no row")),
    );
    for (id, tests) in proofs {
        let tests: Vec<_> = tests.into_iter().collect();
        faults.push(format!("{id} is not in {LIST}, but {} names it", tests.join(" and ")));
    }
    let [rows, tested, reasoned, _] = sum;
    let page = format!(
        "{INTRODUCTION}\n| group | about | rows | by test | by reason |\n|---|---|--:|--:|--:|\n\
         {counts}| | | {rows} | {tested} | {reasoned} |\n{tables}"
    );
    (page, faults, open, proved)
}

#[test]
fn every_requirement_is_proved_or_has_a_reason() {
    let (page, faults, ..) = page();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let path = root().join("docs/conformance.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap_or_default() == page,
        "docs/conformance.md is out of date: UPDATE_DOCS=1 cargo test -p pop3-tests --test conformance updates it"
    );
}

#[test]
fn nothing_is_open() {
    let (_, _, open, proved) = page();
    assert!(
        open.is_empty() && proved.is_empty(),
        "{} rows are open in {LIST}: {}\nproved, and to be removed from the list: {}",
        open.len(),
        open.join(" "),
        proved.join(" ")
    );
}

#[test]
fn names_are_told_from_other_words() {
    let comment =
        "// 1939-3.05, SEC-04: see RFC 1939-x, 2026-11, UTF-8, LOGIN-DELAY; MDR-05, LOGIN-1.01, TOL-2.";
    let found: Vec<_> = named(comment).collect();
    assert_eq!(found, ["1939-3.05", "SEC-04", "MDR-05", "LOGIN-1.01", "TOL-2"]);
}

#[test]
fn functions_are_told_from_tests() {
    let text = "// a\n#[test]\nfn one() {\n    // b\n}\n\nfn two() {}\n\nx! {\n    // c\n    #[test]\n    fn three(a: u8) {\n    }\n}\n\
                on_each_runtime!(four, five,);\nasync fn five() {\n}\nfn six(\n) {\n}\n";
    let found: Vec<_> =
        functions(text).iter().map(|found| (found.name, found.first, found.last, found.test)).collect();
    let expected =
        [("one", 0, 4, true), ("two", 6, 6, false), ("three", 9, 12, true), ("five", 15, 16, true)];
    assert_eq!(found[..4], expected);
    assert_eq!(found[4..], [("six", 17, 19, false)]);
}

#[test]
fn the_list_is_read_strictly() {
    let good = "# x\n[open]\nSEC-01\n\n[SEC] A\nSEC-01 S MUST | Text | more.\n  test: a::b; c::d\n  why: y\n";
    let list = read(good);
    assert!(list.faults.is_empty() && list.open.contains("SEC-01"));
    let row = &list.groups[0].2[0];
    assert_eq!((row.text.as_str(), row.tests.len(), row.why.len()), ("Text | more.", 2, 1));
    for bad in [
        "SEC-01 X MUST | t",
        "SEC-01 S must | t",
        "SEC-01 S MUST t",
        "SEC S MUST | t",
        "  reason: x",
        "  why",
    ] {
        assert_eq!(read(&format!("[SEC] A\n{bad}\n")).faults.len(), 1, "{bad}");
    }
}
