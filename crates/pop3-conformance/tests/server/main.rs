//! The rows for servers, run on a correct server and on servers that do one thing wrong.

mod fake;
mod faults;

use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Mutex;
use std::thread;

use fake::{Fake, Fault, Flaw};
use pop3_conformance::server::GROUPS;
use pop3_conformance::{ConformanceReport, Outcome, Selection, TestedServer};

const RIGHT: Fault = Fault { reply: |_, reply| reply, flaw: Flaw::None };

fn run(fault: Fault, destructive: bool, empty: bool) -> ConformanceReport {
    let fake = Fake::start(fault, empty);
    let target = TestedServer::new(fake.connect()).destructive(destructive);
    target.run(&Selection::default(), &mut |_, _| {}).unwrap()
}

fn failed(report: &ConformanceReport) -> Vec<&'static str> {
    report.failures().map(|entry| entry.row.id).collect()
}

/// Why each row failed, for the reader of a failing test.
fn reasons(report: &ConformanceReport) -> String {
    report.failures().map(|entry| format!("{}: {}\n", entry.row.id, entry.outcome.text())).collect()
}

#[test]
fn a_server_that_does_all_right_fails_nowhere() {
    let report = run(RIGHT, true, false);
    assert_eq!(report.totals().failed, 0, "{}", report.table(false));
    assert!(report.totals().passed >= 170, "{}", report.table(false));
    // It removes one message, and only one.
    let removed = report.entries.iter().filter(|entry| entry.row.id == "1939-6.10");
    assert!(removed.map(|entry| &entry.outcome).all(|outcome| matches!(outcome, Outcome::Passed { .. })));
}

#[test]
fn an_empty_maildrop_is_no_failure() {
    let report = run(RIGHT, true, true);
    assert_eq!(report.totals().failed, 0, "{}", report.table(false));
    let empty = |id: &str| report.entries.iter().find(|entry| entry.row.id == id).unwrap().outcome.clone();
    assert!(matches!(empty("1939-5.09"), Outcome::Passed { .. }));
    assert!(matches!(empty("1939-5.22"), Outcome::Passed { .. }));
    assert_eq!(empty("1939-5.28"), skipped("the maildrop is empty", &report));
}

/// The outcome of a row that did not apply for this reason.
fn skipped(reason: &str, report: &ConformanceReport) -> Outcome {
    let entry = report.entries.iter().find(|entry| entry.outcome.text() == reason);
    entry.unwrap_or_else(|| panic!("{reason}")).outcome.clone()
}

#[test]
fn without_leave_nothing_is_removed_and_no_secret_is_shown() {
    let report = run(RIGHT, false, false);
    let removal = report.entries.iter().find(|entry| entry.row.id == "1939-6.10").unwrap();
    assert_eq!(removal.outcome.text(), "needs --destructive");
    let text = report.table(true);
    assert!(!text.contains(fake::PASSWORD), "the password is in the table");
    assert!(text.contains("PASS ***"));
    // Nor its base64 form.
    assert!(!text.contains("VGFuc3RhYWYt"), "the password is in the table");
}

/// Each fault makes its rows fail, and no others.
#[test]
fn each_fault_is_found_and_named() {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some((rows, fault)) = faults::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let destructive = rows.contains(&"1939-6.10");
                    let report = run(*fault, destructive, false);
                    if failed(&report) != *rows {
                        wrong.lock().unwrap().push(format!("due {rows:?}\n{}", reasons(&report)));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} of {} faults:\n{}", wrong.len(), faults::ALL.len(), wrong.join("\n"));
}

#[test]
fn the_faults_are_of_many_rows() {
    let mut rows: Vec<&str> = faults::ALL.iter().flat_map(|(rows, _)| rows.iter().copied()).collect();
    rows.sort_unstable();
    rows.dedup();
    assert!(rows.len() >= 90, "{}", rows.len());
    let known = |id: &str| GROUPS.iter().any(|group| group.rows.iter().any(|row| row.id == id));
    assert!(rows.iter().all(|id| known(id)));
}

#[test]
fn the_table_has_short_requirements_and_names_each_row_once() {
    let mut ids = Vec::new();
    for row in GROUPS.iter().flat_map(|group| group.rows) {
        assert!(row.requirement.len() <= 80, "{} {}", row.id, row.requirement);
        assert!(!ids.contains(&row.id), "{} stands twice", row.id);
        ids.push(row.id);
    }
    assert!(ids.len() > 250, "{}", ids.len());
}

#[test]
fn rows_and_groups_can_be_chosen() {
    let chosen = Selection::new(GROUPS, &["num", "1939-5.20"]).unwrap();
    assert!(
        chosen.has("NUM", "1939-5.01") && chosen.has("LST", "1939-5.20") && !chosen.has("LST", "1939-5.21")
    );
    assert_eq!(Selection::new(GROUPS, &["NUM", "1939-9.99"]), Err("1939-9.99".to_owned()));
    let fake = Fake::start(RIGHT, false);
    let report = TestedServer::new(fake.connect()).run(&chosen, &mut |_, _| {}).unwrap();
    assert_eq!(report.entries.len(), 11);
}
