//! What programs that embed the linter rely on.

use std::io::{self, Read};

use pop3_lint::{Form, LintError, LintOptions, LintSummary, Linter, Severity};

/// One violation of a MUST, and one of a SHOULD.
const TRANSCRIPT: &str =
    "# session one\nS: +OK hi\nC: USER a\nS: +OK a\nC: PASS b\nS: +ok b\nC: QUIT\nS: +OK bye\n<EOF>\n";

fn lint(options: LintOptions, recordings: &[&str]) -> (Vec<Result<(), LintError>>, LintSummary, String) {
    let mut text = String::new();
    let mut linter = Linter::new(options, |piece| text.push_str(piece));
    let results = recordings.iter().map(|recording| linter.read(recording.as_bytes())).collect();
    let summary = linter.finish();
    (results, summary, text)
}

#[test]
fn the_summary_counts_whatever_is_written() {
    for least in [Severity::Must, Severity::Should, Severity::Practice] {
        for form in [Form::Dialogue, Form::Violations, Form::Json] {
            let options = LintOptions::new().with_least(least).with_form(form);
            let (results, summary, text) = lint(options, &[TRANSCRIPT, TRANSCRIPT]);
            assert!(results.iter().all(Result::is_ok));
            assert_eq!((summary.sessions, summary.incomplete, summary.commands), (2, 0, 6));
            assert_eq!((summary.violations(Severity::Must), summary.violations(Severity::Should)), (2, 2));
            // The JSON summary contains all rules.
            let told = least <= Severity::Should || form == Form::Json;
            assert_eq!(text.contains("2595-2.10"), told, "{text}");
            assert!(text.contains("1939-3.09"), "{text}");
            assert_eq!(text.contains("C: QUIT"), form == Form::Dialogue, "{text}");
        }
    }
}

#[test]
fn what_was_read_before_an_error_is_reported() {
    /// Fails after its contents.
    struct Torn<'a>(&'a [u8]);

    impl Read for Torn<'_> {
        fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
            match self.0.read(octets)? {
                0 => Err(io::Error::other("torn")),
                some => Ok(some),
            }
        }
    }

    let long = TRANSCRIPT.repeat(100);
    let mut text = String::new();
    let mut linter =
        Linter::new(LintOptions::new().with_form(Form::Violations), |piece| text.push_str(piece));
    let error = linter.read(Torn(long.as_bytes())).unwrap_err();
    assert!(matches!(&error, LintError::Io(error) if error.to_string() == "torn"), "{error:?}");
    assert_eq!(linter.finish().sessions, 100);
    assert!(text.ends_with('\n') && text.contains("100 sessions, 300 commands"), "{text}");

    let bad = format!("{TRANSCRIPT}what is this\n");
    let (results, summary, _) = lint(LintOptions::new(), &[&bad]);
    assert!(
        matches!(&results[0], Err(LintError::Unreadable(why)) if why.starts_with("line 10 ")),
        "{results:?}"
    );
    assert_eq!(summary.sessions, 1);
}

#[test]
fn a_session_that_is_given_up_is_counted_as_such() {
    let crowd = format!("S: +OK hi\n{}C: QUIT\n<GONE>\n", "C: NOOP\n".repeat(100_000));
    let (results, summary, text) = lint(LintOptions::new(), &[&crowd]);
    assert!(results[0].is_ok(), "{results:?}");
    assert_eq!((summary.sessions, summary.incomplete), (1, 1));
    assert_eq!(text.matches("<too many commands without a reply: the rest is not checked>").count(), 1);
    assert!(text.contains("(1 not checked to the end)"), "{text:.200}");
}

#[test]
fn where_nothing_is_said_nothing_is_written() {
    let (results, summary, text) = lint(LintOptions::new(), &["", "# a comment\n"]);
    assert!(results.iter().all(|result| matches!(result, Err(LintError::NothingSaid))), "{results:?}");
    assert_eq!((summary, text.as_str()), (LintSummary::default(), ""));
    // A pcap without packets.
    let mut capture = Vec::from(0xa1b2_c3d4_u32.to_le_bytes());
    capture.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0]);
    let mut linter = Linter::new(LintOptions::new(), |_| panic!("there is nothing to write"));
    let read = linter.read(&capture[..]);
    assert!(matches!(read, Err(LintError::NothingCaptured)), "{read:?}");
    linter.finish();
}
