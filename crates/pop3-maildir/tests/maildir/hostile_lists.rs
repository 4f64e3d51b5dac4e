//! Lists of unique-ids that say anything.

use std::collections::BTreeSet;

use pop3_maildir::Maildir;
use proptest::prelude::*;

use crate::given_ids::{COURIER, DOVECOT, courier, disk, dovecot, list, seen};
use crate::support::{maildir, put, uids};

/// Octets as in a list, and any others.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        "[0-9]{1,11}",
        "(P|G|O|W)[!-~]{0,80}",
        "(:|)(100|101)\\.a\\.h(,S=4|)(:2,S|)",
        "[0-9]{1,3}:[0-9]{1,3}(:0|)",
        "[ -~]{0,9}",
    ];
    let line = prop::collection::vec(word, 0..5).prop_map(|words| words.join(" ").into_bytes());
    let whole = (1..9_u32, 0..4_u32, prop::collection::vec("(|P[a-c]{0,2} )(:)?(100|101|102)\\.a\\.h", 0..6))
        .prop_map(|(uid, step, rests)| {
            let lines = rests.iter().zip(0..).map(|(rest, index)| format!("{} {rest}", uid + index * step));
            lines.collect::<Vec<_>>().join("\n").into_bytes()
        });
    let head = prop_oneof!["3 V[0-9]{1,3} N[0-9]{1,3}", "1 [0-9] [0-9]", "/[1-3] [0-9] [0-9]", "[ -~]{0,9}"];
    let lines = prop_oneof![prop::collection::vec(line, 0..6).prop_map(|lines| lines.join(&b'\n')), whole];
    let end = prop_oneof![Just(&b"\n"[..]), Just(&b""[..]), Just(&b"\xff\0\r\n"[..])];
    (head, lines, end).prop_map(|(head, lines, end)| [head.as_bytes(), b"\n", &lines, end].concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    // MDR-10
    #[test]
    fn whatever_a_list_says_messages_have_different_unique_ids_that_stay(octets in hostile()) {
        for (name, config) in [(DOVECOT, dovecot("%u")), (COURIER, courier())] {
            let folder = maildir();
            put(&folder, "cur/100.a.h:2,", "one\n");
            put(&folder, "new/101.a.h", "two\n");
            put(&folder, name, &octets);
            let Ok(first) = Maildir::open_on(&disk(), folder.path(), &config) else { continue };
            prop_assert_eq!(first.snapshot().len(), 2);
            drop(first);
            let first = seen(&folder, &config);
            prop_assert_eq!(first.values().collect::<BTreeSet<_>>().len(), 2);
            put(&folder, "new/99.a.h", "three\n");
            let mut second = seen(&folder, &config);
            prop_assert_eq!(second.values().collect::<BTreeSet<_>>().len(), 3);
            second.remove(&b"three\n"[..]);
            prop_assert_eq!(second, first);
        }
    }
}

/// The numbers end, and each of them may be taken. A session must not look for another one for ever.
#[test]
fn a_list_whose_numbers_have_ended_is_refused() {
    let most = u64::MAX;
    for listed in [
        format!("/3 {most} 7\n100.a.h:2, 4 {most}:7:0\n"),
        format!("/3 {most} 7\n100.a.h:2, 4 {}:7:0\n", most - 1),
        format!("/3 {} 7\n", most - 1),
        format!("/1 {most}\n100.a.h:2, 4 {most}\n"),
    ] {
        let folder = maildir();
        put(&folder, "cur/100.a.h:2,", "one\n");
        put(&folder, "new/101.a.h", "two\n");
        put(&folder, COURIER, &listed);
        let opened = Maildir::open_on(&disk(), folder.path(), &courier());
        let error = opened.map(|maildir| uids(&maildir)).unwrap_err();
        assert!(format!("{error:?}").contains("there are no more numbers"), "{listed} {error:?}");
        assert_eq!(list(&folder, COURIER), listed);
    }
}
