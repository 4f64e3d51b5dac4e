//! The scripts for clients, run with a correct client and with clients that do one thing wrong.

mod fake;

use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex};
use std::thread;

use fake::Habit;
use pop3_conformance::client::{GROUPS, Stage};
use pop3_conformance::{ConformanceReport, Selection};

/// Runs the scripts with these names, or all, with a client.
fn meet(habit: Habit, names: &[&str]) -> ConformanceReport {
    let stage = Stage::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_timeout(Duration::from_secs(4));
    let address = stage.address().unwrap();
    let selection = Selection::new(GROUPS, names).unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&over);
    let client = thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            fake::fetch(address, habit);
        }
    });
    let report = stage.run(&selection, &AtomicBool::new(false), &mut |_, _| {}).unwrap();
    over.store(true, Ordering::Relaxed);
    drop(stage);
    client.join().unwrap();
    report
}

fn failed(report: &ConformanceReport) -> Vec<&'static str> {
    report.failures().map(|entry| entry.row.id).collect()
}

/// Some scripts leave a client waiting, so all of them are played at once.
#[test]
fn a_client_that_does_all_right_fails_nowhere() {
    let players: Vec<_> =
        GROUPS.iter().map(|group| thread::spawn(|| meet(Habit::Right, &[group.name]))).collect();
    let reports: Vec<_> = players.into_iter().map(|player| player.join().unwrap()).collect();
    for report in &reports {
        assert_eq!(report.totals().failed, 0, "{}", report.table(false));
    }
    let passed: usize = reports.iter().map(|report| report.totals().passed).sum();
    assert!(passed >= 38, "{passed}");
}

/// The client's habit, the script, and the rows that must fail.
const HABITS: &[(Habit, &str, &[&str])] = &[
    (Habit::BareLf, "plain", &["1939-3.02"]),
    (Habit::TrailingSpace, "plain", &["1939-3.03"]),
    (Habit::LongCommand, "plain", &["2449-4.04"]),
    (Habit::Pipelines, "plain", &["2449-6.63"]),
    (Habit::LeavesWithoutQuit, "plain", &["1939-3.47"]),
    (Habit::LeavesBeforeReply, "plain", &["1939-3.47"]),
    (Habit::AsksForZero, "plain", &["1939-5.10"]),
    (Habit::SpeaksFirst, "turned-away", &["1939-4.02"]),
    (Habit::TakesAnything, "other-protocol", &["2449-3.02"]),
    (Habit::WaitsForText, "bare-status", &["1957-1.01"]),
    (Habit::SeesErrInText, "odd-texts", &["1939-3.16"]),
    (Habit::EndsAtAnyDot, "dots", &["1939-3.30", "1939-3.31"]),
    (Habit::EndsAtBareLf, "bare-lf", &["1939-3.35"]),
    (Habit::AsksForMissing, "empty", &["1939-3.26"]),
    (Habit::NeedsUidl, "old", &["2449-5.11"]),
    (Habit::DeletesRefused, "pipelining", &["2449-6.61"]),
    (Habit::SendsPassAnyway, "no-user", &["1939-7.24"]),
    (Habit::TriesTwice, "wrong-password", &["5034-4.29"]),
    (Habit::CountsReplies, "extra-reply", &["SEC-07"]),
    (Habit::UsesAnyTimestamp, "bad-timestamp", &["1939-7.39"]),
    (Habit::DeletesAhead, "truncated", &["1939-3.37"]),
    (Habit::IgnoresStep, "unstuffed", &["TOL-14"]),
    (Habit::ParsesWholeLine, "extra-fields", &["1939-5.23", "TOL-08"]),
    (Habit::CountsNumbers, "gaps", &["1939-5.32"]),
    (Habit::NeedsSizes, "sizes", &["TOL-13"]),
    (Habit::UidsWithoutCase, "case", &["1939-7.57"]),
];

#[test]
fn each_habit_is_found_and_named() {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((habit, script, rows)) = HABITS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let report = meet(*habit, &[*script]);
                    if failed(&report) != *rows {
                        wrong
                            .lock()
                            .unwrap()
                            .push(format!("{habit:?}, due {rows:?}\n{}", report.table(true)));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_is_judged_by_its_exit_code_and_told_where_to_go() {
    let stage = Stage::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let stage = stage.with_timeout(Duration::from_secs(5));
    let selection = Selection::new(GROUPS, &["plain", "not-removed"]).unwrap();
    let stop = AtomicBool::new(false);
    // Does not connect, and fails.
    let none = stage.with_command("test $POP3_USER = nobody");
    let report = none.run(&selection, &stop, &mut |_, _| {}).unwrap();
    assert_eq!(report.totals().failed, 0, "{}", report.table(true));
    let text = report.table(true);
    assert!(text.contains("the client sent nothing"), "{text}");
    assert!(text.contains("exit status: 1"), "{text}");
    // The client reports correctly: the command succeeds when all of it is there.
    let told = none.with_command(
        "test $POP3_HOST = 127.0.0.1 -a -n \"$POP3_PORT\" -a $POP3_PASSWORD = tanstaaf -a $POP3_TLS = off",
    );
    let report = told.run(&selection, &stop, &mut |_, _| {}).unwrap();
    assert!(report.table(true).contains("exit status: 0"), "{}", report.table(true));
    let stopped = told.run(&selection, &AtomicBool::new(true), &mut |_, _| {}).unwrap();
    assert!(stopped.entries.is_empty());
}

#[test]
fn the_requirements_are_short() {
    for row in GROUPS.iter().flat_map(|group| group.rows) {
        assert!(row.requirement.len() <= 80, "{} {}", row.id, row.requirement);
    }
}
