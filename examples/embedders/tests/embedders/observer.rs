use std::fs;
use std::process::Command;

use crate::support::{Folder, run};

const CLEAN: &str =
    "S: +OK ready\nC: USER mrose\nS: +OK go on\nC: PASS secret\nS: +OK welcome\nC: QUIT\nS: +OK bye\n";

fn observe(transcript: &str) -> (bool, String, String) {
    let folder = Folder::new();
    let path = folder.path("transcript");
    fs::write(&path, transcript).unwrap();
    run(Command::new(env!("CARGO_BIN_EXE_observer")).arg("--tls").arg(path))
}

#[test]
fn a_clean_transcript_has_no_violation() {
    for transcript in [CLEAN, &CLEAN.replace('\n', "\r\n")] {
        assert_eq!(observe(transcript), (true, String::new(), String::new()));
    }
}

#[test]
fn what_breaks_a_requirement_is_named_with_its_line() {
    let (good, out, _) = observe(&CLEAN.replace("+OK welcome", "+ok welcome"));
    assert!(!good);
    assert!(out.starts_with("line 5: server MUST 1939-3.09: "), "{out}");
    assert_eq!(out.lines().count(), 1, "{out}");
}

#[test]
fn what_is_no_transcript_is_refused() {
    let (good, out, errors) = observe("+OK ready\n");
    assert!(!good && out.is_empty());
    assert!(errors.contains("line 1 begins neither"), "{errors}");
}
