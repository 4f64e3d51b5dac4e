//! SASLprep against the examples of its RFC, and against another implementation.

use pop3_sasl::saslprep::{Error, Kind, prepare};
use proptest::prelude::*;

// 6856-2.19, 4616-2.04
#[test]
fn examples_of_rfc_4013_section_3() {
    for (text, prepared) in [
        ("I\u{ad}X", Ok("IX")),
        ("user", Ok("user")),
        ("USER", Ok("USER")),
        ("\u{aa}", Ok("a")),
        ("\u{2168}", Ok("IX")),
        ("\u{7}", Err(Error::Prohibited)),
        ("\u{627}1", Err(Error::Bidirectional)),
    ] {
        for kind in [Kind::Stored, Kind::Query] {
            assert_eq!(prepare(text, kind).as_deref(), prepared.as_ref().map(|text| *text), "{text:?}");
        }
    }
}

// 6856-2.19, 6856-2.21
#[test]
fn others() {
    for (text, prepared) in [
        ("", Err(Error::Empty)),
        ("\u{ad}", Err(Error::Empty)),
        ("\u{a0}", Ok(" ")),
        ("a\u{3000}b", Ok("a b")),
        ("a b", Ok("a b")),
        // The form KC and not C, which PRECIS would have.
        ("\u{fb01}", Ok("fi")),
        ("e\u{301}", Ok("\u{e9}")),
        ("\u{212b}", Ok("\u{c5}")),
        ("a\0", Err(Error::Prohibited)),
        ("a\u{7f}", Err(Error::Prohibited)),
        ("\u{e9}\n", Err(Error::Prohibited)),
        ("\u{85}", Err(Error::Prohibited)),
        ("\u{e000}", Err(Error::Prohibited)),
        ("\u{fffd}", Err(Error::Prohibited)),
        ("\u{fdd0}", Err(Error::Prohibited)),
        ("\u{10ffff}", Err(Error::Prohibited)),
        ("\u{200e}", Err(Error::Prohibited)),
        ("\u{e0001}", Err(Error::Prohibited)),
        ("\u{2ff0}", Err(Error::Prohibited)),
        ("\u{627}\u{628}", Ok("\u{627}\u{628}")),
        ("\u{627}a\u{628}", Err(Error::Bidirectional)),
        ("a\u{627}", Err(Error::Bidirectional)),
        ("\u{627}1\u{628}", Ok("\u{627}1\u{628}")),
        ("1\u{627}", Err(Error::Bidirectional)),
    ] {
        for kind in [Kind::Stored, Kind::Query] {
            assert_eq!(prepare(text, kind).as_deref(), prepared.as_ref().map(|text| *text), "{text:?}");
        }
    }
    // A face, which Unicode has since version 6.
    assert_eq!(prepare("\u{1f600}", Kind::Stored), Err(Error::Unassigned));
    assert_eq!(prepare("\u{1f600}", Kind::Query).as_deref(), Ok("\u{1f600}"));
}

/// One character between digits, which are neutral. The other implementation takes the direction of
/// writing from the Unicode of today, we from the RFC; so only the rest is compared.
#[test]
fn every_character_as_the_crate_stringprep_has_it() {
    let mut prepared = 0;
    for character in '\0'..=char::MAX {
        let text = format!("1{character}1");
        let theirs = stringprep::saslprep(&text);
        match prepare(&text, Kind::Stored) {
            Ok(ours) => {
                prepared += 1;
                let theirs = theirs.ok();
                assert_eq!(theirs.as_deref(), Some(ours.as_ref()), "U+{:04X}", u32::from(character));
            }
            Err(Error::Bidirectional) => {}
            Err(error) => assert!(theirs.is_err(), "U+{:04X}: {error:?}", u32::from(character)),
        }
    }
    assert!(prepared > 90_000, "{prepared}");
}

proptest! {
    /// What is prepared stays as it is, and holds nothing that could break a line or a path's end.
    #[test]
    fn prepared_is_prepared(text in "\\PC{0,20}|.{0,20}|[\u{620}-\u{64a}1-9]{1,6}|[a\u{ad}\u{a0}\u{301}\u{fb01}]{1,6}") {
        for kind in [Kind::Stored, Kind::Query] {
            if let Ok(once) = prepare(&text, kind) {
                prop_assert!(!once.is_empty() && !once.chars().any(char::is_control));
                if kind == Kind::Stored {
                    prop_assert!(prepare(&once, kind).is_ok_and(|again| again == once));
                    prop_assert!(prepare(&text, Kind::Query).is_ok_and(|query| query == once));
                }
            }
        }
    }
}
