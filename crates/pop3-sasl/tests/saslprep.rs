//! SASLprep with the examples of its RFC, and compared with another implementation.

use pop3_sasl::saslprep::{SaslprepError, StringKind, prepare};
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
        ("\u{7}", Err(SaslprepError::Prohibited)),
        ("\u{627}1", Err(SaslprepError::Bidirectional)),
    ] {
        for kind in [StringKind::Stored, StringKind::Query] {
            assert_eq!(prepare(text, kind).as_deref(), prepared.as_ref().map(|text| *text), "{text:?}");
        }
    }
}

// 6856-2.19, 6856-2.21
#[test]
fn others() {
    for (text, prepared) in [
        ("", Err(SaslprepError::Empty)),
        ("\u{ad}", Err(SaslprepError::Empty)),
        ("\u{a0}", Ok(" ")),
        ("a\u{3000}b", Ok("a b")),
        ("a b", Ok("a b")),
        // Form KC and not C, which PRECIS would produce.
        ("\u{fb01}", Ok("fi")),
        ("e\u{301}", Ok("\u{e9}")),
        ("\u{212b}", Ok("\u{c5}")),
        ("a\0", Err(SaslprepError::Prohibited)),
        ("a\u{7f}", Err(SaslprepError::Prohibited)),
        ("\u{e9}\n", Err(SaslprepError::Prohibited)),
        ("\u{85}", Err(SaslprepError::Prohibited)),
        ("\u{e000}", Err(SaslprepError::Prohibited)),
        ("\u{fffd}", Err(SaslprepError::Prohibited)),
        ("\u{fdd0}", Err(SaslprepError::Prohibited)),
        ("\u{10ffff}", Err(SaslprepError::Prohibited)),
        ("\u{200e}", Err(SaslprepError::Prohibited)),
        ("\u{e0001}", Err(SaslprepError::Prohibited)),
        ("\u{2ff0}", Err(SaslprepError::Prohibited)),
        ("\u{627}\u{628}", Ok("\u{627}\u{628}")),
        ("\u{627}a\u{628}", Err(SaslprepError::Bidirectional)),
        ("a\u{627}", Err(SaslprepError::Bidirectional)),
        ("\u{627}1\u{628}", Ok("\u{627}1\u{628}")),
        ("1\u{627}", Err(SaslprepError::Bidirectional)),
    ] {
        for kind in [StringKind::Stored, StringKind::Query] {
            assert_eq!(prepare(text, kind).as_deref(), prepared.as_ref().map(|text| *text), "{text:?}");
        }
    }
    // An emoji, which Unicode contains since version 6.
    assert_eq!(prepare("\u{1f600}", StringKind::Stored), Err(SaslprepError::Unassigned));
    assert_eq!(prepare("\u{1f600}", StringKind::Query).as_deref(), Ok("\u{1f600}"));
}

/// The five ideographs that Unicode 4.0 decomposes differently from 3.2 (Corrigendum 4).
const CORRECTED: [(char, char); 5] = [
    ('\u{2f868}', '\u{2136a}'),
    ('\u{2f874}', '\u{5f33}'),
    ('\u{2f91f}', '\u{43ab}'),
    ('\u{2f95f}', '\u{7aae}'),
    ('\u{2f9bf}', '\u{4d57}'),
];

// 6856-2.19, 6856-2.21: what Unicode 3.2 does not contain never makes two names equal.
#[test]
fn a_character_newer_than_unicode_3_2_never_becomes_another() {
    // A modifier letter, an encircled letter, a digit with a comma, a regional letter, an ideograph.
    for new in ["\u{1d2c}", "\u{1f150}", "\u{1f101}", "\u{1f1e6}", "\u{fa6b}"] {
        for around in ["", "a", "e\u{301}", "\u{fb01}"] {
            let text = format!("{around}{new}{around}");
            assert_eq!(prepare(&text, StringKind::Stored), Err(SaslprepError::Unassigned), "{text:?}");
            let query = prepare(&text, StringKind::Query).unwrap();
            assert!(query.contains(new), "{text:?}: {query:?}");
        }
    }
    // Nothing combines with it or across it.
    assert_eq!(prepare("e\u{1d2c}\u{301}", StringKind::Query).as_deref(), Ok("e\u{1d2c}\u{301}"));
    assert_eq!(prepare("\u{1d2c}e\u{301}", StringKind::Query).as_deref(), Ok("\u{1d2c}\u{e9}"));
    for (ideograph, decomposed) in CORRECTED {
        for kind in [StringKind::Stored, StringKind::Query] {
            assert_eq!(prepare(&ideograph.to_string(), kind).as_deref(), Ok(&*decomposed.to_string()));
        }
    }
}

/// One character between digits, which are neutral. The other implementation takes the direction of
/// writing and the normalization from the current Unicode, and we from that of the RFC. Their decisions
/// are therefore compared only where both versions agree.
#[test]
fn every_character_as_the_crate_stringprep_has_it() {
    let (mut prepared, mut unassigned, mut apart) = (0, 0, 0);
    for character in '\0'..=char::MAX {
        let text = format!("1{character}1");
        let theirs = stringprep::saslprep(&text);
        match prepare(&text, StringKind::Stored) {
            Ok(ours) if CORRECTED.iter().any(|(ideograph, _)| *ideograph == character) => {
                assert_ne!(theirs.ok().as_deref(), Some(ours.as_ref()));
            }
            Ok(ours) => {
                prepared += 1;
                let theirs = theirs.ok();
                assert_eq!(theirs.as_deref(), Some(ours.as_ref()), "U+{:04X}", u32::from(character));
            }
            Err(SaslprepError::Bidirectional) => {}
            // It normalizes before it checks for unassigned characters.
            Err(SaslprepError::Unassigned) => {
                unassigned += 1;
                apart += usize::from(theirs.is_ok());
                let query = prepare(&text, StringKind::Query).unwrap();
                assert_eq!(query, text, "U+{:04X}", u32::from(character));
            }
            Err(error) => assert!(theirs.is_err(), "U+{:04X}: {error:?}", u32::from(character)),
        }
    }
    assert!(prepared > 90_000 && unassigned > 800_000, "{prepared} {unassigned}");
    // It replaces a few hundred of them, such as U+1D2C with `A`.
    assert!(apart > 300, "{apart}");
}

proptest! {
    /// What is prepared does not change, and contains nothing that could break a line or a path.
    #[test]
    fn prepared_is_prepared(text in "\\PC{0,20}|.{0,20}|[A\u{1d2c}\u{1f150}\u{301}\u{338}\u{ad}]{1,8}|[\u{620}-\u{64a}1-9]{1,6}|[a\u{ad}\u{a0}\u{301}\u{fb01}]{1,6}") {
        for kind in [StringKind::Stored, StringKind::Query] {
            if let Ok(once) = prepare(&text, kind) {
                prop_assert!(!once.is_empty() && !once.chars().any(char::is_control));
                // New characters occur as often as before.
                for new in ['\u{1d2c}', '\u{1f150}'] {
                    prop_assert_eq!(once.matches(new).count(), text.matches(new).count());
                }
                if kind == StringKind::Stored {
                    prop_assert!(prepare(&once, kind).is_ok_and(|again| again == once));
                    prop_assert!(prepare(&text, StringKind::Query).is_ok_and(|query| query == once));
                }
            }
        }
    }
}
